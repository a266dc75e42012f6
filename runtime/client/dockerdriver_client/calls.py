"""What a platform asks for, as steps; both clients carry out these same ones."""

import builtins
import re
import unicodedata
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import Any

from .asking import AbsentError, Asking, read_table
from .errors import ClientError, Failed, NotFound, NotYet, Refused
from .models import (
    LINES,
    LINKS,
    PLACES,
    SESSIONS,
    Class,
    DeletedSession,
    FailedSession,
    Link,
    LivingSession,
    Options,
    RunningSession,
    Session,
    State,
    StoppingSession,
)
from .runs import Runs
from .steps import Steps

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_BEGINNING = frozenset({State.QUEUED, State.STARTING})
_OVER = (StoppingSession, DeletedSession, FailedSession)
_PAGE = 200


@dataclass(frozen=True)
class Calls:
    """The methods of both clients; *seconds* is how long a call may take, with all tries and waits."""

    asking: Asking
    runs: Runs

    def start(
        self,
        instance_id: str,
        blueprint: str,
        user: str,
        options: Options | None,
        request_id: str | None,
        seconds: float,
    ) -> Steps[LivingSession]:
        """Ask for a session and follow the run to its answer."""
        until = self._until(instance_id, seconds)
        said = _said(options, instance_id=instance_id, blueprint=blueprint, user=user)
        run = yield from self.runs.run("provision-instance", _start_key(instance_id, request_id), said, until)
        session = yield from self._find(instance_id, until)
        if isinstance(session, _OVER):
            raise _over(session, None if run.completed else run.message)
        if not run.completed:
            raise Refused(run.message)
        if session is None:
            raise NotFound(f"session {instance_id} was answered, and its answer is there no more: it is long over")
        return session

    def start_class(
        self, users: Mapping[str, str], blueprint: str, options: Options | None, request_id: str, seconds: float
    ) -> Steps[Class]:
        """Ask for several sessions by one run, and read what became of each."""
        until = self.asking.clock() + seconds
        wanted = [{"instance_id": instance_id, "user": user} for instance_id, user in users.items()]
        said = _said(options, sessions=wanted, blueprint=blueprint)
        run = yield from self.runs.run("provision-instances", f"provision-class:{request_id}", said, until)
        artifact = yield from self._artifact(f"class-{run.id}", until)
        if not artifact and not run.completed:
            raise Refused(run.message)
        if not artifact:
            raise NotFound(f"the request {request_id} was answered, and its table is there no more: {run.message}")
        places = read_table(PLACES, artifact)
        taken = [place.instance_id for place in places if not place.refused]
        sessions = yield from self._told_of(taken, until)
        return Class(sessions, {place.instance_id: place.refused for place in places if place.refused})

    def get(self, instance_id: str, seconds: float) -> Steps[Session]:
        """Read the session as it is."""
        return (yield from self._get(instance_id, self._until(instance_id, seconds)))

    def wait(self, instance_id: str, request_id: str | None, seconds: float) -> Steps[RunningSession]:
        """Wait until the session runs."""
        until = self._until(instance_id, seconds)

        def look() -> Steps[RunningSession | None]:
            session = yield from self._find_begun(instance_id, request_id, until)
            seen.append(session)
            if session is None or session.state in _BEGINNING:
                return None
            if isinstance(session, RunningSession):
                return session
            raise _over(session)

        seen: builtins.list[Session | None] = []
        unsettled = _not_yet(instance_id, seconds, seen)
        return (yield from self.runs.watch(look, _resource_of(instance_id), until, unsettled))

    def link(self, instance_id: str, request_id: str | None, seconds: float) -> Steps[Link]:
        """Make another launch link: the one of this request's own run, for it works once."""
        until = self._until(instance_id, seconds)
        run = yield from self._run_of("issue-link", instance_id, request_id, {}, until)
        artifact = yield from self._left_by(run, f"link-{instance_id}", until)
        if not artifact:
            raise NotFound(f"the link to session {instance_id} is there no more: ask for another")
        return read_table(LINKS, artifact)[0]

    def extend(self, instance_id: str, minutes: int, request_id: str | None, seconds: float) -> Steps[Session]:
        """Let the session go on; how it is then."""
        until = self._until(instance_id, seconds)
        yield from self._run_of("extend-instance", instance_id, request_id, {"minutes": minutes}, until)
        return (yield from self._get(instance_id, until))

    def logs(self, instance_id: str, lines: int, request_id: str | None, seconds: float) -> Steps[builtins.list[str]]:
        """Read the last lines that its program wrote."""
        until = self._until(instance_id, seconds)
        run = yield from self._run_of("instance-logs", instance_id, request_id, {"lines": lines}, until)
        artifact = yield from self._left_by(run, f"logs-{instance_id}", until)
        return [row.line for row in read_table(LINES, artifact)] if artifact else []

    def end(self, instance_id: str, request_id: str | None, seconds: float) -> Steps[Session | None]:
        """End the session, also one whose start was asked for and has not begun: an end before it would end nothing."""
        until = self._until(instance_id, seconds)

        def look() -> Steps[bool | None]:
            session = yield from self._find(instance_id, until)
            pending = False if session else (yield from self.runs.pending(_start_key(instance_id, request_id), until))
            return None if pending else True

        yield from self.runs.watch(look, _resource_of(instance_id), until, _not_yet(instance_id, seconds, []))
        yield from self._run_of("deprovision-instance", instance_id, None, {}, until)
        return (yield from self._find(instance_id, until))

    def list(self, user: str | None, states: Collection[State], seconds: float) -> Steps[builtins.list[Session]]:
        """Read all sessions, or those of one user, in these states."""
        until = self.asking.clock() + seconds
        found = yield from self._sessions({"like_": "instance-"}, until)
        named = None if user is None else unicodedata.normalize("NFC", user)  # as it is recorded
        return [each for each in found if each.state in states and named in {None, each.user}]

    def _told_of(self, instance_ids: Sequence[str], until: float) -> Steps[builtins.list[Session]]:
        """The sessions of these ids, in their order."""
        if not instance_ids:
            return []
        sessions = yield from self._sessions({"any_": [f"instance-{each}" for each in instance_ids]}, until)
        found = {each.instance_id: each for each in sessions}
        return [found[instance_id] for instance_id in instance_ids if instance_id in found]

    def _sessions(self, key: dict[str, Any], until: float) -> Steps[builtins.list[Session]]:
        """The sessions whose artifacts have such keys, page by page."""
        found: dict[str, Session] = {}
        for offset in count(0, _PAGE):
            page = {"artifacts": {"key": key}, "sort": "KEY_ASC", "limit": _PAGE, "offset": offset}
            rows = yield from self.asking.ask("POST", "/artifacts/latest/filter", page, until)
            for row in rows:
                with suppress(ClientError):  # another's artifact of such a name is no session
                    session = read_table(SESSIONS, row)[0]
                    found[session.instance_id] = session
            if len(rows) < _PAGE:
                break
        return [*found.values()]

    def _until(self, instance_id: str, seconds: float) -> float:
        """The moment at which to give up.

        Raises:
            Refused: no session can have this id.
        """
        if not _ID.fullmatch(instance_id):
            raise Refused(f"instance_id {instance_id!r} is not 1 to 63 of a-z, 0-9 and -, no - first")
        return self.asking.clock() + seconds

    def _run_of(
        self, flow: str, instance_id: str, request_id: str | None, more: dict[str, Any], until: float
    ) -> Steps[str]:
        """Run a flow on a session; the run's id."""
        key = f"{flow}-{instance_id}:{request_id or uuid.uuid4()}"
        run = yield from self.runs.run(flow, key, {"instance_id": instance_id, **more}, until)
        if run.completed:
            return run.id
        session = yield from self._find(instance_id, until)
        raise Refused(run.message) if session else NotFound(run.message)

    def _find_begun(self, instance_id: str, request_id: str | None, until: float) -> Steps[Session | None]:
        """The session; None where the run that starts it has not begun.

        Raises:
            NotFound: there is neither.
        """
        session = yield from self._find(instance_id, until)
        if session is None and not (yield from self.runs.pending(_start_key(instance_id, request_id), until)):
            session = yield from self._find(instance_id, until)  # the run may have ended between the two looks
            if session is None:
                raise _unknown(instance_id)
        return session

    def _get(self, instance_id: str, until: float) -> Steps[Session]:
        session = yield from self._find(instance_id, until)
        if session is None:
            raise _unknown(instance_id)
        return session

    def _find(self, instance_id: str, until: float) -> Steps[Session | None]:
        artifact = yield from self._artifact(f"instance-{instance_id}", until)
        return read_table(SESSIONS, artifact)[0] if artifact else None

    def _left_by(self, run: str, key: str, until: float) -> Steps[dict[str, Any] | None]:
        """The table that this run left; the newest where it left none, for one that stays the same is written once."""
        wanted = {"key": {"any_": [key]}, "flow_run_id": {"any_": [run]}}
        found = yield from self.asking.ask("POST", "/artifacts/filter", {"artifacts": wanted, "limit": 1}, until)
        return found[0] if found else (yield from self._artifact(key, until))

    def _artifact(self, key: str, until: float) -> Steps[dict[str, Any] | None]:
        try:
            found: dict[str, Any] = yield from self.asking.ask("GET", f"/artifacts/{key}/latest", None, until)
        except AbsentError:
            return None
        return found


