"""What operators choose among in the forms of flows: the names that this process's Prefect server has on record now."""

import json
from collections import defaultdict
from typing import Any

from prefect.server import models
from prefect.server.database import provide_database_interface
from prefect.server.schemas import filters

HOST = "host"
#: Kinds of blocks whose names are chosen.
NAMED = ("pool-config", "blueprint", "course", "registry-login")
HOSTS_OF = "hosts-"  # key of the table of a pool's hosts, as each tick that saw them change leaves it
#: Their decorators hide that they are awaited.
_documents: Any = models.block_documents
_artifacts: Any = models.artifacts


async def present_choices() -> dict[str, list[str]]:
    """Read the names of blocks, by their kinds, and of the hosts of all pools."""
    kinds = filters.BlockTypeFilter(slug=filters.BlockTypeFilterSlug(any_=list(NAMED)))
    saved = filters.BlockDocumentFilter(is_anonymous=filters.BlockDocumentFilterIsAnonymous(eq_=False))
    found = defaultdict[str, list[str]](list)
    async with provide_database_interface().session_context() as session:
        for block in await _documents.read_block_documents(
            session=session, block_type_filter=kinds, block_document_filter=saved
        ):
            found[block.block_type.slug].append(block.name)
        keys = filters.ArtifactCollectionFilterKey(any_=[HOSTS_OF + pool for pool in found["pool-config"]])
        wanted = filters.ArtifactCollectionFilter(key=keys)
        for table in await _artifacts.read_latest_artifacts(session=session, artifact_filter=wanted):
            found[HOST] += [row["host"] for row in json.loads(table.data)]
    return {kind: sorted(names) for kind, names in found.items()}
