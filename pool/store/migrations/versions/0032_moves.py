"""Moves of sessions to other hosts: room that is reserved there, the backup that goes along, and which run did it."""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("instances", sa.Column("to_host", sa.String(63)))
    op.add_column("instances", sa.Column("to_port", sa.Integer))
    op.add_column("instances", sa.Column("to_gpu_ids", sa.JSON))
    op.add_column("instances", sa.Column("carried", sa.String(80), nullable=False, server_default=""))
    op.add_column("instances", sa.Column("moved_by", sa.String(255), nullable=False, server_default=""))
