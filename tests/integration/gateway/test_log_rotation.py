"""The gateway's logs are bounded, and no line is lost when they are rotated."""

import json
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import httpx
import pytest

from blocks.gateway.logs import KEPT, rotate_logs
from tests.rigs.gateways.backend import http_backend
from tests.rigs.gateways.gateway import route_to, running_gateway
from tests.rigs.waiting import until

pytestmark = pytest.mark.integration

ACCESS = "gateway-access.log"


@pytest.fixture
def gateway():
    with http_backend() as session, running_gateway() as gateway:
        gateway.client.add_route(route_to(session.port))
        yield gateway


def ask(gateway) -> int:
    """Ask once; how many lines that makes."""
    httpx.get(gateway.address(route_to(20001).id), trust_env=False)
    return 1


def ask_until(gateway, enough: Event) -> int:
    """Ask again and again; how many lines that makes."""
    asked = 0
    while not enough.is_set():
        asked += ask(gateway)
    return asked


def written(gateway) -> bool:
    """Whether nginx has written to the log that has the name now."""
    log = gateway.config.logs / ACCESS
    return log.exists() and log.stat().st_size > 1


def lines(gateway) -> int:
    files = gateway.config.logs.glob(f"{ACCESS}*")
    return sum(bool(json.loads(line)) for file in files for line in file.read_text().splitlines())


@pytest.mark.parametrize("mode", [0o755, 0o700], ids=["workers reach the logs", "the master alone does"])
def test_no_line_is_lost_while_logs_are_rotated_under_requests(gateway, mode):
    gateway.config.logs.parent.chmod(mode)
    enough = Event()
    with ThreadPoolExecutor(1) as asking:
        asked = asking.submit(ask_until, gateway, enough)
        try:
            for _ in range(KEPT - 1):
                until(lambda: written(gateway), "a line is in the log that has the name now")
                assert ACCESS in rotate_logs(gateway.config, largest=1)
        finally:
            enough.set()
    until(lambda: lines(gateway) == asked.result(), "all lines are there")


def test_a_small_log_stays_and_of_old_ones_only_some_are_kept(gateway):
    ask(gateway)
    until(lambda: written(gateway), "the line is written")
    assert rotate_logs(gateway.config, largest=1_000_000) == []
    for _ in range(KEPT + 3):
        until(lambda: ask(gateway) and written(gateway), "nginx writes to a new one")
        rotate_logs(gateway.config, largest=1)
    assert len(list(gateway.config.logs.glob(f"{ACCESS}.*"))) == KEPT
