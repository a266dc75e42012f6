"""The client for threads; `async_client.py` is its twin, and what both do stands in `calls.py`."""

import builtins
import threading
from collections.abc import Collection, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from .errors import Closed
from .events import EventStream
from .made import Made
from .models import Class, Link, LivingSession, Options, RunningSession, Session, State
from .settings import DEFAULTS, Settings
from .steps import Answer, Ask, Heard, Listen, NoAnswer, Pause, Reply, Step, Steps, T
from .wire import answer_of, no_answer, request_of


class Client(Made):
    """Ask DockerDriver for sessions through Prefect's API. Threads may share one.

    Each method may end with `Unauthorized` and `Unavailable`, and with `Closed` after `close`; *timeout* is how many
    seconds it may take in all, about.

    Args:
        address: of Prefect's API: "http://127.0.0.1:4200/api".
        password: "user:password"; or else
        password_file: the file that holds it.
        settings: how patient it is.
        transport: httpx's, for a proxy or a test.

    Raises:
        ValueError: the address or the password is not of its form.
    """

    def __init__(
        self,
        address: str,
        *,
        password: str | None = None,
        password_file: str | Path | None = None,
        settings: Settings = DEFAULTS,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        super().__init__(address, password, password_file, settings)
        self._http = httpx.Client(base_url=self._address, transport=transport, trust_env=False)
        self._closing = threading.Event()
        self._asked, self._answered = 0, threading.Condition()

    def start(
        self,
        instance_id: str,
        *,
        blueprint: str = "jupyter-minimal",
        user: str = "",
        options: Options | None = None,
        request_id: str | None = None,
        timeout: float | None = None,
    ) -> LivingSession:
        """Start a session; or find the one that the same request started: it may be repeated at any time.

        Args:
            instance_id: its name, chosen by you, used once.
            blueprint: how it is made.
            user: who it is for.
            options: what else is said of it.
            request_id: your request's own id, where one instance_id is asked for again after it was refused.
            timeout: seconds.

        Returns:
            It runs, still starts, or waits for room.

        Raises:
            Refused: for the reason that is said; nothing was started.
            Failed: it is over.
            NotYet: there is no answer in time; the request goes on, and is found again by asking it again.
        """
        calls, seconds = self._calls, self._seconds(timeout)
        return self._carry_out(calls.start(instance_id, blueprint, user, options, request_id, seconds))

    def start_class(
        self,
        users: Mapping[str, str],
        *,
        request_id: str,
        blueprint: str = "jupyter-minimal",
        options: Options | None = None,
        timeout: float | None = None,
    ) -> Class:
        """Ask for the sessions of a class by one request, in their order; it may be repeated at any time.

        Args:
            users: of each session its user, by its instance_id: 1 to 500.
            request_id: the request's own id; asked again with it, it is the same request.
            blueprint: how all are made.
            options: what else is said of each.
            timeout: seconds.

        Returns:
            The sessions that are on record, each as it is now, and why others were refused; `wait` for each.

        Raises:
            Refused: nothing was started, and of no session alone is said why.
            NotYet: there is no answer in time; the request goes on, and is found again by asking it again.
        """
        calls, seconds = self._calls, self._seconds(timeout)
        return self._carry_out(calls.start_class(users, blueprint, options, request_id, seconds))

    def get(self, instance_id: str, *, timeout: float | None = None) -> Session:
        """Read a session as it is now.

        Raises:
            NotFound: there is none, or its request has not begun.
        """
        return self._carry_out(self._calls.get(instance_id, self._seconds(timeout)))

    def wait(self, instance_id: str, *, request_id: str | None = None, timeout: float | None = None) -> RunningSession:
        """Wait until a session runs. The *request_id* is the one that `start` was given.

        Raises:
            Failed: it is over, or about to be.
            NotFound: there is none.
            NotYet: it still starts or waits for room when the time is over; it goes on.
        """
        return self._carry_out(self._calls.wait(instance_id, request_id, self._seconds(timeout)))

    def link(self, instance_id: str, *, request_id: str | None = None, timeout: float | None = None) -> Link:
        """Make another launch link to a running session; with a *request_id* that was given before, the same one.

        Raises:
            Refused: it does not run.
            NotFound: there is none.
        """
        return self._carry_out(self._calls.link(instance_id, request_id, self._seconds(timeout)))

    def extend(
        self, instance_id: str, minutes: int, *, request_id: str | None = None, timeout: float | None = None
    ) -> Session:
        """Let a running session go on for at least so many minutes from now.

        Raises:
            Refused: it does not run, or the minutes are too many.
            NotFound: there is none.
        """
        return self._carry_out(self._calls.extend(instance_id, minutes, request_id, self._seconds(timeout)))

    def logs(
        self, instance_id: str, *, lines: int = 100, request_id: str | None = None, timeout: float | None = None
    ) -> builtins.list[str]:
        """Read the last lines that a session's program wrote, the oldest first.

        Raises:
            Refused: it waits for room or is over, or its host is away.
            NotFound: there is none.
        """
        return self._carry_out(self._calls.logs(instance_id, lines, request_id, self._seconds(timeout)))

    def end(self, instance_id: str, *, request_id: str | None = None, timeout: float | None = None) -> Session | None:
        """End a session; harmless when repeated. One that was asked for and has not begun is waited for, and ended.

        Args:
            instance_id: its name.
            request_id: the one that `start` was given.
            timeout: seconds.

        Returns:
            How it is then: deleted, failed, or stopping while its work is backed up; None where there never was one.
        """
        return self._carry_out(self._calls.end(instance_id, request_id, self._seconds(timeout)))

    def list(
        self,
        *,
        user: str | None = None,
        states: Collection[State] = (State.QUEUED, State.STARTING, State.RUNNING),
        timeout: float | None = None,
    ) -> builtins.list[Session]:
        """Read the sessions of all users or of one, in these states; those over are known for two weeks."""
        return self._carry_out(self._calls.list(user, states, self._seconds(timeout)))

    def close(self) -> None:
        """End every call that waits, with `Closed`; requests that are on their way are answered first."""
        self._closing.set()
        with self._answered:
            self._answered.wait_for(lambda: not self._asked)
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _carry_out(self, steps: Steps[T]) -> T:
        stream = EventStream(self._address, self._password, self._closing.is_set)
        reply: Reply = None
        try:
            while True:
                reply = self._do(steps.send(reply), stream)
        except StopIteration as done:
            result: T = done.value
            return result
        finally:
            stream.close()

    def _do(self, step: Step, stream: EventStream) -> Reply:
        match step:
            case Ask():
                return self._ask(step)
            case Listen(resource, seconds, _) if self._settings.events and stream.usable:
                return stream.listen(resource, seconds)
            case Listen(_, _, seconds) | Pause(seconds):
                self._pause(seconds)
        return Heard(event=False)

    def _ask(self, step: Ask) -> Answer | NoAnswer:
        with self._answered:
            if self._closing.is_set():
                raise Closed("the client was closed")
            self._asked += 1
        try:
            return answer_of(self._http.request(**request_of(step, self._password)))
        except httpx.RequestError as error:
            return no_answer(error)
        finally:
            with self._answered:
                self._asked -= 1
                self._answered.notify_all()

    def _pause(self, seconds: float) -> None:
        self._closing.wait(seconds)
