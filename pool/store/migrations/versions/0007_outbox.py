"""The table of changes is the outbox of everyone who must hear of them: a mark for each audience."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

MARKS = ("told_platform", "told_visitors", "told_page")


def upgrade() -> None:
    for mark in MARKS:  # what happened before counts as told: an old version told it
        op.add_column("changes", sa.Column(mark, sa.Boolean, nullable=False, server_default=sa.true()))
        op.create_index(f"ix_changes_{mark}", "changes", [mark])
