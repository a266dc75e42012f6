"""When it was a session's turn to be started on its host; sessions of earlier versions have none."""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("timings", sa.Column("turn", sa.DateTime(timezone=True)))
