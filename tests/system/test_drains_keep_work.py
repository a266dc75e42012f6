"""A host that is drained, a session whose time is over: what was written is kept, also where the store of backups dies.

On a stack of their own, for its hosts go, with its backups on a real S3 store. The tests go on from one another.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx
import pytest

from pool.backups.backup import Backup
from pool.backups.states import BackupCause, BackupFault, BackupState
from pool.states import ENDED, EndCause, HostState, InstanceState
from tests.rigs.present import present
from tests.rigs.s3.store import S3Store, s3_store
from tests.rigs.stacks.stack import CHECKOUT, Stack
from tests.rigs.stacks.visits import look, signed_in, work
from tests.rigs.waiting import until
from tests.system.conftest import fresh_installation

pytestmark = [pytest.mark.system, pytest.mark.nightly, pytest.mark.timeout(3600)]

DATA = CHECKOUT / "build" / "drained-stack"
BLUEPRINT, MEGABYTES = "kept", 100  # of work where the store is to die: it needs seconds for so much
HALF = 20 << 20  # bytes of it that are in the store when that dies
MOVE_MINUTES = 3  # until the deadline of a drain: a move takes some time on a busy machine
LIFETIME, WAIT = 180, 120  # seconds; the latter is DD_BACKUP_WAIT where a session is to end without
SECONDS = 900  # for anything; a busy machine is slow
EXPIRES, DRAINED = "expires-1", "drained-1"
BOTH = (DRAINED, EXPIRES)


@pytest.fixture(scope="module")
def stack(engine_url) -> Iterator[Stack]:
    """It runs, with one host, and wants no other by itself."""
    it = fresh_installation(DATA)
    try:
        up = it.command("up")
        assert up.returncode == 0, f"{up.stdout}\n{it.logs()}"
        it.save_blueprint(BLUEPRINT, keep=["/home/jovyan"])
        it.set_pool(DD_FREE_SLOT_TARGET=0)
        yield it
    finally:
        it.take_away()


@pytest.fixture(scope="module")
def store(stack) -> Iterator[S3Store]:
    """Where the stack keeps backups: an operator has named it in the form."""
    with s3_store() as store:
        stack.change_block("backup-store", **store.place("backups"))
        yield store


def active(stack) -> list:
    return stack.records.hosts.all("main", [HostState.ACTIVE])


def begin(stack, name: str, megabytes: int, **options: object) -> str:
    """A session of a user of its name, with work in it; what its files are."""
    url = stack.provision(name, blueprint=BLUEPRINT, user=f"user-of-{name}", options=options)["url"]
    with signed_in(stack.link(name)) as browser:
        return work(url, browser, megabytes)


def drain(stack, host: str, minutes: int) -> None:
    """As an operator does."""
    words = ("host", "drain", host, "--deadline", str(minutes), "--reason", "new kernel", "--yes")
    said = stack.command(*words)
    assert said.returncode == 0, said.stdout


def wait_until_removed(stack, host: str) -> None:
    until(lambda: stack.records.hosts.get(host).state is HostState.REMOVED, f"{host} is removed", SECONDS)


def has_ended(stack, name: str) -> bool:
    return stack.records.instances.get(name).state in ENDED


def last_backup(stack, name: str) -> Backup | None:
    return next(iter(stack.records.backups.of_instance(name)), None)


def said_by_runs(stack, name: str) -> list[str]:
    """The messages of the runs that were to end a session, and failed."""
    runs = {"name": {"any_": [f"deprovision {name}"]}, "state": {"type": {"any_": ["FAILED"]}}}
    found = stack.api("POST", "/flow_runs/filter", json={"flow_runs": runs}).json()
    return [run["state"]["message"] for run in found]


def test_a_session_that_expires_while_the_store_is_dead_ends_without_a_backup_after_the_operators_limit(stack, store):
    stack.set_pool(DD_BACKUP_WAIT=WAIT)
    begin(stack, "limit-1", 1, lifetime=LIFETIME)
    store.kill()
    until(lambda: has_ended(stack, "limit-1"), "it ends without", SECONDS)
    store.start()
    stack.set_pool(DD_BACKUP_WAIT=3600)
    session, backup = stack.records.instances.get("limit-1"), present(last_backup(stack, "limit-1"))
    assert (backup.state, backup.fault) == (BackupState.FAILED, BackupFault.REPOSITORY)
    assert (session.end_cause, "; it was not backed up: restic could not" in session.reason) == (EndCause.EXPIRED, True)
    assert (session.ended_at - session.expires_at).total_seconds() > WAIT


@dataclass
class Moved:
    """A session whose host is gone, before and after that, and its user's browser, which was signed in before."""

    before: dict
    after: dict
    browser: httpx.Client
    wrote: str


