"""One instance_id is one request: what is said to the same one, and to another one."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pool.errors import BadRequest, Refused
from pool.names import check_instance_id, check_user, one_spelling
from pool.printable import how_many
from pool.records import BlueprintSpec, Instance
from pool.states import ENDED, FAILURES, InstanceState

#: Sessions of one request: a large lecture; what asks for more is more than one request.
MOST_SESSIONS = 500


@dataclass(frozen=True)
class Wanted:
    """One session of a request for several."""

    instance_id: str
    user: str = ""
    #: When Prefect's API took the request for it; None: when it took that for all of them.
    accepted: datetime | None = field(default=None, compare=False)


def read_wanted(sessions: Sequence[object]) -> tuple[list[Wanted], dict[str, str]]:
    """Read the sessions of one request; those with an id or user of no valid form, or with one id for two, apart.

    Args:
        sessions: as a platform sent them: ``{"instance_id": "bio101-ada", "user": "ada"}`` each.

    Returns:
        The sessions; and why the others are refused, by their ids.

    Raises:
        BadRequest: there are none, or too many; or one has no id, or fields that no session has.
    """
    if not 0 < len(sessions) <= MOST_SESSIONS:
        raise BadRequest(f"one request is for 1 to {MOST_SESSIONS} sessions, not for {len(sessions)}")
    wanted: dict[str, Wanted] = {}
    refused: dict[str, str] = {}
    for number, given in enumerate(sessions, 1):
        one = _read_one(number, given)
        if fault := next(_faults(one, wanted), ""):
            refused[one.instance_id] = fault
        else:
            wanted[one.instance_id] = one
    return [one for one in wanted.values() if one.instance_id not in refused], refused


def _read_one(number: int, given: object) -> Wanted:
    texts = isinstance(given, Mapping) and all(isinstance(value, str) for value in given.values())
    if not isinstance(given, Mapping) or not texts or not {"instance_id"} <= given.keys() <= {"instance_id", "user"}:
        raise BadRequest(f"session {number} of the request is not of the form {{instance_id: …, user: …}}, both texts")
    return Wanted(given["instance_id"], one_spelling(given.get("user", "")))


def _faults(one: Wanted, earlier: Mapping[str, Wanted]) -> Iterator[str]:
    if one.instance_id in earlier and earlier[one.instance_id] != one:
        users = f"{earlier[one.instance_id].user!r} and {one.user!r}"
        yield f"instance {one.instance_id} is in the request twice, for {users}"
    try:
        check_instance_id(one.instance_id)
        check_user(one.user)
    except BadRequest as error:
        yield str(error)


def check_same_request(known: Instance, blueprint: str, user: str, options: Mapping[str, Any]) -> None:
    """Refuse a request that has another session's id.

    Args:
        known: the session that has the id, in any state.
        blueprint: name of the blueprint that is asked for now.
        user: who it is asked for now.
        options: that are asked for now; what they hold is not shown, for it may be a secret.

    Raises:
        Refused: "instance alice-1 was asked for with user 'alice', not 'bob': it stays as it is; ask with a new …".
    """
    if differences := "; ".join(_differences(known, blueprint, user, options)):
        raise Refused(
            f"instance {known.id} was asked for with {differences}: it stays as it is; ask with a new instance_id"
        )


def _differences(known: Instance, blueprint: str, user: str, options: Mapping[str, Any]) -> Iterator[str]:
    if known.blueprint != blueprint:
        yield f"blueprint {known.blueprint!r}, not {blueprint!r}"
    if known.user != user:
        yield f"user {known.user!r}, not {user!r}"
    names = sorted(known.options.keys() | options.keys())
    if other := [name for name in names if known.options.get(name) != options.get(name)]:
        yield f"other values of the options {', '.join(other)}"


def check_not_over(known: Instance) -> None:
    """Refuse an id that was used up: a session that ends, or has ended, is not begun again.

    Raises:
        Refused: "instance alice-1 is deleted (asked for); ask with a new instance_id".
    """
    if known.state in ENDED or known.state is InstanceState.STOPPING:
        because = f" ({known.reason})" if known.reason else ""
        raise Refused(f"instance {known.id} is {known.state}{because}; ask with a new instance_id")


def check_unchanged(instance: Instance, blueprint: BlueprintSpec) -> None:
    """Refuse to start a session by a blueprint that grew or moved since it was asked for.

    Raises:
        Refused: its room, or its pool, is not the one that the blueprint asks for now.
    """
    changed = f"blueprint {blueprint.name} was changed since instance {instance.id} was asked for"
    if blueprint.slots > instance.slots:
        raise Refused(
            f"{changed}: it needs {how_many(blueprint.slots, 'slot')} now, {instance.slots} then; ask for a new session"
        )
    if blueprint.gpus > instance.gpus:
        raise Refused(f"{changed}: it needs {blueprint.gpus} GPUs now, {instance.gpus} then; ask for a new session")
    if blueprint.pool != instance.pool:
        raise Refused(f"{changed}: it is of pool {blueprint.pool} now, {instance.pool} then; ask for a new session")


def end_of(instance: Instance, to: InstanceState, reason: str) -> tuple[InstanceState, str]:
    """Say how a session ends that may be ending already: as what it began to end as, and with that reason.

    Args:
        instance: as it is now.
        to: deleted or failed, as the one who ends it now would have it.
        reason: the same one's.
    """
    if instance.state is not InstanceState.STOPPING or instance.end_cause is None:
        return to, reason
    began = InstanceState.FAILED if instance.end_cause in FAILURES else InstanceState.DELETED
    return began, instance.reason or reason
