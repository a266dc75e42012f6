"""The gateway's logs are bounded, and no line is lost when they are rotated."""

import json
from concurrent.futures import ThreadPoolExecutor

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


def ask(gateway, times: int) -> None:
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: httpx.get(gateway.address(route_to(20001).id), trust_env=False), range(times)))


def lines(gateway) -> int:
    files = gateway.config.logs.glob(f"{ACCESS}*")
    return sum(bool(json.loads(line)) for file in files for line in file.read_text().splitlines())


def test_no_line_is_lost_while_logs_are_rotated_under_requests(gateway):
    with ThreadPoolExecutor(1) as asking:
        asked = asking.submit(ask, gateway, 300)
        for _ in range(KEPT - 1):
            until(lambda: (gateway.config.logs / ACCESS).stat().st_size > 1, "a line is written")
            assert rotate_logs(gateway.config, largest=1)
        asked.result()
    until(lambda: lines(gateway) == 300, "all lines are there")


def test_a_small_log_stays_and_of_old_ones_only_some_are_kept(gateway):
    ask(gateway, 1)
    until(lambda: lines(gateway) == 1, "the line is written")
    assert rotate_logs(gateway.config, largest=1_000_000) == []
    for _ in range(KEPT + 3):
        ask(gateway, 1)
        until(lambda: (gateway.config.logs / ACCESS).stat().st_size > 1, "a line is written")
        rotate_logs(gateway.config, largest=1)
        until((gateway.config.logs / ACCESS).exists, "nginx opened a new one")
    assert len(list(gateway.config.logs.glob(f"{ACCESS}.*"))) == KEPT
