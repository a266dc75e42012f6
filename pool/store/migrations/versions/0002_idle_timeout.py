"""How long a session may be idle, as its blueprint said when it was asked for."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("instances", sa.Column("idle_timeout", sa.Integer, nullable=False, server_default="0"))
