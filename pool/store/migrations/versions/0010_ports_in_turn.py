"""Session ports of a host are taken in turn, so that one that came free is not taken again soon."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("hosts", sa.Column("last_port", sa.Integer))
