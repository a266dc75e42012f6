"""Images in ``images/`` that their pool does not want are known and not offered; sessions may have GPUs."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("images", sa.Column("unwanted", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("instances", sa.Column("gpus", sa.Integer, nullable=False, server_default="0"))
    op.add_column("instances", sa.Column("gpu_ids", sa.JSON))
