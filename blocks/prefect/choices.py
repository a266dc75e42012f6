"""What operators choose among in the forms of flows: the names that Prefect's server has on record now."""

import json
from collections import defaultdict

import sqlalchemy as sa
from prefect.server.database import provide_database_interface

HOST = "host"
#: Kinds of blocks whose names are chosen.
NAMED = ("pool-config", "blueprint", "course", "registry-login")
HOSTS_OF = "hosts-"  # key of the table of a pool's hosts, as each tick that saw them change leaves it


async def present_choices() -> dict[str, list[str]]:
    """Read the names of blocks, by their kinds, and of the hosts of all pools."""
    db = provide_database_interface()
    kind, block, table = db.BlockType, db.BlockDocument, db.ArtifactCollection
    named = sa.select(kind.slug, block.name).join(block, block.block_type_id == kind.id).order_by(block.name)
    async with db.session_context() as session:
        rows = await session.execute(named.where(kind.slug.in_(NAMED), block.is_anonymous.is_(False)))
        found = defaultdict[str, list[str]](list)
        for slug, name in rows:
            found[slug].append(name)
        keys = [HOSTS_OF + pool for pool in found["pool-config"]]
        tables = await session.scalars(sa.select(table.data).where(table.key.in_(keys)).order_by(table.key))
        found[HOST] = [row["host"] for data in tables for row in json.loads(data)]
    return dict(found)
