"""What the doctor says on a machine that has only a part of a manager."""

from contextlib import nullcontext

import pytest

from blocks.gateway.all_gateways import AllGateways
from blocks.gateway.relayed import Relay
from blocks.outside import standing_in
from blocks.settings import ProcessSettings
from pool.errors import GatewayTrouble
from runtime.command.doctor.machines import examine_machines
from runtime.command.doctor.told import Condition
from tests.rigs.fakes import fake_outside
from tests.unit.runtime.stack.test_several_machines import Stored, settings

pytestmark = pytest.mark.unit


@pytest.fixture(autouse=True)
def secret(monkeypatch):
    monkeypatch.setenv("DD_RELAY_SECRET", 32 * "s")


class AwayRelay(Relay):
    def alive(self) -> None:
        if "g2" in self.url:
            raise GatewayTrouble(f"the gateway's relay {self.url} does not answer: refused")


def told(said: ProcessSettings, runs: bool = True, **stored) -> dict[str, Condition | None]:
    gateway = AllGateways([AwayRelay(f"https://g{n}:8445", "") for n in (1, 2)], lambda _: nullcontext())
    with standing_in(fake_outside(gateway=gateway, stored=Stored(**stored))):
        return {one.says: one.condition for one in examine_machines(said, runs)}


def test_a_manager_of_one_machine_has_none_to_reach(tmp_path):
    assert told(ProcessSettings(data=tmp_path, _env_file=None)) == {}


def test_each_that_it_asks_is_named_with_whether_it_answers(tmp_path):
    assert told(settings(tmp_path), keeps=False) == {
        "Prefect's API answers: https://api.example:4443/api": Condition.OK,
        "the gateway's relay answers: https://g1:8445": Condition.OK,
        "the gateway's relay https://g2:8445 does not answer: refused": Condition.MISSING,
        "no session needs a file of the manager's": Condition.OK,
    }


def test_an_api_that_does_not_answer_and_a_file_that_is_not_there_are_to_be_mended(tmp_path):
    assert Condition.MISSING in told(settings(tmp_path), runs=False).values()
    (says,) = [says for says, condition in told(settings(tmp_path)).items() if condition is Condition.WRONG]
    assert "no repository is there" in says


def test_settings_that_do_not_fit_together_are_all_that_is_said(tmp_path):
    assert list(told(settings(tmp_path, gateways="")).values()) == [Condition.WRONG]
