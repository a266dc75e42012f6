"""Session ports of a host are taken in turn; what ended sessions had as their secret is cleared."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("hosts", sa.Column("last_port", sa.Integer))
    op.execute("UPDATE instances SET token = '' WHERE state IN ('deleted', 'failed')")
    op.create_index("ix_instances_state_state_since", "instances", ["state", "state_since"])
