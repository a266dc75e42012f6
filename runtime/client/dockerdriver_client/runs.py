"""Flow runs: one is asked for once, whatever happens to the request, and followed to its end."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .asking import AbsentError, Asking
from .errors import NotFound, NotYet, Refused, Unavailable
from .steps import Heard, Listen, Pause, Steps, T

_OVER = frozenset({"COMPLETED", "FAILED", "CRASHED", "CANCELLED"})
#: A run whose process died is asked for once more, so often.
_CRASHES = 3


@dataclass(frozen=True)
class Ended:
    """A run that is over, and the sentence that it ended with."""

    id: str
    completed: bool
    message: str


@dataclass(frozen=True)
class Runs:
    """Runs of the deployments `<flow>/on-demand`."""

    asking: Asking
    _deployments: dict[str, str] = field(default_factory=dict)

    def run(self, flow: str, key: str, parameters: dict[str, Any], until: float) -> Steps[Ended]:
        """Run it to its end; with a key that was given before, it is that run again.

        One whose process died is asked for again with the next key of this request, the same for all who repeat it.

        Raises:
            NotFound: the server has no such deployment.
            NotYet: it is not over at the moment *until*.
            Unavailable: its process died each time.
        """
        began = self.asking.clock()
        for crashes, key_of_try in enumerate(self.keys(key)):
            if crashes:
                yield Pause(self.asking.pause(self.asking.settings.retries, crashes))
            asked = yield from self._ask_for(flow, key_of_try, parameters, until)
            state = yield from self._followed(flow, asked, until)
            if state["type"] != "CRASHED":
                return Ended(asked, state["type"] == "COMPLETED", state.get("message") or f"the run is {state['name']}")
        said = f"{flow}: the process of its run died {_CRASHES} times: give another request_id to ask again"
        raise Unavailable(said, self.asking.clock() - began)

    @staticmethod
    def keys(key: str) -> list[str]:
        """The idempotency keys of one request: the first, and those after a crash.

        Their number is in front, for a request_id may end with one.
        """
        return [key, *(f"{again}.{key}" for again in range(1, _CRASHES))]

    def pending(self, key: str, until: float) -> Steps[bool]:
        """Whether a run of this request was asked for and is not over."""
        wanted = {"idempotency_key": {"any_": self.keys(key)}}
        found = yield from self.asking.ask("POST", "/flow_runs/filter", {"flow_runs": wanted}, until)
        return any(run["state_type"] not in _OVER for run in found)

    def watch(
        self,
        look: Callable[[], Steps[T | None]],
        resource: str,
        until: float,
        unsettled: Callable[[], NotYet],
    ) -> Steps[T]:
        """Look until there is something to see: after each event of the resource, and else after growing pauses.

        After an event it is looked twice: the server may tell of a change a moment before it can be read.

        Raises:
            NotYet: there is nothing at the moment *until*.
        """
        quiet = 0
        while (found := (yield from look())) is None:
            left = until - self.asking.clock()
            if left <= 0:
                raise unsettled()
            quiet += 1
            settings = self.asking.settings
            look_again = self.asking.pause(settings.looks, quiet)
            check = self.asking.pause(settings.checks, quiet - 1) if quiet > 1 else look_again
            heard = yield Listen(resource, min(left, check), min(left, look_again))
            quiet = 0 if isinstance(heard, Heard) and heard.event else quiet
        return found

    def _ask_for(self, flow: str, key: str, parameters: dict[str, Any], until: float) -> Steps[str]:
        body = {"parameters": parameters, "idempotency_key": key}
        known = flow in self._deployments
        deployment = yield from self._deployment(flow, until)
        try:
            path = f"/deployments/{deployment}/create_flow_run"
            asked = yield from self.asking.ask("POST", path, body, until, changes=True)
        except AbsentError:
            self._deployments.pop(flow, None)  # another thread may have forgotten it already
            if not known:
                raise _not_deployed(f"{flow}/on-demand") from None
            return (yield from self._ask_for(flow, key, parameters, until))  # it was deployed anew, under another id
        _check_same(flow, asked.get("parameters"), parameters)
        return str(asked["id"])

    def _deployment(self, flow: str, until: float) -> Steps[str]:
        known = self._deployments.get(flow)
        if known is None:
            try:
                found = yield from self.asking.ask("GET", f"/deployments/name/{flow}/on-demand", None, until)
            except AbsentError:
                raise _not_deployed(f"{flow}/on-demand") from None
            known = self._deployments[flow] = str(found["id"])
        return known

    def _followed(self, flow: str, run: str, until: float) -> Steps[dict[str, Any]]:
        """The state in which it ended."""
        began = self.asking.clock()

        def look() -> Steps[dict[str, Any] | None]:
            found = yield from self.asking.ask("GET", f"/flow_runs/{run}", None, until)
            state: dict[str, Any] = found.get("state") or {}
            return state if state.get("type") in _OVER else None

        def unsettled() -> NotYet:
            seconds = self.asking.clock() - began
            return NotYet(f"the run {run} of {flow} is not over yet: gave up after {seconds:.0f} s", seconds)

        return (yield from self.watch(look, f"prefect.flow-run.{run}", until, unsettled))


def _check_same(flow: str, known: dict[str, Any] | None, asked: dict[str, Any]) -> None:
    """Refuse the answer to another request: by its idempotency key alone the server answers with the earlier run.

    Raises:
        Refused: the run was asked for with other parameters.
    """
    if known is None:
        return
    if other := [name for name in sorted({*known, *asked}) if (known.get(name) or None) != (asked.get(name) or None)]:
        raise Refused(
            f"this request was made before, of {flow} with another {', '.join(other)}: give it an id of its own"
        )


def _not_deployed(name: str) -> NotFound:
    """The server has no deployment of this name."""
    return NotFound(
        f"Prefect's server has no deployment {name}: the stack is not up, or of another version (`make up`)"
    )
