"""Devices, alarms, awards, accounts, settings, revoked tokens and the audit log."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_CACHED = ("devices", "users", "settings", "revoked")


def upgrade() -> None:
    """Create the record tables of the first release."""
    _devices_and_alarms()
    _schedule()
    _accounts()
    _bookkeeping()


def _devices_and_alarms() -> None:
    op.create_table(
        "registered_device",
        sa.Column("id", _ID, primary_key=True, autoincrement=True),
        sa.Column("device_id", sa.String(128), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("site_id", sa.String(128), nullable=False),
        sa.Column("parent", sa.String(128)),
        sa.Column("interval_s", sa.Float(53), nullable=False),
        sa.Column("sign", sa.SmallInteger, nullable=False),
        sa.Column("simulated", sa.Boolean, nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("rating", sa.JSON, nullable=False),
        sa.Column("info", sa.JSON, nullable=False),
        sa.Column("deleted", sa.Boolean, nullable=False),
        sa.UniqueConstraint("device_id", "kind", name="uq_registered_device_device_id_kind"),
    )
    op.create_table(
        "alarm",
        sa.Column("id", _ID, primary_key=True, autoincrement=True),
        sa.Column("device_id", sa.String(128), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("code", sa.String(128), nullable=False),
        sa.Column("severity", sa.String(32), nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("raised", sa.BigInteger, nullable=False),
        sa.Column("metric", sa.String(128), nullable=False),
        sa.Column("value", sa.Float(53)),
        sa.Column("limit", sa.Float(53)),
        sa.Column("cleared", sa.BigInteger),
        sa.Column("acknowledged_by", sa.String(255), nullable=False),
        sa.Column("acknowledged", sa.BigInteger),
        sa.Column("simulated", sa.Boolean, nullable=False),
    )
    op.create_index("ix_alarm_raised", "alarm", ["raised"])
    op.create_index("ix_alarm_cleared", "alarm", ["cleared"])


def _schedule() -> None:
    op.create_table(
        "schedule_event",
        sa.Column("index", _ID, primary_key=True, autoincrement=True),
        sa.Column("mode", sa.String(64), nullable=False),
        sa.Column("time_start", sa.BigInteger, nullable=False),
        sa.Column("time_end", sa.BigInteger, nullable=False),
        sa.Column("is_get", sa.Boolean, nullable=False),
        sa.Column("interrupt", sa.Boolean, nullable=False),
        sa.Column("quote_capacity", sa.Float(53), nullable=False),
        sa.Column("power", sa.Float(53), nullable=False),
        sa.Column("price", sa.Float(53), nullable=False),
        sa.Column("quote_price", sa.Float(53), nullable=False),
        sa.Column("quote_code", sa.String(128), nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("simulated", sa.Boolean, nullable=False),
    )
    op.create_index("ix_schedule_event_time_start", "schedule_event", ["time_start"])
    op.create_index("ix_schedule_event_time_end", "schedule_event", ["time_end"])


def _accounts() -> None:
    op.create_table(
        "account",
        sa.Column("id", _ID, primary_key=True, autoincrement=True),
        sa.Column("username", sa.String(255), nullable=False),
        sa.Column("password_hash", sa.String(512), nullable=False),
        sa.Column("roles", sa.JSON, nullable=False),
        sa.Column("email", sa.String(320), nullable=False),
        sa.Column("active", sa.Boolean, nullable=False),
        sa.Column("confirmed_at", sa.BigInteger),
        sa.UniqueConstraint("username", name="uq_account_username"),
    )
    op.create_table(
        "revoked_token",
        sa.Column("token_id", sa.String(255), primary_key=True),
        sa.Column("expires", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_revoked_token_expires", "revoked_token", ["expires"])


def _bookkeeping() -> None:
    op.create_table("setting", sa.Column("name", sa.String(255), primary_key=True), sa.Column("value", sa.Text, nullable=False))
    op.create_table(
        "audit",
        sa.Column("id", _ID, primary_key=True, autoincrement=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("who", sa.String(255), nullable=False),
        sa.Column("action", sa.String(128), nullable=False),
        sa.Column("what", sa.Text, nullable=False),
    )
    if op.get_bind().dialect.name == "sqlite":
        # The log only grows, whatever tool opens the file.
        for verb in ("UPDATE", "DELETE"):
            refuse = "BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END"
            op.execute(f"CREATE TRIGGER audit_no_{verb.lower()} BEFORE {verb} ON audit {refuse}")
    versions = op.create_table(
        "record_version", sa.Column("name", sa.String(64), primary_key=True), sa.Column("version", sa.BigInteger, nullable=False)
    )
    op.bulk_insert(versions, [{"name": name, "version": 0} for name in _CACHED])


def downgrade() -> None:
    """Drop what the first release created."""
    for table in ("record_version", "audit", "setting", "revoked_token", "account", "schedule_event", "alarm", "registered_device"):
        op.drop_table(table)
