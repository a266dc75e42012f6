"""Tasks for standbys: begin, make ready, find one for a request, give up."""

from collections.abc import Collection, Mapping
from typing import Any

from blocks.outside import log, now, outside
from pool.errors import DockerDriverError, NotFound, Refused, RefusedMove
from pool.records import BlueprintSpec
from pool.sessions.queue import Grant
from pool.settings import PoolSettings
from pool.standbys.rules import LOST, Standbys, adoptable, to_give_up
from pool.standbys.spec import StandbySpec, digest_of, may_have_standby
from pool.standbys.standby import Standby, StandbyState
from tasks.base import look_up, pool_task
from tasks.courses.courses import gets_files, reservations_of
from tasks.images.versions import images_by_host


def standby_spec_of(blueprint: BlueprintSpec) -> StandbySpec:
    """Return what a standby of the blueprint is made by now."""
    zone = outside().kept_config(blueprint.pool).DD_TIMEZONE
    return StandbySpec(blueprint, digest_of(blueprint, zone), images_by_host(blueprint))


def standbys_for(
    blueprint: BlueprintSpec, options: Mapping[str, Any], settings: PoolSettings, users: Collection[str]
) -> list[str]:
    """List the standbys that a request may be given, by their ids, best first; it is given one as it is recorded.

    None while slots are reserved for a course that one of its users' sessions is not of: which of the standbys' room is
    kept for the course is looked at only where room is taken. None either for the session of a course with files.
    """
    if not may_have_standby(blueprint, options):
        return []
    ready = outside().store.standbys.all(blueprint.pool, [StandbyState.READY], blueprint.name)
    if not ready or _courses_forbid(blueprint, options, settings, users):
        return []
    hosts = {host.name: host for host in outside().store.hosts.recent(blueprint.pool, now())}
    case = Standbys(ready, {blueprint.name: standby_spec_of(blueprint)}, hosts, settings, now())
    seconds = min(blueprint.lifetime, options.get("lifetime", blueprint.lifetime))
    return [one.id for one in adoptable(case, blueprint.name, seconds)]


def _courses_forbid(
    blueprint: BlueprintSpec, options: Mapping[str, Any], settings: PoolSettings, users: Collection[str]
) -> bool:
    reserved = reservations_of(blueprint.pool, [], settings)
    others = (reserved.others_than(blueprint.name, options, user) for user in users)
    return any(others) or any(gets_files(blueprint, options, user) for user in users)


def give_up_for(turn: Grant) -> bool:
    """End standbys on a host where a session's turn has come and room is short; whether it is to be looked again."""
    hosts = [outside().store.hosts.get(name) for name in turn.hosts]
    if not any(host.standby for host in hosts):
        return False
    standing = outside().store.standbys.all(turn.instance.pool)
    given_up = to_give_up(standing, hosts, turn.instance.slots)
    reason = f"its room is for {turn.instance.id}, which found no other"
    return all(_is_given_up(one, reason) for one in given_up) and bool(given_up)


def _is_given_up(standby: Standby, reason: str) -> bool:
    try:
        end(standby.id, reason)
    except DockerDriverError as error:  # its room stays taken; the next tick goes on with its end
        log().warning("%s could not be given up: %s", standby.id, error)
        return False
    return True


def end(standby_id: str, reason: str, to: StandbyState = StandbyState.ENDED) -> None:
    """Remove a standby's container, then give its room back. Repeating it is harmless.

    One that a session has taken meanwhile is the session's, and one that has failed for the run that starts it, and was
    made ready by another, stands by. With a host that is gone or goes, its container goes.

    Args:
        standby_id: the standby.
        reason: kept with its record.
        to: ended; or failed, of one that starts.

    Raises:
        HostUnreachable: the engine does not answer, so the container may still run: it keeps its room.
    """
    store = outside().store.standbys
    standby = store.get(standby_id)
    made_ready = to is StandbyState.FAILED and standby.state is StandbyState.READY
    if standby.host is None or made_ready:
        return
    host = outside().store.hosts.get(standby.host)
    try:
        if host.state not in LOST:
            store.move(standby_id, StandbyState.ENDING, now(), reason)  # from here on no request is given it
            outside().engines.of(host).remove(standby.container)
        store.move(standby_id, to, now(), reason)
    except RefusedMove as refusal:
        log().info("%s", refusal)


@pool_task(publishes=False, task_run_name="begin a standby of {blueprint} on {host}")
def begin_standby(host: str, blueprint: str) -> Standby | None:
    """Record a standby before anything is done about it; None where there is no room for it any more.

    Raises:
        Refused: the blueprint is gone or wants none, or the host has no port or too few GPUs.
    """
    spec = standby_spec_of(outside().stored.blueprint(blueprint))
    image = spec.images.get(host)
    if not spec.may_want_some or image is None:
        raise Refused(f"no standby of {blueprint} is wanted on {host} any more")
    pool = spec.blueprint.pool
    gpus = outside().config(pool).settings(pool).gpus
    return outside().store.standbys.begin(spec.blueprint, host, spec.digest, image, now(), gpus=gpus)


@look_up()
def find_standby(standby_id: str) -> Standby | None:
    """Find the standby's record; None when there is none."""
    try:
        return outside().store.standbys.get(standby_id)
    except NotFound:
        return None


@pool_task(publishes=False, task_run_name="make {standby_id} ready")
def make_ready(standby_id: str) -> Standby:
    """Let the next request have it.

    Raises:
        RefusedMove: it was given up meanwhile.
    """
    return outside().store.standbys.move(standby_id, StandbyState.READY, now())


@pool_task(publishes=False, retries=1, retry_delay_seconds=1, task_run_name="end {standby_id}")
def end_standby(standby_id: str, reason: str, failed: bool = False) -> None:
    """Remove its container and give its room back; one that a session has taken is left alone.

    Raises:
        HostUnreachable: the engine does not answer, so the container may still run: it keeps its room.
    """
    end(standby_id, reason, StandbyState.FAILED if failed else StandbyState.ENDED)
