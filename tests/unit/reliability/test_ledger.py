"""What became of requests is asked until all have ended; what cannot be asked now is asked again."""

import httpx
import pytest

from pool.store.pool_store import PoolStore
from tests.reliability.accepted import Age, End, Request
from tests.reliability.ledger import Ledger, sentences
from tests.rigs.services.databases import new_store
from tests.rigs.stacks.stack import Stack

pytestmark = pytest.mark.unit

NOTHING_TO_END = Request(Age.ENDING, "never-was", "run-1", ends=True)


class ToldStack(Stack):
    """Its API answers so, one after the other, to each question about a run; the last answer stays."""

    def __init__(self, tmp_path, *answers):
        super().__init__(tmp_path, 1, 2)
        self.answers = list(answers)

    def api(self, method, path, **kwargs):
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        states = [{"type": answer, "name": answer.title(), "message": "", "timestamp": "09:00"}] if answer else []
        return httpx.Response(200, json=states)


@pytest.fixture
def store(tmp_path) -> PoolStore:
    return new_store(tmp_path)


def waited(store, tmp_path, *answers, seconds: float = 5):
    ledger = Ledger(ToldStack(tmp_path, *answers), store)
    return ledger.wait([NOTHING_TO_END], seconds, pause=lambda: None)


def test_a_server_that_is_away_is_asked_again_until_the_request_has_ended(store, tmp_path):
    away = httpx.ConnectError("Connection refused")
    accounts = waited(store, tmp_path, away, "RUNNING", away, "COMPLETED")
    assert [end for _, end, _ in accounts] == [End.SERVED]


def test_a_request_that_has_not_ended_when_the_time_is_over_is_among_the_lost(store, tmp_path):
    accounts = waited(store, tmp_path, "RUNNING", seconds=0)
    assert sentences(accounts) == ["ending request to end never-was: its run is RUNNING"]


def test_a_request_whose_run_the_server_forgot_is_lost(store, tmp_path):
    assert [end for _, end, _ in waited(store, tmp_path, "")] == [End.LOST]
