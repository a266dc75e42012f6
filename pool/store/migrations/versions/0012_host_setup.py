"""What a host was configured with, and since when its disk has too little room.

Hosts that are in service already were configured by a program that recorded nothing: they count as of another version.
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("hosts", sa.Column("setup", sa.String(12), nullable=False, server_default=""))
    op.add_column("hosts", sa.Column("disk_low_since", sa.DateTime(timezone=True)))
    op.execute("UPDATE hosts SET setup = 'none' WHERE state = 'active'")
