"""One name for each image: what podman and Docker Hub need not say is left out of the names on record."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    bind = op.get_bind()
    for pool, name in bind.execute(sa.text("SELECT DISTINCT pool, name FROM image_versions")).all():
        short = _short(name)
        if short != name:
            _rename(bind, {"pool": pool, "name": name, "short": short})


def _short(name: str) -> str:
    for registry in ("docker.io/", "index.docker.io/", "localhost/"):
        name = name.removeprefix(registry)
    return name.removeprefix("library/") if name.count("/") == 1 else name


def _rename(bind: sa.Connection, names: dict[str, str]) -> None:
    """Versions under the long name become older ones of the short name, where that is on record as well."""
    if bind.scalar(sa.text("SELECT count(*) FROM images WHERE pool = :pool AND name = :short"), names):
        bind.execute(sa.text("DELETE FROM images WHERE pool = :pool AND name = :name"), names)
        older = "SELECT max(number) FROM image_versions WHERE pool = :pool AND name = :name"
        lower = "UPDATE image_versions SET number = number - :highest WHERE pool = :pool AND name = :name"
        bind.execute(sa.text(lower), names | {"highest": bind.scalar(sa.text(older), names)})
    for statement in (
        "DELETE FROM image_versions WHERE pool = :pool AND name = :name"
        " AND id IN (SELECT id FROM image_versions WHERE pool = :pool AND name = :short)",
        "UPDATE images SET name = :short WHERE pool = :pool AND name = :name",
        "UPDATE image_versions SET name = :short WHERE pool = :pool AND name = :name",
    ):
        bind.execute(sa.text(statement), names)
