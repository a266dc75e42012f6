"""What the open page of a session is told: a message of the operator, and how often its user may extend it."""

import sqlalchemy as sa
from alembic import op

from pool.store.column_types import UtcDateTime

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("extend_by", "extensions"):
        op.add_column("instances", sa.Column(name, sa.Integer, nullable=False, server_default="0"))
    op.create_table(
        "messages",
        sa.Column("scope", sa.String(24), primary_key=True),
        sa.Column("subject", sa.String(63), primary_key=True),
        sa.Column("words", sa.Text, nullable=False),
        sa.Column("level", sa.String(24), nullable=False),
        sa.Column("said_at", UtcDateTime, nullable=False),
        sa.Column("until", UtcDateTime, nullable=False),
    )


def downgrade() -> None:
    """Forget messages, and the extensions that users had left: the version before knows neither."""
    op.drop_table("messages")
    for name in ("extensions", "extend_by"):
        op.drop_column("instances", name)
