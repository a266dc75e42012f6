"""What `make down` does about sessions whose work is kept."""

import pytest

from blocks.prefect_api import PrefectApi
from pool.backups.states import BackupCause, BackupState
from pool.errors import DockerDriverError
from pool.records import KeptWork
from pool.states import InstanceState
from pool.store.pool_store import PoolStore
from runtime.stack.kept_work import end_with_backups
from tests.rigs.pool_data import NOW, a_blueprint, claim_active, place
from tests.rigs.services.databases import migrated_sqlite

pytestmark = pytest.mark.unit

HOME = KeptWork(paths=("/home",))


class Api(PrefectApi):
    """A server whose workers end each session at once, but for those that take too long."""

    def __init__(self, store: PoolStore, healthy: bool = True, slow: str = "", busy: int = 0) -> None:
        super().__init__("http://prefect.invalid")
        self.store, self.is_healthy, self.slow, self.busy, self.asked = store, healthy, slow, busy, []

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
    (tmp_path / "pool.sqlite").write_bytes(migrated_sqlite())
    store = PoolStore.open(f"sqlite:///{tmp_path}/pool.sqlite")
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
    (said,) = end(store_with(store, "eve-1"), Api(store, busy=10**9), seconds=0.05)
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
