"""One name for each user: accents that stand apart from their letters in names on record are composed with these."""

import unicodedata

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("instances", "changes", "backups"):
        table = sa.table(name, sa.column("user"))
        for user in op.get_bind().scalars(sa.select(table.c.user).distinct()).all():
            composed = unicodedata.normalize("NFC", user)
            if composed != user:
                op.execute(table.update().where(table.c.user == user).values(user=composed))


def downgrade() -> None:
    """Leave the names as they are: the version before reads them, too."""
