"""What `make down` does about sessions whose work is kept."""

import pytest

from blocks.prefect_api import PrefectApi
from pool.records import KeptWork
from pool.states import InstanceState
from pool.store.pool_store import PoolStore
from runtime.stack.kept_work import end_with_backups
from tests.rigs.pool_data import NOW, a_blueprint, claim_active, place
from tests.rigs.services.databases import migrated_sqlite

pytestmark = pytest.mark.unit


class Api(PrefectApi):
    """A server whose workers end each session at once, but for those that take too long."""

    def __init__(self, store: PoolStore, healthy: bool = True, slow: str = "") -> None:
        super().__init__("http://prefect.invalid")
        self.store, self.is_healthy, self.slow, self.asked = store, healthy, slow, []

    def healthy(self) -> bool:
        return self.is_healthy

    def trigger(self, deployment: str, key: str | None = None, **parameters: str) -> str:
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
    for instance_id, keep in (("ada-1", KeptWork(paths=("/home",))), ("bob-1", KeptWork())):
        store.instances.request(instance_id, a_blueprint(keep=keep), "", {}, NOW)
        place(store, instance_id)
        store.instances.begin_to_run(instance_id, NOW, NOW, {})
    yield store
    store.close()


def end(store: PoolStore, api: Api) -> list[str]:
    return end_with_backups(store, api, lambda said: None, seconds=0.05, between=0.01)


def test_sessions_that_keep_their_work_are_ended_by_runs_that_back_it_up_and_no_others(store):
    api = Api(store)
    assert end(store, api) == []
    assert api.asked == [("deprovision-instance/with-backup", "ada-1")]


def test_a_session_that_takes_too_long_is_named(store):
    (said,) = end(store, Api(store, slow="ada-1"))
    assert "work of session ada-1 since its last backup was not backed up: it took more than" in said


def test_where_no_server_answers_each_session_with_work_is_named(store):
    (said,) = end(store, Api(store, healthy=False))
    assert said.endswith("ada-1 since its last backup was not backed up: Prefect's server does not answer")
