"""Admission: which requests a pool takes, and the refusals."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from math import ceil
from typing import Any

from pool.courses.course import OPTION as COURSE
from pool.errors import BadRequest, NoRoom, Refused, ShuttingDown
from pool.moments import after
from pool.names import check_environment, check_loads_nothing
from pool.printable import how_many
from pool.records import BlueprintSpec, Host
from pool.sessions.secrets import OPTION as SECRETS
from pool.settings import PoolSettings
from pool.states import LIVING_HOSTS, ON_THEIR_WAY, HostState

DRIVER = "DockerDriver"
OPTIONS = (COURSE, "environment", "lifetime", "restore", SECRETS, "wait")
SLOT_MB = 512
LONGEST_WAIT = 86400  # seconds; a number that a date can be reckoned with


def check_admission(settings: PoolSettings, blueprint: BlueprintSpec, options: Mapping[str, Any]) -> None:
    """Refuse a request that this pool does not take.

    Raises:
        Refused: DockerDriver is not in the whitelist, or no host can ever be large enough.
        ShuttingDown: the pool is in shutdown mode.
        BadRequest: an option is unknown or not of the form it must have.
    """
    if DRIVER not in settings.plugin_whitelist:
        raise Refused(f"pool {settings.name} takes no sessions: {DRIVER} is not in PLUGIN_WHITELIST")
    if settings.shutdown_mode:
        raise shutting_down(settings)
    largest = settings.largest
    if blueprint.slots > largest:
        raise Refused(
            f"blueprint {blueprint.name} needs {how_many(blueprint.slots, 'slot')}; the largest host has {largest}"
        )
    if blueprint.memory_mb > largest * SLOT_MB:
        most = f"the largest host has {how_many(largest, 'slot')} of {SLOT_MB} MB"
        raise Refused(f"blueprint {blueprint.name} needs {blueprint.memory_mb} MB of memory; {most}")
    if blueprint.memory_swap_mb > settings.swap_mb:
        there = f"hosts of pool {settings.name} have {settings.swap_mb} (DD_HOST_SWAP_MB)"
        raise Refused(f"blueprint {blueprint.name} needs {blueprint.memory_swap_mb} MB of swap; {there}")
    _check_gpus(settings, blueprint)
    check_options(blueprint, options)


def _check_gpus(settings: PoolSettings, blueprint: BlueprintSpec) -> None:
    """Have sessions with GPUs take their hosts' slots in proportion: who has the slots then has the GPUs, too."""
    if blueprint.gpus > settings.gpus:
        raise Refused(
            f"blueprint {blueprint.name} needs {blueprint.gpus} GPU{'s' if blueprint.gpus != 1 else ''};"
            f" hosts of pool {settings.name} have {settings.gpus} (DD_HOST_GPUS)"
        )
    if blueprint.gpus and blueprint.slots < (least := ceil(blueprint.gpus * settings.largest / settings.gpus)):
        raise Refused(
            f"blueprint {blueprint.name} needs {blueprint.gpus} of the {settings.gpus} GPUs of a host with"
            f" {how_many(settings.largest, 'slot')}, and must take {how_many(least, 'slot')} for that, not"
            f" {blueprint.slots}"
        )


def shutting_down(settings: PoolSettings) -> ShuttingDown:
    """Return the refusal of a pool in shutdown mode, for requests and for queued sessions."""
    return ShuttingDown(f"pool {settings.name} is in shutdown mode and takes no new sessions")


def check_options(blueprint: BlueprintSpec, options: Mapping[str, Any]) -> None:
    """Refuse options that mean nothing.

    Raises:
        BadRequest: names the option and what it may be.
    """
    for name in options:
        if name not in OPTIONS:
            raise BadRequest(f"no option is named {name!r}; known: {', '.join(OPTIONS)}")
    lifetime = options.get("lifetime", blueprint.lifetime)
    if not isinstance(lifetime, int) or isinstance(lifetime, bool) or not 0 < lifetime <= blueprint.lifetime:
        raise BadRequest(f"option lifetime is {lifetime!r}; it must be whole seconds, 1 to {blueprint.lifetime}")
    wait = options.get("wait", 0)
    if not isinstance(wait, int) or isinstance(wait, bool) or not 0 <= wait <= LONGEST_WAIT:
        raise BadRequest(f"option wait is {wait!r}; it must be whole seconds, 0 to {LONGEST_WAIT}")
    if not isinstance(options.get("restore", ""), str):
        raise BadRequest("option restore must name a backup, as in 'alice-1.1', or be 'newest' or 'none'")
    if not isinstance(options.get(COURSE, ""), str):
        raise BadRequest("option course must name a course, as in 'bio101'")
    environment = options.get("environment", {})
    if not isinstance(environment, dict) or not all(isinstance(v, str) for v in environment.values()):
        raise BadRequest("option environment must map names to texts")
    check_environment(environment, "option environment")
    if blueprint.capabilities:
        check_loads_nothing(environment, blueprint.name)


def expiry(blueprint: BlueprintSpec, options: Mapping[str, Any], now: datetime) -> datetime:
    """When a session that starts *now* is over."""
    return after(now, options.get("lifetime", blueprint.lifetime))


def no_room(settings: PoolSettings, hosts: Iterable[Host], slots: int, reserved: str = "") -> NoRoom:
    """Return the refusal of a full pool: what is free, what is reserved, what is coming, what could come.

    Args:
        settings: of the pool.
        hosts: of the pool.
        slots: that are wanted.
        reserved: what is reserved for courses, in words; empty: nothing.
    """
    living = [host for host in hosts if host.state in LIVING_HOSTS]
    active = [host for host in living if host.state is HostState.ACTIVE]
    coming = sum(host.state in ON_THEIR_WAY for host in living)
    free = sum(host.room for host in active)
    later = f"; {coming} on the way, try again in a minute" if coming else ""
    silent = sum(host.unreachable_since is not None for host in active)
    low = sum(host.disk_low_since is not None and host.unreachable_since is None for host in active)
    unfit = "".join(f", {count} {what}" for count, what in ((silent, "out of reach"), (low, "low on disk")) if count)
    requested = f"{slots} slot{'s' if slots != 1 else ''} requested"
    return NoRoom(
        f"pool {settings.name} is full: {requested}, {free} free on {how_many(len(active), 'active host')}{unfit}"
        f" (at most {how_many(settings.max_hosts, 'host')}){f'; {reserved}' if reserved else ''}{later}"
    )
