"""The history of a session names its user, and the sessions of a user are found without reading all."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("changes", sa.Column("user", sa.String(255), nullable=False, server_default=""))
    op.create_index("ix_instances_user_created_at", "instances", ["user", "created_at"])
