"""Messages kept whole beside the readings made of them, and turns for raising alarms."""

import sqlalchemy as sa
from alembic import op

from datastore.migrations import parts

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_VERSIONS = sa.table("record_version", sa.column("name", sa.String), sa.column("version", sa.BigInteger))


def upgrade() -> None:
    """Create the table of documents; count the changes of alarms."""
    tables = sa.MetaData(naming_convention=parts.NAMES)
    sa.Table(
        "document",
        tables,
        sa.Column("id", parts.ID, sa.Identity(), primary_key=True),
        sa.Column("collection", sa.String(64), nullable=False),
        sa.Column("received", sa.BigInteger, nullable=False),
        sa.Column("body", parts.LONG_TEXT, nullable=False),
        sa.Index(None, "collection", "received"),
    )
    parts.create(tables)
    parts.insert_missing(_VERSIONS, "name", [{"name": "alarms", "version": 0}])


def downgrade() -> None:
    """Drop the documents; the earlier release knew none."""
    op.execute(sa.delete(_VERSIONS).where(_VERSIONS.c.name == "alarms"))
    parts.drop(("document",))
