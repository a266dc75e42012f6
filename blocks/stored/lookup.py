"""Load a block by name, and say which names there are when it does not exist."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, TypeVar

from prefect.blocks.core import Block
from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound
from pydantic import ValidationError

from blocks.stored.bounds import reading_stored
from pool.errors import BadRequest, NotFound

SomeBlock = TypeVar("SomeBlock", bound=Block)

#: By pydantic's types of errors (docs.pydantic.dev, "Validation Errors"); in braces what it tells of them.
_MUST = {
    "missing": "must be given",
    "list_type": 'must be a list, as in ["one", "two"]',
    "dict_type": 'must be names and values, as in {"LANG": "de"}',
    "string_type": "must be a text, between quotes",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "greater_than_equal": "must be {ge} or more",
    "greater_than": "must be more than {gt}",
    "less_than_equal": "must be {le} or less",
    "less_than": "must be less than {lt}",
    "literal_error": "must be one of {expected}",
}


def load(kind: type[SomeBlock], name: str, noun: str) -> SomeBlock:
    """Load the block ``<kind>/<name>``.

    Raises:
        NotFound: "no blueprint is named 'x'; known: jupyter-minimal, rstudio".
        BadRequest: "pool 'gpu': DD_MAX_HOSTS: must be 0 or more".
    """
    try:
        with reading_stored():
            block: SomeBlock = kind.load(name, _sync=True)  # type: ignore[call-arg,assignment]  # its decorator's keyword
    except RuntimeError as error:
        if isinstance(error.__cause__, ValidationError):
            raise BadRequest(f"{noun} {name!r}: {what_is_wrong(error.__cause__)}") from error
        raise
    except ValueError:
        known = ", ".join(names(kind)) or "none"
        raise NotFound(f"no {noun} is named {name!r}; known: {known}") from None
    return block


def with_changes(block: SomeBlock, **changes: Any) -> SomeBlock:
    """Return a block with some fields changed; not saved, and not the same document of Prefect's."""
    return type(block)(**({name: getattr(block, name) for name in type(block).model_fields} | changes))


def what_is_wrong(error: ValidationError) -> str:
    """Which fields, and why; never what they hold, which may be a secret."""
    return "; ".join(
        ": ".join(filter(None, (".".join(map(str, wrong["loc"])), words_of(wrong)))) for wrong in error.errors()
    )


def words_of(wrong: Mapping[str, Any]) -> str:
    """Say what one field must be, of what pydantic tells of its fault; never what it holds."""
    if says := _MUST.get(wrong["type"]):
        return says.format(**wrong.get("ctx", {}))
    return wrong["msg"].removeprefix("Value error, ")


def names(kind: type[Block]) -> list[str]:
    """Names of all saved blocks of this kind, sorted; empty when the kind was never registered."""
    return sorted(saved(kind))


def saved(kind: type[Block]) -> dict[str, datetime]:
    """When each block of this kind was saved first, by its name; empty when the kind was never registered."""
    with get_client(sync_client=True) as client:
        try:
            block_type = client.read_block_type_by_slug(kind.get_block_type_slug())
        except ObjectNotFound:
            return {}
        documents = client.read_block_documents_by_type(block_type.slug)
    return {document.name: document.created for document in documents if document.name and document.created}


def delete(kind: type[Block], name: str) -> None:
    """Delete the block ``<kind>/<name>``; absent is success."""
    with get_client(sync_client=True) as client, suppress(ObjectNotFound):
        document = client.read_block_document_by_name(name, kind.get_block_type_slug(), include_secrets=False)
        client.delete_block_document(document.id)
