"""Hosts, instances and blueprints for tests of the pool, with as few words as a test needs."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pool.backups.backup import Backup
from pool.backups.states import BackupCause, BackupState
from pool.courses.course import Course
from pool.records import BlueprintSpec, FlavorSize, Host, Instance, Placement
from pool.states import HostState, InstanceState
from pool.store.pool_store import PoolStore
from pool.timetable import read_times

NOW = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def a_host(name: str = "main-01", **values: Any) -> Host:
    """An empty active host of 6 slots."""
    usual: dict[str, Any] = {
        "pool": "main",
        "state": HostState.ACTIVE,
        "flavor": FlavorSize.SMALL,
        "slots": 6,
        "reserved": 0,
        "created_at": NOW,
        "state_since": NOW,
    }
    return Host(name=name, **usual | values)


def an_instance(instance_id: str = "alice-1", host: str | None = "main-01", **values: Any) -> Instance:
    """A session that runs on main-01 for another hour."""
    usual: dict[str, Any] = {
        "pool": "main",
        "blueprint": "jupyter",
        "user": "alice",
        "state": InstanceState.RUNNING,
        "slots": 1,
        "route": f"route-of-{instance_id}",
        "token": "secret",
        "created_at": NOW,
        "state_since": NOW,
        "placement": Placement(host, 20000) if host else None,
        "expires_at": later(3600),
    }
    return Instance(id=instance_id, **usual | values)


def a_blueprint(**values: Any) -> BlueprintSpec:
    usual: dict[str, Any] = {"name": "jupyter", "pool": "main", "image": "jupyter", "port": 8888}
    return BlueprintSpec(**usual | values)


def a_course(
    name: str = "bio101", times: Sequence[str] = ("Mon 09:00-11:00",), zone: str = "UTC", **values: Any
) -> Course:
    """Four reserved slots, on the Monday of `NOW` from nine to eleven; whose session it is, its request says."""
    reserved = read_times(times, zone)
    usual: dict[str, Any] = {"pool": "main", "blueprint": "jupyter", "needs": 1, "slots": 4, "times": reserved}
    return Course(name, **usual | values)


def run(
    store: PoolStore, instance_id: str = "alice-1", now: datetime = NOW, expires_at: datetime | None = None
) -> Instance:
    """Let a session that starts run from a moment on: for an hour, where the test does not say."""
    return store.instances.begin_to_run(instance_id, now, expires_at or now + timedelta(hours=1), {})


def claim(store: PoolStore, run: str = "run-1", slots: int = 6, max_hosts: int = 4, pool: str = "main") -> Host:
    return store.hosts.claim(pool, FlavorSize.SMALL, slots, run, max_hosts, NOW)


def claim_active(store: PoolStore, run: str = "run-1", slots: int = 6, max_hosts: int = 4, pool: str = "main") -> Host:
    """A host that takes sessions."""
    host = claim(store, run, slots, max_hosts, pool)
    store.hosts.move(host.name, HostState.CONFIGURING, NOW)
    return store.hosts.move(host.name, HostState.ACTIVE, NOW)


def ask(store: PoolStore, instance_id: str = "alice-1", **blueprint: Any) -> Instance:
    """A queued session."""
    return store.instances.request(instance_id, a_blueprint(**blueprint), "alice", {}, NOW)[0]


def place(
    store: PoolStore, instance_id: str = "alice-1", host: str = "main-01", now: datetime = NOW
) -> Instance | None:
    """Give a session room on a host, whatever else waits; None when there is none."""
    waiting = {one.id for one in store.instances.all(states=[InstanceState.QUEUED])}
    return store.instances.take_turn(instance_id, host, waiting, now)


def a_backup(backup_id: str = "alice-1.1", **values: Any) -> Backup:
    """A backup of alice's session that counts."""
    usual: dict[str, Any] = {
        "instance": backup_id.rpartition(".")[0],
        "pool": "main",
        "blueprint": "jupyter",
        "user": "alice",
        "cause": BackupCause.SESSION_ENDS,
        "state": BackupState.VERIFIED,
        "begun_at": NOW,
        "state_since": NOW,
        "snapshot": "00000000",
    }
    return Backup(id=backup_id, **usual | values)
