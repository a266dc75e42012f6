"""Ports for what tests start: lanes run beside each other."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.rigs.ports import free_port, free_ports

pytestmark = pytest.mark.unit


def test_a_port_that_was_taken_is_not_given_again_before_its_server_listens():
    ports = range(15210, 15213)
    taken = free_ports(2, ports)
    assert {*taken, free_port(ports)} == {*ports}


def test_another_process_does_not_get_it_either():
    taken = free_port(range(15213, 15214))
    ask = f"from tests.rigs.ports import free_port; free_port(range({taken}, {taken + 1}))"
    other = subprocess.run(
        [sys.executable, "-c", ask], cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False
    )
    assert "not 1 of the ports" in other.stderr
