"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)
_WORD = sa.String(24)


def upgrade() -> None:
    _create_hosts()
    _create_instances()
    _create_images()
    _create_leases()
    _create_ticks()


def _create_hosts() -> None:
    op.create_table(
        "hosts",
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("pool", sa.String(40), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("state", _WORD, nullable=False),
        sa.Column("flavor", _WORD, nullable=False),
        sa.Column("slots", sa.Integer, nullable=False),
        sa.Column("reserved", sa.Integer, nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("state_since", _MOMENT, nullable=False),
        sa.Column("server_id", sa.String(255)),
        sa.Column("address", sa.String(45)),
        sa.Column("host_key", sa.Text),
        sa.Column("errors", sa.Integer, nullable=False),
        sa.Column("last_error", sa.Text, nullable=False),
        sa.Column("last_error_at", _MOMENT),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("active_at", _MOMENT),
        sa.Column("first_used_at", _MOMENT),
        sa.Column("spawned_by", sa.String(255)),
        sa.PrimaryKeyConstraint("name", name="pk_hosts"),
        sa.UniqueConstraint("pool", "number", name="uq_hosts_pool_number"),
        sa.UniqueConstraint("spawned_by", name="uq_hosts_spawned_by"),
        sa.CheckConstraint("reserved >= 0 AND reserved <= slots", name=op.f("ck_hosts_never_over_committed")),
    )


def _create_instances() -> None:
    op.create_table(
        "instances",
        sa.Column("id", sa.String(63), nullable=False),
        sa.Column("pool", sa.String(40), nullable=False),
        sa.Column("blueprint", sa.String(255), nullable=False),
        sa.Column("user", sa.String(255), nullable=False),
        sa.Column("state", _WORD, nullable=False),
        sa.Column("slots", sa.Integer, nullable=False),
        sa.Column("route", sa.String(64), nullable=False),
        sa.Column("token", sa.String(64), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("state_since", _MOMENT, nullable=False),
        sa.Column("host", sa.String(63)),
        sa.Column("port", sa.Integer),
        sa.Column("last_host", sa.String(63)),
        sa.Column("expires_at", _MOMENT),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("options", sa.JSON, nullable=False),
        sa.Column("proxy", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_instances"),
        sa.ForeignKeyConstraint(["host"], ["hosts.name"], name="fk_instances_host"),
        sa.UniqueConstraint("route", name="uq_instances_route"),
        sa.UniqueConstraint("host", "port", name="uq_instances_host_port"),
        sa.CheckConstraint("slots > 0", name=op.f("ck_instances_takes_room")),
        sa.CheckConstraint("(host IS NULL) = (port IS NULL)", name=op.f("ck_instances_port_with_host")),
    )
    op.create_index("ix_instances_state", "instances", ["state"])


def _create_images() -> None:
    op.create_table(
        "images",
        sa.Column("pool", sa.String(40), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("id", sa.String(80), nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("layers", sa.JSON, nullable=False),
        sa.Column("archive", sa.String(255), nullable=False),
        sa.Column("source", sa.String(255), nullable=False),
        sa.PrimaryKeyConstraint("pool", "name", name="pk_images"),
    )
    op.create_table(
        "host_images",
        sa.Column("host", sa.String(63), nullable=False),
        sa.Column("image_id", sa.String(80), nullable=False),
        sa.Column("verified_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("host", "image_id", name="pk_host_images"),
        sa.ForeignKeyConstraint(["host"], ["hosts.name"], name="fk_host_images_host"),
    )
    op.create_index("ix_host_images_image_id", "host_images", ["image_id"])


def _create_leases() -> None:
    op.create_table(
        "leases",
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("holder", sa.String(255), nullable=False),
        sa.Column("expires_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_leases"),
    )


def _create_ticks() -> None:
    op.create_table(
        "ticks",
        sa.Column("id", sa.Integer, autoincrement=True, nullable=False),
        sa.Column("pool", sa.String(40), nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("left_undone", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_ticks"),
    )
    op.create_index("ix_ticks_pool_at", "ticks", ["pool", "at"])
    op.create_table(
        "decisions",
        sa.Column("id", sa.Integer, autoincrement=True, nullable=False),
        sa.Column("tick", sa.Integer, nullable=False),
        sa.Column("kind", _WORD, nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("flavor", _WORD),
        sa.PrimaryKeyConstraint("id", name="pk_decisions"),
        sa.ForeignKeyConstraint(["tick"], ["ticks.id"], name="fk_decisions_tick", ondelete="CASCADE"),
    )
    op.create_index("ix_decisions_subject_id", "decisions", ["subject", "id"])
    op.create_index("ix_decisions_tick", "decisions", ["tick"])
