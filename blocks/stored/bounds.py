"""Bounds of the numbers in blocks: a form refuses what is beyond, and what was saved before counts as the bound."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from annotated_types import Le
from pydantic import BaseModel

_stored: ContextVar[bool] = ContextVar("stored", default=False)


@contextmanager
def reading_stored() -> Iterator[None]:
    """Read blocks that were saved: numbers beyond their bounds are cut, not refused; an installation goes on."""
    token = _stored.set(True)
    try:
        yield
    finally:
        _stored.reset(token)


def is_reading_stored() -> bool:
    """Whether what is made is a block that was saved before: it is read as far as it can be."""
    return _stored.get()


def cut_stored(kind: type[BaseModel], values: Any) -> Any:
    """Return the values of a block, those that were saved before cut to their upper bounds."""
    if not _stored.get() or not isinstance(values, dict):
        return values
    return values | {name: bound for name, bound in _bounds(kind) if _is_beyond(values.get(name), bound)}


def _bounds(kind: type[BaseModel]) -> Iterator[tuple[str, Any]]:
    for name, field in kind.model_fields.items():
        yield from ((name, limit.le) for limit in field.metadata if isinstance(limit, Le))


def _is_beyond(value: Any, bound: Any) -> bool:
    return isinstance(value, int | float) and bool(value > bound)
