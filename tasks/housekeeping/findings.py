"""What no single pool's tick can see: configuration that is missing, or that cannot be read."""

from blocks.outside import log, outside
from pool.printable import how_many
from pool.states import LIVING_HOSTS, LIVING_INSTANCES
from tasks.base import look_up


@look_up()
def look_at_blocks() -> str:
    """Say which blueprints and courses cannot be read, and which pools in use have no block; nothing: all is well."""
    findings = block_troubles()
    for finding in findings:
        log().error("%s", finding)
    return "; ".join(findings)


def block_troubles() -> list[str]:
    """One sentence for each blueprint or course that cannot be read, and for each pool in use that has no block."""
    return [*_unreadable_blueprints(), *_unreadable_courses(), *_pools_without_block()]


def _unreadable_blueprints() -> list[str]:
    unreadable = outside().stored.blueprints().unreadable
    return [f"its sessions are refused: {why}" for why in unreadable.values()]


def _unreadable_courses() -> list[str]:
    return [f"nothing is reserved for it: {why}" for why in outside().stored.courses().unreadable.values()]


def _pools_without_block() -> list[str]:
    missing = set(outside().pools()) - set(outside().stored.pools())
    return [_missing(pool) for pool in sorted(missing)]


def _missing(pool: str) -> str:
    store = outside().store
    hosts, sessions = len(store.hosts.all(pool, LIVING_HOSTS)), len(store.instances.all(pool, LIVING_INSTANCES))
    there = f"{how_many(hosts, 'host')} and {how_many(sessions, 'session')}"
    has = f"pool {pool} has {there}, and no block pool-config/{pool}"
    if store.configs.last(pool) is None:
        return f"{has}, nor was one ever read: nothing is done for them until you save the block"
    return f"{has}: it goes on as it was configured last; save the block again, with DD_SHUTDOWN_MODE to be rid of them"
