"""Places that had a repository of backups are remembered: none is made there anew."""

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:  # which places were used before is not known; see pool/backups/places.py
    op.create_table(
        "backup_places",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_backup_places"),
    )


def downgrade() -> None:
    op.drop_table("backup_places")
