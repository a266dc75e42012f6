"""Where each image came from, when it was looked at, which versions there were, and what was retired."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for column in (
        sa.Column("layer_sizes", sa.JSON, nullable=False, server_default="[]"),
        sa.Column("digest", sa.String(80), nullable=False, server_default=""),
        sa.Column("credentials", sa.String(255), nullable=False, server_default=""),
        sa.Column("looked_at", sa.DateTime(timezone=True)),
        sa.Column("read_from", sa.String(80), nullable=False, server_default=""),
        sa.Column("retired_at", sa.DateTime(timezone=True)),
    ):
        op.add_column("images", column)
    op.create_table(
        "image_versions",
        sa.Column("pool", sa.String(40), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("id", sa.String(80), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("layers", sa.JSON, nullable=False),
        sa.Column("layer_sizes", sa.JSON, nullable=False),
        sa.Column("digest", sa.String(80), nullable=False),
        sa.PrimaryKeyConstraint("pool", "name", "id", name="pk_image_versions"),
    )
    op.execute(
        "INSERT INTO image_versions (pool, name, id, number, size, layers, layer_sizes, digest)"
        " SELECT pool, name, id, 1, size, layers, '[]', '' FROM images"
    )
