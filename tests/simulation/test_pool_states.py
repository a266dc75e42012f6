"""Random lives of a pool in the store: whatever is called in whatever order, what must hold, holds."""

import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from pool.errors import Refused
from pool.states import HOLDING_ROOM, HostState, InstanceState
from tests.rigs.pool_data import NOW, ask, claim, place
from tests.rigs.services.databases import MEMORY, new_store

pytestmark = pytest.mark.simulation

HOSTS = st.sampled_from([f"main-{number:02d}" for number in range(1, 7)])
SESSIONS = st.sampled_from([f"s-{number}" for number in range(8)])
STEPS = {HostState.SPAWNING: HostState.CONFIGURING, HostState.CONFIGURING: HostState.ACTIVE}


class PoolMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(dir=MEMORY)
        self.store = new_store(Path(self.folder.name))
        self.bring_up("first")

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()

    def attempt(self, call, *arguments) -> None:
        """A refusal is an answer; anything else that is raised breaks the test."""
        before = (self.store.hosts.all(), self.store.instances.all())
        try:
            call(*arguments)
        except Refused:
            assert (self.store.hosts.all(), self.store.instances.all()) == before, "a refused call changed something"

    @rule(run=st.sampled_from(["run-1", "run-2", "run-3", "run-4", "run-5"]), slots=st.integers(1, 6))
    def claim_host(self, run, slots):
        self.attempt(claim, self.store, run, slots)

    @rule(run=st.sampled_from(["run-6", "run-7"]))
    def bring_up(self, run):
        self.attempt(claim, self.store, run)
        for host in self.store.hosts.all():
            for _ in range(2 if host.state in STEPS else 0):
                state = self.store.hosts.get(host.name).state
                if state in STEPS:
                    self.store.hosts.move(host.name, STEPS[state], NOW)

    @rule(host=HOSTS, to=st.sampled_from(HostState))
    def move_host(self, host, to):
        self.attempt(self.store.hosts.move, host, to, NOW)

    @rule(session=SESSIONS, slots=st.integers(1, 4))
    def request_instance(self, session, slots):
        ask(self.store, session, slots=slots)

    @rule(session=SESSIONS, host=HOSTS)
    def take_room(self, session, host):
        self.attempt(place, self.store, session, host)

    @rule(session=SESSIONS, to=st.sampled_from(InstanceState))
    def move_instance(self, session, to):
        self.attempt(self.store.instances.move, session, to, NOW)

    @invariant()
    def room_is_what_sessions_hold(self):
        held = Counter[str | None]()
        for instance in self.store.instances.all(states=HOLDING_ROOM):
            held[instance.host] += instance.slots if instance.host else 0
        for host in self.store.hosts.all():
            assert host.reserved == held[host.name] <= host.slots

    @invariant()
    def a_session_without_room_has_no_place(self):
        for instance in self.store.instances.all():
            assert (instance.host is None) == (instance.port is None)
            assert instance.host is None or instance.state in HOLDING_ROOM
            assert instance.host or instance.state not in (InstanceState.STARTING, InstanceState.RUNNING)

    @invariant()
    def no_session_is_on_a_removed_host(self):
        removed = {HostState.REMOVING, HostState.REMOVED}
        assert all(host.reserved == 0 for host in self.store.hosts.all(states=removed))

    @invariant()
    def the_pool_has_no_more_hosts_than_it_may(self):
        assert sum(host.state is not HostState.REMOVED for host in self.store.hosts.all()) <= 4


TestPoolMachine = PoolMachine.TestCase
TestPoolMachine.settings = settings(max_examples=15, stateful_step_count=40, deadline=None)
