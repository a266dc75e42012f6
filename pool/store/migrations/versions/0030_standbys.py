"""Standbys: containers that are started ahead, the room that they hold, and the sessions that have taken one."""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
HAVE_ROOM = "standby >= 0 AND reserved + standby <= slots"


def upgrade() -> None:
    op.add_column("instances", sa.Column("standby", sa.String(63), nullable=False, server_default=""))
    _add_room()
    op.create_table(
        "standbys",
        sa.Column("id", sa.String(63), nullable=False),
        sa.Column("pool", sa.String(40), nullable=False),
        sa.Column("blueprint", sa.String(255), nullable=False),
        sa.Column("state", sa.String(24), nullable=False),
        sa.Column("slots", sa.Integer, nullable=False),
        sa.Column("route", sa.String(64), nullable=False),
        sa.Column("token", sa.String(64), nullable=False),
        sa.Column("made_by", sa.String(64), nullable=False),
        sa.Column("image", sa.String(80), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("state_since", MOMENT, nullable=False),
        sa.Column("host", sa.String(63)),
        sa.Column("port", sa.Integer),
        sa.Column("gpus", sa.Integer, nullable=False),
        sa.Column("gpu_ids", sa.JSON),
        sa.Column("start_timeout", sa.Integer, nullable=False),
        sa.Column("session", sa.String(63), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_standbys"),
        sa.ForeignKeyConstraint(["host"], ["hosts.name"], name="fk_standbys_host"),
        sa.UniqueConstraint("host", "port", name="uq_standbys_host_port"),
        sa.CheckConstraint("slots > 0", name=op.f("ck_standbys_takes_room")),
        sa.CheckConstraint("(host IS NULL) = (port IS NULL)", name=op.f("ck_standbys_port_with_host")),
    )
    op.create_index("ix_standbys_pool_state", "standbys", ["pool", "state"])


def _add_room() -> None:
    """SQLite adds a column with a check of its own, and no check of a table that is there."""
    if op.get_bind().dialect.name == "sqlite":
        name = "CONSTRAINT ck_hosts_standbys_have_room CHECK"
        op.execute(f"ALTER TABLE hosts ADD COLUMN standby INTEGER DEFAULT '0' NOT NULL {name} ({HAVE_ROOM})")
        return
    op.add_column("hosts", sa.Column("standby", sa.Integer, nullable=False, server_default="0"))
    op.create_check_constraint(op.f("ck_hosts_standbys_have_room"), "hosts", HAVE_ROOM)