@pytest.fixture(scope="module")
def moved(stack, store) -> Iterator[Moved]:
    """Two hosts; the one with two sessions, of which one keeps its work, was drained past its deadline."""
    stack.run("spawn-host/on-demand", SECONDS, pool="main", flavor="small")
    until(lambda: len(active(stack)) == 2, "both are active", SECONDS)
    before = stack.provision("moved-1", blueprint=BLUEPRINT, user="ada")
    assert stack.provision("ended-1")["host"] == before["host"]
    with signed_in(stack.link("moved-1")) as browser:
        wrote = work(before["url"], browser)
        drain(stack, before["host"], MOVE_MINUTES)
        wait_until_removed(stack, before["host"])
        yield Moved(before, stack.answer("moved-1"), browser, wrote)


def test_a_session_that_keeps_its_work_runs_on_another_host_with_its_files_as_they_were(moved):
    assert (moved.after["state"], moved.after["host"] != moved.before["host"]) == ("running", True)
    assert look(moved.after["url"], moved.browser) == moved.wrote  # by the cookie from before


def test_its_address_and_its_time_are_what_they_were(moved):
    same = ("url", "expires_at", "user")
    assert [moved.after[name] for name in same] == [moved.before[name] for name in same]


def test_its_backup_was_read_back_before_it_began_there(stack, moved):
    session = stack.records.instances.get("moved-1")
    backup = stack.records.backups.get(session.restored_from)
    assert (backup.instance, backup.cause, backup.counts) == ("moved-1", BackupCause.SESSION_MOVES, True)
    assert backup.state_since < session.state_since


def test_the_session_that_keeps_nothing_was_ended_at_the_deadline_and_is_told_why(stack, moved):
    session, host = stack.records.instances.get("ended-1"), moved.before["host"]
    assert (session.state, session.end_cause) == (InstanceState.DELETED, EndCause.DRAINED)
    assert session.reason.startswith(f"the drain of its host {host} had until ")
    assert session.state_since >= stack.records.hosts.get(host).drain_deadline


@dataclass
class Dead:
    """What there was of two sessions and their host while the store was dead."""

    host: str
    wrote: dict[str, str]  # by session
    states: set[InstanceState]
    host_state: HostState
    containers: set[str]
    said: str  # by the run that was to end the drained one


@pytest.fixture(scope="module")
def dead(stack, store, moved) -> Dead:
    """The store died half-way through the backup of a session that expires; then another one's host was drained."""
    stack.run("deprovision-instance/on-demand", instance_id="moved-1")
    wrote = {DRAINED: begin(stack, DRAINED, MEGABYTES), EXPIRES: begin(stack, EXPIRES, MEGABYTES, lifetime=LIFETIME)}
    (host,), before = active(stack), store.size()
    until(lambda: store.size() > before + HALF, "half of the backup is in the store", SECONDS)
    store.kill()
    assert present(last_backup(stack, EXPIRES)).state is BackupState.WRITING
    drain(stack, host.name, 1)
    said = until(lambda: said_by_runs(stack, DRAINED), "the run that ends the drained one has failed", SECONDS)[0]
    states = {stack.records.instances.get(name).state for name in BOTH}
    state = stack.records.hosts.get(host.name).state
    return Dead(host.name, wrote, states, state, stack.containers_on(host.name), said)


def test_both_wait_with_all_that_they_wrote_and_so_does_their_host_past_its_deadline(stack, dead):
    assert (dead.states, dead.host_state) == ({InstanceState.STOPPING}, HostState.DRAINING)
    assert {f"dd-{name}" for name in BOTH} <= dead.containers
    assert stack.records.hosts.get(dead.host).drain_deadline < datetime.now(UTC)


def test_it_is_told_why_a_session_does_not_end_and_until_when(stack, dead):
    words = f"instance {DRAINED} keeps its container until it is backed up, or until 20.*: restic could not"
    assert re.match(words, dead.said), dead.said
    shown = until(lambda: shown_failed(stack, f"{DRAINED}.1"), "its backup has failed, between two tries", 120)
    assert (shown["fault"], shown["reason"].startswith("restic could not")) == ("repository", True)


def shown_failed(stack, backup: str) -> dict | None:
    """What an operator is shown of a backup, where it has failed."""
    shown = json.loads(stack.command("backup", "show", backup, "--json").stdout)
    return shown if shown["state"] == "failed" else None


def test_once_the_store_is_back_both_end_with_a_backup_and_the_host_goes(stack, store, dead):
    store.start()
    until(lambda: all(has_ended(stack, name) for name in BOTH), "both end", SECONDS)
    assert {present(last_backup(stack, name)).state for name in BOTH} == {BackupState.VERIFIED}
    assert {stack.records.instances.get(name).end_cause for name in BOTH} == {EndCause.EXPIRED, EndCause.DRAINED}
    wait_until_removed(stack, dead.host)


def test_their_users_next_sessions_have_all_of_it(stack, dead):
    stack.set_pool(DD_FREE_SLOT_TARGET=4)
    until(lambda: active(stack), "another host is active", SECONDS)
    for name in BOTH:
        url = stack.provision(f"{name}-next", blueprint=BLUEPRINT, user=f"user-of-{name}")["url"]
        with signed_in(stack.link(f"{name}-next")) as browser:
            assert look(url, browser) == dead.wrote[name]
        assert stack.run("deprovision-instance/on-demand", SECONDS, instance_id=f"{name}-next")[0] == "COMPLETED"
