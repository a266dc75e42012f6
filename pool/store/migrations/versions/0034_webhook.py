"""Changes have a mark for the platform's webhook, as for each audience."""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:  # what happened before counts as told: an older version has no webhook
    op.add_column("changes", sa.Column("told_webhook", sa.Boolean, nullable=False, server_default=sa.true()))
    op.create_index("ix_changes_told_webhook", "changes", ["told_webhook"])
