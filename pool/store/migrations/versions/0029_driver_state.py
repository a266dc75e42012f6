"""State of drivers: key-value records by namespace, and the last version that each namespace gave."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
KEY = sa.String(255).with_variant(sa.String(255, collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "driver_state",
        sa.Column("namespace", sa.String(63), nullable=False),
        sa.Column("key", KEY, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("written_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT),
        sa.PrimaryKeyConstraint("namespace", "key", name="pk_driver_state"),
    )
    op.create_index("ix_driver_state_expires_at", "driver_state", ["expires_at"])
    op.create_table(
        "driver_versions",
        sa.Column("namespace", sa.String(63), nullable=False),
        sa.Column("last", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("namespace", name="pk_driver_versions"),
    )