def _said(options: Options | None, **parameters: Any) -> dict[str, Any]:
    """The parameters of a run, and of the options those that were given."""
    return parameters | ({"options": options.model_dump(exclude_none=True)} if options else {})


def _start_key(instance_id: str, request_id: str | None) -> str:
    """The idempotency key of a start: the same request has the same, in every process, and no other has it.

    No instance_id has a colon: the request "1" for ada is not the one for ada-1.
    """
    return f"provision-{instance_id}" + (f":{request_id}" if request_id else "")


def _resource_of(instance_id: str) -> str:
    return f"dockerdriver.instance.{instance_id}"


def _over(session: Session, said: str | None = None) -> Failed:
    """What a start or a wait ends with when the session will not run any more."""
    because = f" ({session.reason})" if session.reason else ""
    return Failed(said or f"session {session.instance_id} is {session.state}{because}", session)


def _unknown(instance_id: str) -> NotFound:
    return NotFound(f"no session is named {instance_id!r}, or it ended long ago")


def _not_yet(instance_id: str, seconds: float, seen: Sequence[Session | None]) -> Callable[[], NotYet]:
    """What a wait ends with when its time is over, by what was seen last."""

    def unsettled() -> NotYet:
        last = seen[-1] if seen else None
        state = f"still {last.state}" if last else "not begun yet"
        return NotYet(f"session {instance_id} is {state}: gave up after {seconds:.0f} s", seconds, last)

    return unsettled
