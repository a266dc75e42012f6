"""What `make down` does about hosts: every server is tried, and only what is proved gone is written down as gone."""

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from blocks.clouds.port import Cloud, Server, ServerStatus
from blocks.settings import ProcessSettings
from pool.errors import CloudTrouble
from pool.records import BlueprintSpec, FlavorSize
from pool.states import HostState, InstanceState
from pool.store.pool_store import PoolStore
from runtime.stack import host_removal
from runtime.stack.host_removal import close_records, remove_hosts
from runtime.stack.stop import remove_all_hosts
from tests.rigs.pool_data import place
from tests.rigs.services.databases import new_store

pytestmark = pytest.mark.unit

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path):
    store = new_store(tmp_path / "data")
    yield store
    store.close()


class PaperCloud:
    """Servers by host; deletes all but the stubborn ones, which answer as the cloud's library would."""

    def __init__(self, *hosts: str, stubborn: dict[str, Exception] | None = None, silent: bool = False) -> None:
        self.hosts, self.stubborn, self.silent = set(hosts), stubborn or {}, silent

    def list_servers(self) -> list[Server]:
        if self.silent:
            raise CloudTrouble("cannot list the hosts: no usable answer")
        return [Server(host, host, "main", ServerStatus.ACTIVE) for host in sorted(self.hosts)]

    def find(self, host: str) -> SimpleNamespace | None:
        if self.silent:
            raise CloudTrouble(f"cannot find host {host}: no usable answer")
        return SimpleNamespace() if host in self.hosts else None

    def delete(self, host: str) -> None:
        if host in self.stubborn:
            raise self.stubborn[host]
        self.hosts.discard(host)


def clouds(cloud: Any) -> dict[str, Cloud]:
    return {"main": cloud}


def claimed(store: PoolStore, count: int) -> list:
    for number in range(count):
        host = store.hosts.claim("main", FlavorSize.SMALL, 6, f"run-{number}", max_hosts=9, now=NOW)
        for state in (HostState.CONFIGURING, HostState.ACTIVE):
            store.hosts.move(host.name, state, NOW)
        store.hosts.note(host.name, server_id=f"id-{host.name}")
    return store.hosts.all()


def quiet(_: str) -> None:
    pass


def test_one_server_that_cannot_be_deleted_keeps_no_later_one_from_being_tried(store):
    hosts, cloud = claimed(store, 3), PaperCloud("main-01", "main-02", "main-03", stubborn={"main-01": OSError("odd")})
    removal = remove_hosts(clouds(cloud), hosts, quiet)
    assert (cloud.hosts, removal.gone) == ({"main-01"}, {"main-02", "main-03"})
    assert [trouble.split(":")[0] for trouble in removal.troubles] == ["host main-01 was not removed"]
    assert "make down" in removal.troubles[0]


def test_a_server_without_a_record_is_removed_as_well(store):
    cloud = PaperCloud("main-07")
    assert remove_hosts(clouds(cloud), [], quiet).gone == {"main-07"}
    assert not cloud.hosts


def test_a_cloud_that_does_not_answer_proves_nothing_gone(store):
    removal = remove_hosts(clouds(PaperCloud(silent=True)), claimed(store, 2), quiet)
    assert not removal.gone
    assert {name for name in ("main-01", "main-02") if name in " ".join(removal.troubles)} == {"main-01", "main-02"}


def test_a_delete_that_was_accepted_is_not_taken_for_gone(store, monkeypatch):
    monkeypatch.setattr(host_removal, "GONE_SECONDS", 0)
    cloud = PaperCloud("main-01")
    monkeypatch.setattr(cloud, "delete", lambda host: None)
    removal = remove_hosts(clouds(cloud), claimed(store, 1), quiet)
    assert not removal.gone
    assert "still lists its server" in removal.troubles[0]


def test_only_the_records_of_what_is_gone_are_closed_and_sessions_follow_their_host(store):
    claimed(store, 2)
    for name, host in (("alice-1", "main-01"), ("bob-1", "main-02"), ("waits", None)):
        store.instances.request(name, BlueprintSpec("b", "main", "image", 80), user="", options={}, now=NOW)
        if host:
            place(store, name, host, NOW)
    assert close_records(store, {"main-01"}) == 1
    assert [host.state for host in store.hosts.all()] == [HostState.REMOVED, HostState.ACTIVE]
    states = [store.instances.get(name).state for name in ("alice-1", "bob-1", "waits")]
    assert states == [InstanceState.DELETED, InstanceState.STARTING, InstanceState.DELETED]


def test_without_prefects_server_down_names_the_servers_it_cannot_remove_and_keeps_their_records(store, tmp_path):
    claimed(store, 2)
    settings = ProcessSettings(data=tmp_path / "data", prefect_port=9, _env_file=None)
    (troubles,) = remove_all_hosts(settings, quiet)
    assert "main-01 (server id-main-01), main-02 (server id-main-02)" in troubles
    assert "Prefect's server does not answer" in troubles
    assert {host.state for host in store.hosts.all()} == {HostState.ACTIVE}
