"""How long a session may take to start; and what each pool was configured as last.

By the first no run that starts a session in time is taken for lost; by the second a pool whose block is gone goes on.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("instances", sa.Column("start_timeout", sa.Integer, nullable=False, server_default="60"))
    op.create_table(
        "pool_configs",
        sa.Column("pool", sa.String(40), nullable=False),
        sa.Column("config", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("pool", name="pk_pool_configs"),
    )
