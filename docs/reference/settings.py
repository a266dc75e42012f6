"""What can be set: by the environment of the processes, and in the form of each block."""

from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

from prefect.blocks.core import Block
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from blocks.gateway.settings import GatewaySettings, RelaySettings
from blocks.settings import ProcessSettings
from docs.reference.tables import code, table
from runtime.stack.registration import KINDS

HEADS = ("setting", "default", "meaning")
WANTED = "(must be given)"


def of_processes() -> str:
    """Every setting that processes read from the environment or from `dockerdriver.env`."""
    kinds: tuple[type[BaseSettings], ...] = (ProcessSettings, GatewaySettings, RelaySettings)
    fields = [(_name(kind, name), field) for kind in kinds for name, field in kind.model_fields.items()]
    return table(HEADS, ((name, _default(field), _meaning(field)) for name, field in fields))


def of_blocks() -> str:
    """Every kind of block with its fields, those of its parts among them."""
    return "\n".join(_of_block(kind) for kind in KINDS)


def _of_block(kind: type[Block]) -> str:
    slug, text = kind.get_block_type_slug(), kind.get_description() or ""
    return f"### {kind.get_block_type_name()}\n\nBlocks `{slug}/<name>`. {text}\n\n{table(HEADS, _rows(kind))}"


def _rows(kind: type[BaseModel], before: str = "") -> Iterator[tuple[str, str, str]]:
    for name, field in kind.model_fields.items():
        part = field.annotation
        if isinstance(part, type) and issubclass(part, BaseModel) and not issubclass(part, Block):
            yield from _rows(part, f"{before}{name}.")
        else:
            yield f"`{before}{name}`", _default(field), _meaning(field)


def _name(kind: type[BaseSettings], name: str) -> str:
    prefix = kind.model_config.get("env_prefix", "")
    return f"`{kind.model_fields[name].validation_alias or prefix + name.upper()}`"


def _meaning(field: FieldInfo) -> str:
    return field.description or field.title or ""


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return WANTED
    get: Any = field.get_default  # which of its forms is called is known by the field alone
    value = get(call_default_factory=not field.default_factory_takes_validated_data)
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, list | tuple | dict | set):
        return code(", ".join(map(str, value)))
    if isinstance(value, Path):
        return code(value.name)
    return code(value.value if isinstance(value, Enum) else value)
