"""The stack that all system tests share: brought up once, brought down at the end."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rigs.leftovers import network_state
from tests.rigs.stack import CHECKOUT, Stack, free_port

DATA = CHECKOUT / "build" / "test-stack"
ARTIFACTS = CHECKOUT / "tests" / "artifacts"


@pytest.fixture(scope="session")
def network_before() -> set[str]:
    """Links and routes of the machine before the stack came up."""
    return network_state()


@pytest.fixture(scope="session")
def stack(network_before) -> Iterator[Stack]:
    """A running stack with one active host and a first session."""
    gateway = free_port()
    it = Stack(DATA, gateway_port=gateway, prefect_port=_another(gateway))
    up = it.command("up")
    try:
        assert up.returncode == 0, f"{up.stdout}\n{it.logs()}"
        it.first_output = up.stdout
        yield it
    finally:
        it.command("down")


def _another(port: int) -> int:
    other = free_port()
    return other if other != port else other + 1


@pytest.fixture(scope="session")
def artifacts() -> Path:
    """Where screenshots are kept."""
    return ARTIFACTS
