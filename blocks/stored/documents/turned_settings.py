"""Settings of a pool as they would be, from words like "DD_FREE_SLOT_TARGET=10". Nothing is saved."""

from collections.abc import Iterable
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from blocks.stored.lookup import words_of
from blocks.stored.pool_config import PoolConfig
from pool.errors import BadRequest
from pool.notation import read_assignment


def turned(config: PoolConfig, words: Iterable[str]) -> PoolConfig:
    """Return the configuration with these settings turned.

    Raises:
        BadRequest: a word is no setting of a pool, or its value cannot be; the sentence says which, and what can.
    """
    values = dict(_read(word) for word in words)
    try:
        return PoolConfig(**config.as_kept() | values)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"][:1]) or "the settings"
        raise BadRequest(f"{name}: {words_of(first)}") from None


def zone_of(config: PoolConfig) -> ZoneInfo:
    """Return the zone that days and times of the pool are of; a timetable's reader has checked it."""
    return ZoneInfo(config.DD_TIMEZONE)


def _read(word: str) -> tuple[str, str]:
    name, value = read_assignment(word, "DD_FREE_SLOT_TARGET=10")
    if name not in PoolConfig.model_fields or not name.startswith("DD_"):
        known = ", ".join(field for field in PoolConfig.model_fields if field.startswith("DD_"))
        raise BadRequest(f"{name[:60]!r} is no setting of a pool that a replay knows; these are: {known}")
    return name, value.strip()
