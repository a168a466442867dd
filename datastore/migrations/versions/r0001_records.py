"""Devices, alarms, awards, accounts, settings, revoked tokens and the audit log."""

import sqlalchemy as sa
from alembic import op

from datastore.migrations import parts
from datastore.migrations.parts import ID, JSON, LONG_TEXT, NUMBER

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_CACHED = ("devices", "users", "settings", "revoked")


def upgrade() -> None:
    """Create the record tables of the first release."""
    tables = sa.MetaData(naming_convention=parts.NAMES)
    _devices_and_alarms(tables)
    _schedule(tables)
    _accounts(tables)
    _bookkeeping(tables)
    parts.create(tables)
    parts.only_grows("audit")
    parts.insert_missing(tables.tables["record_version"], "name", [{"name": name, "version": 0} for name in _CACHED])


def _devices_and_alarms(tables: sa.MetaData) -> None:
    sa.Table(
        "registered_device",
        tables,
        sa.Column("id", ID, sa.Identity(), primary_key=True),
        sa.Column("device_id", sa.String(128), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("site_id", sa.String(128), nullable=False),
        sa.Column("parent", sa.String(128)),
        sa.Column("interval_s", NUMBER, nullable=False),
        sa.Column("sign", sa.SmallInteger, nullable=False),
        sa.Column("simulated", sa.Boolean, nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("rating", JSON, nullable=False),
        sa.Column("info", JSON, nullable=False),
        sa.Column("deleted", sa.Boolean, nullable=False),
        sa.UniqueConstraint("device_id", "kind"),
    )
    sa.Table(
        "alarm",
        tables,
        sa.Column("id", ID, sa.Identity(), primary_key=True),
        sa.Column("device_id", sa.String(128), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("code", sa.String(128), nullable=False),
        sa.Column("severity", sa.String(32), nullable=False),
        sa.Column("message", LONG_TEXT, nullable=False),
        sa.Column("raised", sa.BigInteger, nullable=False),
        sa.Column("metric", sa.String(128), nullable=False),
        sa.Column("value", NUMBER),
        sa.Column("limit", NUMBER),
        sa.Column("cleared", sa.BigInteger),
        sa.Column("acknowledged_by", sa.String(255), nullable=False),
        sa.Column("acknowledged", sa.BigInteger),
        sa.Column("simulated", sa.Boolean, nullable=False),
        sa.Index(None, "raised"),
        sa.Index(None, "cleared"),
    )


def _schedule(tables: sa.MetaData) -> None:
    sa.Table(
        "schedule_event",
        tables,
        sa.Column("index", ID, sa.Identity(), primary_key=True),
        sa.Column("mode", sa.String(64), nullable=False),
        sa.Column("time_start", sa.BigInteger, nullable=False),
        sa.Column("time_end", sa.BigInteger, nullable=False),
        sa.Column("is_get", sa.Boolean, nullable=False),
        sa.Column("interrupt", sa.Boolean, nullable=False),
        sa.Column("quote_capacity", NUMBER, nullable=False),
        sa.Column("power", NUMBER, nullable=False),
        sa.Column("price", NUMBER, nullable=False),
        sa.Column("quote_price", NUMBER, nullable=False),
        sa.Column("quote_code", sa.String(128), nullable=False),
        sa.Column("title", LONG_TEXT, nullable=False),
        sa.Column("description", LONG_TEXT, nullable=False),
        sa.Column("simulated", sa.Boolean, nullable=False),
        sa.Index(None, "time_start"),
        sa.Index(None, "time_end"),
    )


def _accounts(tables: sa.MetaData) -> None:
    sa.Table(
        "account",
        tables,
        sa.Column("id", ID, sa.Identity(), primary_key=True),
        sa.Column("username", sa.String(255), nullable=False),
        sa.Column("password_hash", sa.String(512), nullable=False),
        sa.Column("roles", JSON, nullable=False),
        sa.Column("email", sa.String(320), nullable=False),
        sa.Column("active", sa.Boolean, nullable=False),
        sa.Column("confirmed_at", sa.BigInteger),
        sa.UniqueConstraint("username"),
    )
    sa.Table(
        "revoked_token",
        tables,
        sa.Column("token_id", sa.String(255), primary_key=True),
        sa.Column("expires", sa.BigInteger, nullable=False),
        sa.Index(None, "expires"),
    )


def _bookkeeping(tables: sa.MetaData) -> None:
    sa.Table("setting", tables, sa.Column("name", sa.String(255), primary_key=True), sa.Column("value", LONG_TEXT, nullable=False))
    sa.Table(
        "audit",
        tables,
        sa.Column("id", ID, sa.Identity(), primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("who", sa.String(255), nullable=False),
        sa.Column("action", sa.String(128), nullable=False),
        sa.Column("what", LONG_TEXT, nullable=False),
    )
    sa.Table(
        "record_version", tables, sa.Column("name", sa.String(64), primary_key=True), sa.Column("version", sa.BigInteger, nullable=False)
    )


def downgrade() -> None:
    """Drop what the first release created."""
    parts.drop(("record_version", "audit", "setting", "revoked_token", "account", "schedule_event", "alarm", "registered_device"))
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION IF EXISTS audit_only_grows()")
