"""Courses as the pools' last ticks read them, and of each visit the course that it was of; earlier ones have none."""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("pool_configs", sa.Column("courses", sa.JSON, nullable=False, server_default="[]"))
    op.add_column("visits", sa.Column("course", sa.String(255), nullable=False, server_default=""))
