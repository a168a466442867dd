"""Drawers for the small things of services, alarms that were put aside, the audit log by time."""

import sqlalchemy as sa
from alembic import op

from datastore.migrations import parts

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_VERSIONS = sa.table("record_version", sa.column("name", sa.String), sa.column("version", sa.BigInteger))


def _audit() -> sa.Table:
    described = sa.MetaData(naming_convention=parts.NAMES)
    columns = (sa.Column("id", parts.ID, primary_key=True), sa.Column("at", sa.BigInteger, nullable=False))
    return sa.Table("audit", described, *columns, sa.Index(None, "at", "id"))


def upgrade() -> None:
    """Create the table of entries; alarms that are there were put aside by nobody."""
    tables = sa.MetaData(naming_convention=parts.NAMES)
    sa.Table(
        "entry",
        tables,
        sa.Column("number", parts.ID, sa.Identity(), primary_key=True),
        sa.Column("drawer", sa.String(32), nullable=False),
        sa.Column("id", sa.String(128).with_variant(sa.String(128, collation="C"), "postgresql"), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("body", parts.LONG_TEXT, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("drawer", "id"),
        sa.Index(None, "drawer", "at", "id"),
        sa.Index(None, "drawer", "subject", "at", "id"),
    )
    parts.create(tables)
    # the default is also for a process of the earlier release that still writes while this one starts
    by = sa.Column("shelved_by", sa.String(255), nullable=False, server_default="")
    parts.add_columns("alarm", [by, sa.Column("shelved_until", sa.BigInteger)])
    parts.add_columns("schedule_event", [sa.Column("transfer", parts.NUMBER, nullable=False, server_default="0")])
    parts.give_numbers_once("schedule_event")  # from now on awards can be dropped
    parts.add_indexes(_audit())


def downgrade() -> None:
    """Drop the entries with the counts of their changes, and who put alarms aside; the earlier release knew none."""
    op.execute(sa.delete(_VERSIONS).where(_VERSIONS.c.name.like("entries of %")))
    parts.drop_indexes(_audit())
    parts.drop(("entry",))
    parts.drop_columns("alarm", ("shelved_by", "shelved_until"))
    parts.drop_columns("schedule_event", ("transfer",))
    parts.give_numbers_once("schedule_event", once=False)
