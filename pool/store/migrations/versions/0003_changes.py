"""Every change of state, for "why?" and for the events of Prefect."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "changes",
        sa.Column("id", sa.Integer, autoincrement=True, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("noun", sa.String(24), nullable=False),
        sa.Column("subject", sa.String(63), nullable=False),
        sa.Column("pool", sa.String(40), nullable=False),
        sa.Column("state", sa.String(24), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("host", sa.String(63), nullable=False),
        sa.Column("told", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_changes"),
    )
    op.create_index("ix_changes_told", "changes", ["told"])
    op.create_index("ix_changes_noun_subject_id", "changes", ["noun", "subject", "id"])
    op.create_index("ix_changes_pool_at", "changes", ["pool", "at"])
