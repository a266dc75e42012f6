"""Read a blueprint that is written in a file, as the form would."""

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from blocks.stored.blueprint import Blueprint
from blocks.stored.lookup import what_is_wrong
from pool.errors import BadRequest


def read_blueprint(file: Path) -> dict[str, Any]:
    """Return all fields of the blueprint that a YAML or JSON file describes, those that it leaves out as well.

    Raises:
        BadRequest: the file cannot be read, is no object of a blueprint's fields, or makes no sense; names the file.
    """
    try:
        values = yaml.safe_load(file.read_text())
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise BadRequest(f"{file} cannot be read: {error}") from None
    if not isinstance(values, dict):
        raise BadRequest(f"{file} holds no blueprint: it is no object of fields")
    if unknown := sorted(str(name) for name in values.keys() - Blueprint.model_fields.keys()):
        raise BadRequest(f"{file}: a blueprint has no field {unknown[0]!r}")
    try:
        return Blueprint(**values).model_dump(mode="json", include=set(Blueprint.model_fields))
    except ValidationError as error:
        raise BadRequest(f"{file}: {what_is_wrong(error)}") from None
