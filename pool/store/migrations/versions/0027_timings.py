"""When each session came through the phases of its start; sessions of earlier versions have none."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0023"
branch_labels = None
depends_on = None

PHASES = ("accepted", "picked_up", "room", "created", "started", "answering", "routed", "told")


def upgrade() -> None:
    op.create_table(
        "timings",
        sa.Column("instance", sa.String(63), nullable=False),
        *(sa.Column(phase, sa.DateTime(timezone=True)) for phase in PHASES),
        sa.PrimaryKeyConstraint("instance", name="pk_timings"),
        sa.ForeignKeyConstraint(["instance"], ["instances.id"], name="fk_timings_instance", ondelete="CASCADE"),
    )
    op.create_index("ix_timings_accepted", "timings", ["accepted"])
