"""Visits of all pools are found by their moment: each tick looks for those that are to be forgotten."""

from alembic import op

revision = "0028"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_visits_at", "visits", ["at"], if_not_exists=True)
