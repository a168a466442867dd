"""What a device told of its own alarm beside value and limit."""

import sqlalchemy as sa

from datastore.migrations import parts

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Alarms that are there came without."""
    parts.add_columns("alarm", [sa.Column("details", parts.LONG_TEXT)])


def downgrade() -> None:
    """Forget the details; the earlier release knew none."""
    parts.drop_columns("alarm", ("details",))
