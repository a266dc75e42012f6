"""What `make down` does about sessions whose work is kept."""

import time
from typing import Any

import pytest

from blocks.prefect.api import PrefectApi
from blocks.settings import ProcessSettings
from pool.backups.states import BackupCause, BackupFault, BackupState
from pool.errors import DockerDriverError, Refused
from pool.records import KeptWork
from pool.states import InstanceState
from pool.store.pool_store import PoolStore
from runtime.stack.kept_work import end_with_backups, refuse_to_lose
from runtime.stack.stop import take_down
from tests.rigs.pool_data import NOW, a_blueprint, claim_active, place
from tests.rigs.services.databases import new_store

pytestmark = pytest.mark.unit

HOME = KeptWork(paths=("/home",))


class Api(PrefectApi):
    """A server whose workers end each session at once, but for those that take too long."""

    def __init__(self, store: PoolStore, healthy: bool = True, slow: str = "", busy: int = 0) -> None:
        super().__init__("http://prefect.invalid")
        self.store, self.is_healthy, self.slow, self.busy = store, healthy, slow, busy
        self.asked: list[Any] = []

    def healthy(self) -> bool:
        return self.is_healthy

    def trigger(self, deployment: str, key: str | None = None, **parameters: str) -> str:
        self.busy -= 1
        if self.busy >= 0:
            raise DockerDriverError("Prefect's server is busy")
        self.asked.append((deployment, parameters["instance_id"]))
        if parameters["instance_id"] != self.slow:
            for state in (InstanceState.STOPPING, InstanceState.DELETED):
                self.store.instances.move(parameters["instance_id"], state, NOW)
        return "a-run"


@pytest.fixture
def store(tmp_path):
    store = new_store(tmp_path)
    claim_active(store)
    store_with(store, "ada-1")
    store_with(store, "bob-1", KeptWork())
    yield store
    store.close()


def store_with(store: PoolStore, instance_id: str, keep: KeptWork = HOME) -> PoolStore:
    """The store with one more session that runs."""
    store.instances.request(instance_id, a_blueprint(keep=keep), "", {}, NOW)
    place(store, instance_id)
    store.instances.begin_to_run(instance_id, NOW, NOW, {})
    return store


class WrongKey(Api):
    """A server whose workers try each backup again and again, in vain."""

    def trigger(self, deployment: str, key: str | None = None, **parameters: str) -> str:
        fail_backup(self.store, parameters["instance_id"], tries=2)
        return "a-run"


def fail_backup(store: PoolStore, instance_id: str, tries: int) -> None:
    """Have the end of a session fail to back it up, so many times."""
    session = store.instances.move(instance_id, InstanceState.STOPPING, NOW)
    for _ in range(tries):
        backup = store.backups.begin(session, BackupCause.SESSION_ENDS, NOW)
        store.backups.move(backup.id, BackupState.FAILED, NOW, reason="wrong key", fault=BackupFault.REPOSITORY)


def end(store: PoolStore, api: Api, seconds: float = 5) -> list[str]:
    return end_with_backups(store, api, lambda said: None, seconds, between=0.01)


def test_sessions_that_keep_their_work_are_ended_by_runs_that_back_it_up_and_no_others(store):
    api = Api(store)
    assert end(store, api) == []
    assert api.asked == [("deprovision-instance/with-backup", "ada-1")]


def test_a_session_that_takes_too_long_is_named(store):
    (said,) = end(store, Api(store, slow="ada-1"), seconds=0.05)
    assert "work of session ada-1 since its last backup was not backed up: it took more than" in said


def test_where_no_server_answers_each_session_with_work_is_named(store):
    (said,) = end(store, Api(store, healthy=False))
    assert said.endswith("ada-1 since its last backup was not backed up: Prefect's server does not answer")


def test_one_that_could_not_be_asked_for_is_asked_for_again(store):
    assert end(store, Api(store, busy=1)) == []
    (said,) = end(store_with(store, "eve-1"), Api(store, busy=10**9), seconds=1)
    assert said.endswith("eve-1 since its last backup was not backed up: Prefect's server is busy")


def test_a_session_that_begins_to_run_meanwhile_is_ended_in_the_same_way(store):
    class Late(Api):
        def trigger(self, deployment: str, key: str | None = None, **parameters: str) -> str:
            if not self.asked:
                store_with(self.store, "late-1")
            return super().trigger(deployment, key, **parameters)

    api = Late(store)
    assert end(store, api) == []
    assert [instance_id for _, instance_id in api.asked] == ["ada-1", "late-1"]


def test_a_session_whose_work_is_safe_already_is_not_waited_for(store):
    session = store.instances.move("ada-1", InstanceState.STOPPING, NOW)
    backup = store.backups.begin(session, BackupCause.SESSION_ENDS, NOW)
    store.backups.move(backup.id, BackupState.WRITTEN, NOW, size=1, digest="x", snapshot="y", files=1)
    store.backups.move(backup.id, BackupState.VERIFIED, NOW)
    api = Api(store)
    assert (end(store, api), api.asked) == ([], [])


def test_a_session_whose_backup_fails_twice_is_waited_for_no_longer_and_told_with_the_reason(store):
    began = time.monotonic()
    (said,) = end(store, WrongKey(store), seconds=60)
    assert said == "the work of session ada-1 since its last backup was not backed up: wrong key"
    assert time.monotonic() - began < 30


def test_failures_from_before_do_not_count_against_a_session(store):
    fail_backup(store, "ada-1", tries=5)
    (said,) = end(store, Api(store, slow="ada-1"), seconds=0.05)  # its fault is told, once the time is over
    assert said.endswith("wrong key")
    assert end(store, Api(store)) == []


def test_a_session_that_cannot_be_backed_up_keeps_no_other_one_from_it(store):
    class OneWrong(WrongKey):
        def trigger(self, deployment: str, key: str | None = None, **parameters: str) -> str:
            trigger = super().trigger if parameters["instance_id"] == "ada-1" else super(WrongKey, self).trigger
            return trigger(deployment, key, **parameters)

    (said,) = end(store_with(store, "eve-1"), OneWrong(store))
    assert "ada-1" in said
    assert store.instances.get("eve-1").state is InstanceState.DELETED


def test_work_that_would_be_lost_is_refused_with_what_can_be_done():
    refuse_to_lose([])
    with pytest.raises(Refused, match=r"ada-1 was not.*`make down LOSE_WORK=yes` goes on without it"):
        refuse_to_lose(["the work of session ada-1 was not backed up"])


def test_nothing_is_taken_down_while_work_would_be_lost(store, tmp_path):
    database = f"sqlite:///{tmp_path}/pool.sqlite"
    settings, said = ProcessSettings(data=tmp_path, database_url=database, prefect_port=1, _env_file=None), list[str]()
    with pytest.raises(Refused, match=r"work of session ada-1 .* not backed up: Prefect's server does not answer"):
        take_down(settings, said.append)
    assert said == []
