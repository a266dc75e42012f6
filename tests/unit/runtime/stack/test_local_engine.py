"""What our own engine does to the firewall is undone, and nothing else."""

import subprocess
from types import SimpleNamespace
from typing import Any

import pytest

from runtime.stack import local_engine as engine

pytestmark = pytest.mark.unit


@pytest.fixture
def orders(monkeypatch):
    """What iptables is told to do; the machine forwards packets."""
    orders = []

    def run(command: list[str], **_: object) -> SimpleNamespace:
        orders.append(command[1:])
        return SimpleNamespace(stdout="-P FORWARD ACCEPT\n")

    monkeypatch.setattr(subprocess, "run", run)
    return orders


def test_the_policy_for_packets_that_pass_through_is_put_back_once(tmp_path, orders):
    settings: Any = SimpleNamespace(run_dir=tmp_path)
    engine.note_forwarding(settings)
    orders.clear()
    engine._restore_forwarding(settings)
    engine._restore_forwarding(settings)
    assert orders == [["-P", "FORWARD", "ACCEPT"]]


def test_what_was_noted_before_the_engine_started_is_not_overwritten_while_it_runs(tmp_path, orders):
    settings: Any = SimpleNamespace(run_dir=tmp_path)
    (tmp_path / engine.FORWARDING).write_text("ACCEPT")
    engine.note_forwarding(settings)
    assert orders == []
