"""Read what an operator writes for the fields of a block, as the form would."""

from collections.abc import Mapping
from typing import Any

from prefect.blocks.core import Block
from pydantic import ValidationError

from blocks.stored.lookup import what_is_wrong
from pool.errors import BadRequest


def changed(kind: type[Block], before: Mapping[str, object], asked: Mapping[str, str]) -> dict[str, Any]:
    """Return a block's values with some of them changed; nothing is saved.

    Args:
        kind: of the block.
        before: its values.
        asked: the fields to change, as texts: "6h", "8", "true", a list with commas.

    Raises:
        BadRequest: a value cannot be that of its field, or they make no sense together; names the fields.
    """
    try:
        return kind(**{**before, **asked}).model_dump(mode="json")
    except ValidationError as error:
        raise BadRequest(f"nothing is changed: {what_is_wrong(error)}") from None
