"""How a host's beginning went, since when it is unused, and until when it drains."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for moment in ("answered_at", "idle_since", "drain_deadline"):
        op.add_column("hosts", sa.Column(moment, sa.DateTime(timezone=True)))
    op.add_column("hosts", sa.Column("fault", sa.String(24)))
