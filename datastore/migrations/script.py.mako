"""${message}"""

import sqlalchemy as sa
from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What this release adds."""
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    """The way back, keeping what the earlier release knew."""
    ${downgrades if downgrades else "pass"}
