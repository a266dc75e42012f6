"""Ask the cloud what a tick must know of it; without an answer it is unknown, and no other look suffers."""

from asyncio import gather, wait_for
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from blocks.outside import log, outside
from pool.errors import DockerDriverError
from pool.housekeeping.orphans import CloudPart
from pool.records import FlavorSize, Headroom
from tasks.base import blocking

if TYPE_CHECKING:
    from blocks.stored.pool_config import PoolConfig

CLOUD_SECONDS = 60
Answer = TypeVar("Answer")


async def listed_servers(pool: str) -> frozenset[str] | None:
    """Names of the hosts that the cloud has a server of; None when it could not be asked: unknown is not gone."""

    def ask() -> frozenset[str]:
        return frozenset(server.host for server in outside().cloud(pool).list_servers() if server.pool == pool)

    return await _asked(pool, "list its servers", ask)


async def known_parts(pool: str) -> tuple[CloudPart, ...] | None:
    """All that carries our mark in the cloud and is this pool's, or no pool's that there is; None: not known."""

    def ask() -> tuple[CloudPart, ...]:
        others = set(outside().pools()) - {pool}
        return tuple(part for part in outside().cloud(pool).parts() if part.of_pool not in others)

    return await _asked(pool, "list what is ours", ask)


async def known_headroom(pool: str) -> dict[FlavorSize, Headroom]:
    """How many more hosts of each size the cloud allows, where it says so."""
    asked = (_asked(pool, f"say how many {size} hosts it allows", _headroom_of(pool, size)) for size in FlavorSize)
    answers = await gather(*asked)
    return {size: answer for size, answer in zip(FlavorSize, answers, strict=True) if answer}


def _headroom_of(pool: str, size: FlavorSize) -> Callable[[], Headroom | None]:
    def ask() -> Headroom | None:
        config: PoolConfig = outside().config(pool)
        settings = config.settings(pool)
        volume = settings.slots_of(size) * config.DD_HOST_DATA_VOLUME_FACTOR
        return outside().cloud(pool).headroom(settings.cloud_flavor_of(size), data_volume_gb=volume)

    return ask


async def _asked(pool: str, what: str, ask: Callable[[], Answer]) -> Answer | None:
    try:
        return await wait_for(blocking(ask), CLOUD_SECONDS)
    except TimeoutError:
        log().warning("the cloud of %s did not %s within %s s", pool, what, CLOUD_SECONDS)
    except DockerDriverError as error:
        log().warning("the cloud of %s could not %s: %s", pool, what, error)
    except Exception:  # noqa: BLE001 - an answer of no form that we know: the rest of the observation is of use
        log().exception("unexpected answer from the cloud of %s: it did not %s", pool, what)
    return None
