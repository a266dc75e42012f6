"""Have Prefect's server refuse blocks of ours that make no sense: by itself it looks at no value, whatever saves it.

`prefect block` and any client then show the sentence, and nothing is saved; forms are told by `form_errors`.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from fastapi import HTTPException
from prefect.blocks.core import Block
from prefect.server import models
from pydantic import ValidationError

from blocks.stored.lookup import what_is_wrong
from blocks.stored.pool_config import PoolConfig
from pool.errors import BadRequest
from pool.names import check_pool_name

UNPROCESSABLE = 422
Kinds = Mapping[str, type[Block]]


def refuse_nonsense(kinds: Iterable[type[Block]]) -> None:
    """Have this process's Prefect server look at blocks of these kinds before it keeps them.

    Args:
        kinds: whose blocks hold no other block, of which a form sends the id alone.
    """
    by_slug = {kind.get_block_type_slug(): kind for kind in kinds}
    documents: Any = models.block_documents
    documents.create_block_document = _checking_new(documents.create_block_document, by_slug)
    documents.update_block_document = _checking_change(documents.update_block_document, by_slug)


def trouble_with(kind: type[Block], name: str | None, data: Mapping[str, Any]) -> str:
    """Say what is wrong with a block, by fields, and never what they hold; empty: nothing."""
    try:
        if kind is PoolConfig and name is not None:
            check_pool_name(name)
        kind.model_validate(dict(data))
    except BadRequest as error:
        return str(error)
    except ValidationError as error:
        return what_is_wrong(error)
    return ""


def _checking_new(create: Callable[..., Awaitable[Any]], kinds: Kinds) -> Callable[..., Awaitable[Any]]:
    async def checked(*given: Any, session: Any, block_document: Any, **more: Any) -> Any:
        types: Any = models.block_types  # its decorator hides that it is awaited
        of = await types.read_block_type(session=session, block_type_id=block_document.block_type_id)
        if of and of.slug in kinds:
            _refuse(
                of.slug, block_document.name, trouble_with(kinds[of.slug], block_document.name, block_document.data)
            )
        return await create(*given, session=session, block_document=block_document, **more)

    return checked


def _checking_change(change: Callable[..., Awaitable[Any]], kinds: Kinds) -> Callable[..., Awaitable[Any]]:
    async def checked(*given: Any, session: Any, block_document_id: Any, block_document: Any, **more: Any) -> Any:
        before = await models.block_documents.read_block_document_by_id(
            session=session, block_document_id=block_document_id, include_secrets=True
        )
        of = before and before.block_type
        if before and of and of.slug in kinds and block_document.data is not None:
            kept = before.data if block_document.merge_existing_data else {}
            _refuse(of.slug, before.name, trouble_with(kinds[of.slug], None, {**kept, **block_document.data}))
        wanted = {"block_document_id": block_document_id, "block_document": block_document}
        return await change(*given, session=session, **wanted, **more)

    return checked


def _refuse(slug: str, name: str | None, trouble: str) -> None:
    """End the request, where there is trouble, with a sentence.

    Raises:
        HTTPException: 422.
    """
    if trouble:
        raise HTTPException(UNPROCESSABLE, detail=f"{slug}/{name} is not saved: {trouble}")
