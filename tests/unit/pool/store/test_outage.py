"""How a call of the store waits for a database that is away: how long, for which errors, and what it then says."""

import sqlite3

import pytest
from sqlalchemy import create_engine, make_url
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from pool.errors import DatabaseAway
from pool.store.engine import Database, Part
from pool.store.outage import LONGEST_PAUSE, Outage, Patience, passes

pytestmark = pytest.mark.unit

URL = make_url("postgresql+psycopg://dd:hush@db.example:5432/pool")


class ServerError(Exception):
    """As psycopg's errors are: with a code, where the server gave one."""

    def __init__(self, words: str, sqlstate: str | None = None):
        super().__init__(words)
        self.sqlstate = sqlstate


def failed(words: str, sqlstate: str | None = None, kind: type[DBAPIError] = OperationalError) -> DBAPIError:
    return kind("SELECT 1", {}, ServerError(words, sqlstate))


REFUSED = failed("connection failed: Connection refused\n\tIs the server running on that host?")


class VirtualTime:
    """Passes when it is slept through; the database is back at a moment."""

    def __init__(self, back_at: float):
        self.seconds, self.pauses, self.back_at = 0.0, list[float](), back_at

    def uptime(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.seconds += seconds

    def call(self) -> str:
        if self.seconds < self.back_at:
            raise REFUSED
        return "an answer"


def outage(time: VirtualTime, seconds: float = 60) -> Outage:
    return Outage(URL, Patience(seconds, time.uptime, time.sleep))


def test_a_call_waits_for_a_database_that_is_back_within_the_minute():
    time = VirtualTime(back_at=57)
    assert outage(time).outlast(time.call) == "an answer"
    assert time.pauses[0] < 0.2
    assert max(time.pauses) <= LONGEST_PAUSE


def test_a_database_that_stays_away_is_named_with_what_to_do_and_without_its_password():
    time = VirtualTime(back_at=1000)
    with pytest.raises(DatabaseAway) as told:
        outage(time).outlast(time.call)
    assert str(told.value) == (
        "the pool's database pool (postgresql at db.example:5432) did not answer in 60 s: start it, or correct"
        " DD_DATABASE_URL (connection failed: Connection refused)"
    )
    assert 55 < time.seconds <= 60


def test_an_error_that_waiting_does_not_mend_is_raised_at_once():
    time = VirtualTime(back_at=0)
    wrong = failed("duplicate key", "23505", IntegrityError)

    def call():
        raise wrong

    with pytest.raises(IntegrityError):
        outage(time).outlast(call)
    assert time.pauses == []


@pytest.mark.parametrize(
    "error",
    [
        REFUSED,
        failed("the database system is starting up", "57P03"),
        failed("terminating connection due to administrator command", "57P01"),
        failed("consuming input failed: server closed the connection unexpectedly"),
        failed("sorry, too many clients already", "53300"),
        failed("canceling statement due to lock timeout", "55P03"),
        failed("deadlock detected", "40P01"),
    ],
    ids=str,
)
def test_a_server_that_is_away_or_busy_is_waited_for(error):
    assert passes(error)


@pytest.mark.parametrize(
    "error",
    [
        failed('connection failed: FATAL:  password authentication failed for user "dd"'),
        failed('connection failed: FATAL:  database "pool" does not exist'),
        failed('relation "hosts" does not exist', "42P01"),
        failed("could not extend file: No space left on device", "53100"),
        OperationalError("SELECT 1", {}, sqlite3.OperationalError("no such table: hosts")),
    ],
    ids=str,
)
def test_what_an_operator_must_mend_is_not_waited_for(error):
    assert not passes(error)


def test_a_password_that_was_taken_before_is_being_changed_and_that_is_waited_for():
    time, locked_out = VirtualTime(back_at=0), failed('FATAL:  password authentication failed for user "dd"')
    it = outage(time)
    answers: list[DBAPIError | str] = [locked_out, "an answer", locked_out, "another"]

    def call() -> str:
        if isinstance(answer := answers.pop(0), DBAPIError):
            raise answer
        return answer

    with pytest.raises(OperationalError):
        it.outlast(call)  # from the start on: the setting is wrong
    assert [it.outlast(call), it.outlast(call)] == ["an answer", "another"]


@pytest.mark.parametrize("answers", [["committed"], ["in progress", "in progress", "committed"]])
def test_a_commit_without_an_answer_that_was_kept_is_a_success(answers):
    time = VirtualTime(back_at=0)
    outage(time).settle(7, lambda _: answers.pop(0), REFUSED)
    assert answers == []


def test_a_commit_without_an_answer_that_was_not_kept_is_the_same_error():
    time = VirtualTime(back_at=0)
    with pytest.raises(OperationalError) as raised:
        outage(time).settle(7, lambda _: "aborted", REFUSED)
    assert raised.value is REFUSED


@pytest.mark.parametrize("answer", ["in progress", None])
def test_a_commit_whose_end_is_not_known_is_not_repeated(answer):
    time = VirtualTime(back_at=0)
    with pytest.raises(DatabaseAway, match="was lost while it committed, and does not say whether it did"):
        outage(time).settle(7, lambda _: answer, REFUSED)
    assert time.seconds <= 60


def test_every_public_method_of_a_part_is_a_call_that_waits():
    time = VirtualTime(back_at=9)

    class Nouns(Part):
        def all(self) -> str:
            return time.call()

    database = Database(create_engine("sqlite://"))
    database.outage = Outage(URL, Patience(60, time.uptime, time.sleep))
    assert Nouns(database).all() == "an answer"
