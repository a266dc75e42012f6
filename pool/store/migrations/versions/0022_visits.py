"""Visits: what is kept of a session without its names. Those that are on record become the first ones."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0014"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
OLD = sa.text(
    "SELECT pool, created_at, state_since, expires_at, slots, (SELECT CASE WHEN changes.state = 'starting' THEN at END"
    " FROM changes WHERE noun = 'instance' AND subject = instances.id AND changes.state IN ('queued', 'starting')"
    " ORDER BY changes.id DESC LIMIT 1) AS placed FROM instances WHERE state IN ('deleted', 'failed')"
).columns(created_at=MOMENT, state_since=MOMENT, expires_at=MOMENT, placed=MOMENT)
BATCH = 5000


def upgrade() -> None:
    visits = op.create_table(
        "visits",
        sa.Column("id", sa.Integer, autoincrement=True, nullable=False),
        sa.Column("pool", sa.String(40), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("slots", sa.Integer, nullable=False),
        sa.Column("waited", sa.Integer),
        sa.Column("stayed", sa.Integer),
        sa.Column("allowed", sa.Integer, nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint("id", name="pk_visits"),
    )
    op.create_index("ix_visits_pool_at", "visits", ["pool", "at"])
    bind = op.get_bind()
    rows = bind.execute(OLD).all()
    for first in range(0, len(rows), BATCH):
        bind.execute(visits.insert(), [_visit(row) for row in rows[first : first + BATCH]])


def _visit(row: sa.Row[Any]) -> dict[str, Any]:
    visit = {"pool": row.pool, "at": row.created_at, "slots": row.slots, "waited": None, "stayed": None, "allowed": 0}
    if row.placed:
        visit |= {"waited": _seconds(row.created_at, row.placed), "stayed": _seconds(row.placed, row.state_since)}
        visit |= {"allowed": _seconds(row.placed, row.expires_at)} if row.expires_at else {}
    return visit


def _seconds(first: datetime, last: datetime) -> int:
    return max(0, round((last - first).total_seconds()))
