"""Settings of a pool as they would be, from words like "DD_FREE_SLOT_TARGET=10". Nothing is saved."""

from collections.abc import Iterable
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from blocks.stored.lookup import words_of
from blocks.stored.pool_config import PoolConfig
from pool.errors import BadRequest
from pool.faults import Faults
from pool.notation import read_assignments


def turned(config: PoolConfig, words: Iterable[str]) -> PoolConfig:
    """Return the configuration with these settings turned.

    Raises:
        BadRequest: words are no settings of a pool, or their values cannot be; the sentence says which, and what can.
    """
    known = [field for field in PoolConfig.model_fields if field.startswith("DD_")]
    faults = Faults()
    asked = read_assignments(words, "DD_FREE_SLOT_TARGET=10", known, "a replay knows no setting", faults)
    values = {name: value.strip() for name, value in asked.items()}
    try:
        config = PoolConfig(**config.as_kept() | values)
    except ValidationError as error:
        for wrong in error.errors():
            name = ".".join(str(part) for part in wrong["loc"][:1]) or "the settings"
            faults.note(f"{name}: {words_of(wrong)}")
    if faults:
        raise BadRequest(str(faults))
    return config


def zone_of(config: PoolConfig) -> ZoneInfo:
    """Return the zone that days and times of the pool are of; a timetable's reader has checked it."""
    return ZoneInfo(config.DD_TIMEZONE)
