"""What became of accepted requests, asked of a stack as their platform would ask it, and of its records."""

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

import httpx

from pool.errors import DatabaseAway, NotFound
from pool.records import Instance
from pool.store.pool_store import PoolStore
from tests.reliability.accepted import End, Request, RunState, state_of, told_twice, what_became
from tests.rigs.stacks.stack import Stack

#: A request, what became of it, and why.
Account = tuple[Request, End, str]


class Ledger:
    """Asks Prefect's API for the runs, SQL for the sessions, and Prefect's events for what was told."""

    def __init__(self, stack: Stack, store: PoolStore) -> None:
        self._stack, self._store = stack, store

    def accounts(self, requests: Iterable[Request]) -> list[Account]:
        """What became of each; one that cannot be asked about now is under way."""
        return [(request, *self._became(request)) for request in requests]

    def _became(self, request: Request) -> tuple[End, str]:
        try:
            return what_became(request, self.run(request.run), self._session(request.session))
        except (httpx.HTTPError, DatabaseAway) as error:
            return End.UNDER_WAY, f"it could not be asked about: {error}"

    def run(self, run: str) -> RunState:
        """The state of a run, with its history."""
        states = self._stack.api("GET", "/flow_run_states/", params={"flow_run_id": run}).json()
        return state_of(states) if states else RunState("CRASHED", "its server knows no such run")

    def _session(self, name: str) -> Instance | None:
        with suppress(NotFound):
            return self._store.instances.get(name)
        return None

    def wait(
        self, requests: Sequence[Request], seconds: float, pause: Callable[[], object] = lambda: time.sleep(1)
    ) -> list[Account]:
        """Wait until none is under way any more, so many seconds at most; what became of each by then."""
        deadline, accounts = time.monotonic() + seconds, self.accounts(requests)
        while any(end is End.UNDER_WAY for _, end, _ in accounts) and time.monotonic() < deadline:
            pause()
            served = [account for account in accounts if account[1] is End.SERVED]  # which they stay
            accounts = served + self.accounts(account[0] for account in accounts if account[1] is not End.SERVED)
        return accounts

    def told_twice(self, requests: Sequence[Request]) -> list[str]:
        """Which changes of their sessions were told by two events, and which of their runs ended twice."""
        sessions = {request.session for request in requests}
        events = [event for session in sessions for event in self._events(session)]
        return told_twice(events, [(request.session, self.run(request.run)) for request in requests])

    def _events(self, session: str) -> list[dict]:
        wanted = {
            "event": {"prefix": ["dockerdriver.instance."]},
            "resource": {"id": [f"dockerdriver.instance.{session}"]},
        }
        return self._stack.api("POST", "/events/filter", json={"filter": wanted, "limit": 50}).json()["events"]


def sentences(accounts: Iterable[Account]) -> list[str]:
    """What is said of those that were lost, or have not ended."""
    return [f"{request}: {why}" for request, end, why in accounts if end in (End.LOST, End.UNDER_WAY)]
