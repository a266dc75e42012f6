"""Have the forms of Prefect's UI show what is wrong with a block of ours, below the field that it is about.

A form asks the server what is wrong before it saves, and shows the answer; of a save that is refused it says "Unknown
error" and not the sentence. By itself the server looks at the schema alone, and the form sends no more of it than the
fields.
"""

from collections.abc import Iterable, Mapping
from types import SimpleNamespace
from typing import Any

from prefect.blocks.core import Block
from prefect.server.api.ui import schemas
from prefect.utilities.schema_tools.hydration import Placeholder
from pydantic import SecretStr, ValidationError

from blocks.stored.lookup import words_of
from pool.errors import BadRequest


def show_in_forms(kinds: Iterable[type[Block]]) -> None:
    """Have this process's Prefect server tell forms what is wrong with blocks of these kinds, known by their fields."""
    by_fields = {frozenset(kind.model_fields): kind for kind in kinds}
    route: Any = schemas  # it imports the name that is replaced here
    asked = route.validate

    def checked(values: Mapping[str, Any], schema: Mapping[str, Any], **more: Any) -> list[Any]:
        found = list(asked(values, schema, **more))
        kind = by_fields.get(frozenset(schema.get("properties", schema)))
        return found or (below_fields(kind, values) if kind else [])

    route.validate = checked  # jsonschema's errors are read by four of their attributes


def below_fields(kind: type[Block], values: Mapping[str, Any]) -> list[SimpleNamespace]:
    """What is wrong with a block, as the server reads errors; what is about several fields is shown below the first.

    A secret that was saved before is in the form as asterisks, so nothing is said of secrets: saving looks at them.
    """
    if any(isinstance(value, Placeholder) for value in values.values()):
        return []
    try:
        kind.model_validate(dict(values))
    except BadRequest as error:
        return [_below(kind, (), str(error))]
    except ValidationError as error:
        secret = {name for name, field in kind.model_fields.items() if field.annotation is SecretStr}
        wrong = [one for one in error.errors() if not one["loc"] or one["loc"][0] not in secret]
        return [_below(kind, one["loc"], words_of(one)) for one in wrong]
    return []


def _below(kind: type[Block], place: tuple[int | str, ...], message: str) -> SimpleNamespace:
    field = place[0] if place else next(iter(kind.model_fields))
    return SimpleNamespace(relative_path=[field], validator="", instance=None, message=message)
