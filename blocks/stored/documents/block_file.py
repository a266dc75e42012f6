"""Read a block that is written in a file, as its form would."""

from pathlib import Path
from typing import Any

from prefect.blocks.core import Block
from pydantic import ValidationError

from blocks.files.yaml_files import read_yaml
from blocks.stored.lookup import what_is_wrong
from pool.errors import BadRequest
from pool.faults import Faults


def read_block(kind: type[Block], noun: str, file: Path) -> dict[str, Any]:
    """Return all fields of the block that a YAML or JSON file describes, those that it leaves out as well.

    Args:
        kind: of the block.
        noun: what operators call it, as in "blueprint".
        file: an object of its fields.

    Raises:
        BadRequest: the file cannot be read, is no object of the block's fields, or makes no sense; names the file.
    """
    values = read_yaml(file, BadRequest)
    if not isinstance(values, dict):
        raise BadRequest(f"{file} holds no {noun}: it is no object of fields")
    faults = Faults()
    if unknown := sorted(str(name) for name in values.keys() - kind.model_fields.keys()):
        faults.note(f"a {noun} has no field {', '.join(map(repr, unknown))}")
    try:
        read = kind(**{name: value for name, value in values.items() if name not in unknown})
    except ValidationError as error:
        faults.note(what_is_wrong(error))
    if faults:
        raise BadRequest(f"{file}: {faults}")
    return read.model_dump(mode="json", include=set(kind.model_fields))
