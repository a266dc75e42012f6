"""A backup may stand on another one, and hold what changed since."""

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:  # what was made before is whole
    op.add_column("backups", sa.Column("base", sa.String(80), nullable=False, server_default=""))
