"""Backups of sessions; and of each session what is kept, and which backup it began with."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("instances", sa.Column("keep", sa.JSON, nullable=False, server_default="{}"))
    op.add_column("instances", sa.Column("restored_from", sa.String(80), nullable=False, server_default=""))
    op.create_table(
        "backups",
        sa.Column("id", sa.String(80), nullable=False),
        sa.Column("instance", sa.String(63), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("pool", sa.String(40), nullable=False),
        sa.Column("blueprint", sa.String(255), nullable=False),
        sa.Column("user", sa.String(255), nullable=False),
        sa.Column("cause", sa.String(24), nullable=False),
        sa.Column("state", sa.String(24), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state_since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("files", sa.Integer, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("snapshot", sa.String(64), nullable=False),
        sa.Column("fault", sa.String(24)),
        sa.Column("reason", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_backups"),
        sa.UniqueConstraint("instance", "number", name="uq_backups_instance_number"),
    )
    op.create_index("ix_backups_user_blueprint", "backups", ["user", "blueprint"])
    op.create_index("ix_backups_state", "backups", ["state"])
