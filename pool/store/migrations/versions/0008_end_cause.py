"""Why a session ended is a value, of the session and of the decision that led to it."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("instances", sa.Column("end_cause", sa.String(24)))
    op.add_column("decisions", sa.Column("cause", sa.String(24)))
