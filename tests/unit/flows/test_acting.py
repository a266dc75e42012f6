"""What a decision leads to, where it is more than one task."""

import asyncio
from types import SimpleNamespace

import pytest

from blocks.outside import standing_in
from flows.steps.acting import act
from pool.decisions import Decision, DecisionKind
from pool.states import HostState
from tasks.leases import Held
from tests.rigs.fakes import ScriptedTasks, fake_outside
from tests.rigs.pool_data import a_host

pytestmark = pytest.mark.unit

RENEW = Decision(DecisionKind.RENEW, "main-01", "its certificate runs out")


def renewed(state: HostState, lease_of: str | None = None) -> list[str]:
    """Names of the tasks that were called."""
    tasks = ScriptedTasks(find_host=a_host(state=state))
    leases = SimpleNamespace(take=lambda *_: lease_of, drop=lambda *_: None)
    with standing_in(fake_outside(prefect=tasks, store=SimpleNamespace(writes=0, leases=leases))):
        asyncio.run(act(RENEW, 0))
    return tasks.names


@pytest.mark.parametrize("state", [HostState.ACTIVE, HostState.DRAINING])
def test_the_certificate_of_a_host_is_renewed_while_it_serves_and_while_it_drains(state):
    assert renewed(state) == ["find_host", "note_repair", "renew_certificate"]


def test_the_certificate_of_a_host_that_is_gone_by_now_is_not_renewed():
    assert renewed(HostState.REMOVING) == ["find_host"]


def test_no_certificate_is_renewed_beside_a_run_that_configures_the_host():
    with pytest.raises(Held):
        renewed(HostState.ACTIVE, lease_of="flow run 7")
