"""Results of flow runs are files of the machine that ran the flow; each warm worker deletes the old ones of its own."""

import importlib

import pytest
import yaml

from tests.rigs.stacks.stack import CHECKOUT

pytestmark = pytest.mark.unit

DEPLOYMENTS = yaml.safe_load((CHECKOUT / "prefect.yaml").read_text())["deployments"]


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda found: f"{found['entrypoint']}-{found['name']}")
def test_a_flow_that_keeps_its_result_runs_in_a_warm_worker(deployment):
    module, _, name = deployment["entrypoint"].rpartition(".")
    keeps = getattr(importlib.import_module(module), name).persist_result
    assert not keeps or deployment["work_pool"]["name"] == "warm"
