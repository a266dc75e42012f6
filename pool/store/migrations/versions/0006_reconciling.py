"""What housekeeping remembers from tick to tick: hosts out of reach, strays, tries to remove."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.add_column("hosts", sa.Column("unreachable_since", moment))
    op.add_column("hosts", sa.Column("repaired_at", moment))
    op.add_column("hosts", sa.Column("removals", sa.Integer, nullable=False, server_default="0"))
    op.add_column("hosts", sa.Column("remove_after", moment))
    op.create_table(
        "strays",
        sa.Column("pool", sa.String(40), nullable=False),
        sa.Column("id", sa.String(255), nullable=False),
        sa.Column("seen_at", moment, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_at", moment),
        sa.PrimaryKeyConstraint("pool", "id", name="pk_strays"),
    )
