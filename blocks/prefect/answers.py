"""What platforms read of a session: artifacts that last, whatever run wrote them."""

import json
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from textwrap import indent
from typing import Any

import httpx
from prefect.client.orchestration import SyncPrefectClient

PAGE = 200  # rows that the server answers with at most
#: What is so far to the right is code in markdown: shown as it is.
CODE = " " * 4
MOST_ASKED = 5000
#: Key of a session's artifact, before its id. It belongs to no run: a tick that tells of a session is soon deleted.
ANSWER_OF = "instance-"
WRITES_AT_ONCE = 4
#: Path of our server's by which it takes several answers, all or none, and how many by one request.
TOGETHER, MOST_TOGETHER = "/artifacts/answers", 50


@dataclass(frozen=True)
class Answer:
    """One row of values, for an artifact that belongs to no run."""

    key: str
    description: str
    row: dict[str, object]
    is_followed: bool = False  # another one of its key is sure to be written, so this one may be deleted

    @property
    def data(self) -> str:
        """JSON, as Prefect keeps it, one value to a line.

        Prefect's UI shows it so. As a table it would show a single row, cut off, and "[object Object]" for a value that
        holds others.
        """
        return indent(json.dumps([self.row], indent=1), CODE)

    def artifact(self, run: str = "") -> dict[str, str]:
        """Return what Prefect's API takes to make one, of a run or of none."""
        made = {"type": "markdown", "key": self.key, "description": self.description, "data": self.data}
        return made | ({"flow_run_id": run} if run else {})


class AskingRuns:
    """Which runs' pages are to show the answers to what they ask for.

    Prefect deletes an artifact with its run, so an answer is a run's only if another one is sure to follow it. In the
    memory of this process: where another one is the first to tell of a session, the run's page shows nothing.
    """

    def __init__(self) -> None:
        self._runs: dict[str, str] = {}

    def note(self, keys: Iterable[str], run: str) -> None:
        """Have the next answer of each of these keys be the run's."""
        self._runs |= dict.fromkeys(keys, run)
        for key in list(self._runs)[:-MOST_ASKED]:
            self._runs.pop(key, None)

    def run_of(self, answer: Answer) -> str:
        """Return the run whose page is to show this answer, once; empty: none."""
        run = self._runs.pop(answer.key, "")
        return run if answer.is_followed else ""


class WrittenAnswers:
    """What this process wrote last of each key: another answer than that is written without a look at the newest.

    A look is a request for each session that changes, at the moment at which most others ask the server, too. Where
    another process wrote the same meanwhile, it is written twice, which no reader sees.
    """

    def __init__(self) -> None:
        self._written: dict[str, int] = {}

    def may_be_newest(self, answer: Answer) -> bool:
        """Whether it may be there already, as far as this process knows."""
        return self._written.get(answer.key, hash(answer.data)) == hash(answer.data)

    def note(self, answers: Iterable[Answer]) -> None:
        """Keep that these were written, or found as the newest."""
        self._written |= {answer.key: hash(answer.data) for answer in answers}
        for key in list(self._written)[:-MOST_ASKED]:
            self._written.pop(key, None)


def write_changed(
    client: SyncPrefectClient, answers: Sequence[Answer], asking: AskingRuns, written: WrittenAnswers
) -> None:
    """Write the answers that are not the newest of their keys already; those in doubt are asked for together.

    Raises:
        httpx.HTTPError: the server is away, or refused one; the last one that it refused.
    """
    shown = _newest(client, [answer.key for answer in answers if written.may_be_newest(answer)])
    create_all(client, [answer for answer in answers if shown.get(answer.key) != answer.data], asking)
    written.note(answers)


def _newest(client: SyncPrefectClient, keys: Sequence[str]) -> dict[str, object]:
    """What the newest artifact of each key holds; without those that have none."""
    found: dict[str, object] = {}
    for begin in range(0, len(keys), PAGE):
        wanted = {"artifacts": {"key": {"any_": keys[begin : begin + PAGE]}}, "limit": PAGE}
        answer = client.request("POST", _path("/artifacts/latest/filter"), json=wanted)
        found |= {row["key"]: row["data"] for row in answer.json()}
    return found


def create_all(client: SyncPrefectClient, answers: Sequence[Answer], asking: AskingRuns) -> None:
    """Create an artifact of each answer; those of one moment by one request, where the server is ours.

    By the client's own method an event would go with each, which costs the server half as much again and says less than
    the event of the change that the answer tells of.

    Raises:
        httpx.HTTPError: the server is away, or refused one; the last one that it refused.
    """
    artifacts = [answer.artifact(asking.run_of(answer)) for answer in answers]
    refused: list[httpx.HTTPStatusError] = []
    for begin in range(0, len(artifacts), MOST_TOGETHER):
        several = artifacts[begin : begin + MOST_TOGETHER]
        if len(several) == 1 or not _create_together(client, several):
            refused += _create_each(client, several)
    if refused:
        raise refused[-1]


def _create_together(client: SyncPrefectClient, artifacts: Sequence[dict[str, str]]) -> bool:
    """Whether the server took all of these; it took none where it is not ours, or refused one of them."""
    try:
        client.request("POST", _path(TOGETHER), json=artifacts)
    except httpx.HTTPStatusError:
        return False
    return True


def _create_each(client: SyncPrefectClient, artifacts: Sequence[dict[str, str]]) -> list[httpx.HTTPStatusError]:
    """Some at a time: one alone would wait behind all that others ask the server, at each of them; what was refused."""
    with ThreadPoolExecutor(WRITES_AT_ONCE) as threads:
        asked = [threads.submit(copy_context().run, _create, client, artifact) for artifact in artifacts]
        try:
            return [error for one in asked if (error := one.result())]
        finally:  # a server that is away is asked for no more
            threads.shutdown(cancel_futures=True)


def _create(client: SyncPrefectClient, artifact: dict[str, str]) -> httpx.HTTPStatusError | None:
    try:
        client.request("POST", _path("/artifacts/"), json=artifact)
    except httpx.HTTPStatusError as error:
        return error
    return None


def _path(path: str) -> Any:
    """A path of Prefect's API that its client's types do not list."""
    return path
