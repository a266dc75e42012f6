"""The table of the docs is the one that decides, and its rows about hosts are what the rules do."""

from typing import Any

import pytest

from docs.reconciliation_table import HOSTS
from pool.decisions import DecisionKind as Kind
from pool.hosts.certificates import Validity
from pool.housekeeping.found import ContainerOutcome, Probe
from pool.housekeeping.observation import Observation
from pool.housekeeping.plan import plan
from pool.housekeeping.reconciliation import ORPHAN_CONTAINER, RUNNING_SESSION, Owner
from pool.settings import PoolSettings
from pool.states import HostState
from tests.rigs.pool_data import NOW, a_host, later

pytestmark = pytest.mark.unit

MUTE, WELL = Probe(answers=False, trouble="timed out"), Probe(answers=True)
DISTRUSTED = Probe(answers=False, distrusted=True, trouble="certificate has expired")
SINCE: dict[str, Any] = {"unreachable_since": NOW}
#: Host, probe, whether its server is listed (None: the cloud is silent), seconds later; in the order of the table.
SITUATIONS = (
    (a_host(**SINCE), MUTE, False, 1),
    (a_host(), WELL, False, 1),
    (a_host(state=HostState.REMOVING), None, None, 9999),
    (a_host(**SINCE), MUTE, True, 300),
    (a_host(**SINCE), MUTE, True, 301),
    (a_host(), DISTRUSTED, True, 1),
    (a_host(), Probe(answers=True, certificate=Validity(NOW, later(300))), True, 200),
    (a_host(state=HostState.DRAINING, reserved=1, **SINCE), DISTRUSTED, True, 301),
    (a_host(state=HostState.REMOVING), None, True, 1),
    (a_host(state=HostState.REMOVING), None, False, 1),
    (a_host(state=HostState.REMOVED), None, True, 1),
    (a_host(state=HostState.SPAWNING), None, False, 1),
)


@pytest.mark.parametrize(("row", "situation"), [*zip(HOSTS, SITUATIONS, strict=True)], ids=[row.found for row in HOSTS])
def test_each_row_about_hosts_is_what_the_rules_do(row, situation):
    host, probe, listed, seconds = situation
    servers = None if listed is None else {host.name} if listed else set()
    seen = Observation((host,), (), servers, probes={host.name: probe} if probe else {})
    decided = plan(seen, PoolSettings(free_slot_target=0), later(seconds))
    assert tuple(decision.kind for decision in decided) == row.kinds


def test_every_fate_of_a_container_and_every_owner_has_its_row():
    assert (set(RUNNING_SESSION), set(ORPHAN_CONTAINER)) == (set(ContainerOutcome), set(Owner))


def test_nothing_unknown_is_ever_removed():
    assert ORPHAN_CONTAINER[Owner.NONE].kind is Kind.REPORT
    assert RUNNING_SESSION[ContainerOutcome.UNKNOWN].kind is None
