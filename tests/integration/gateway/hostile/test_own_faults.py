"""A fault in the gateway's own code lets no request pass, wherever it is, and stands in the access log."""

import os
import signal
import time

import httpx
import pytest

from tests.rigs.gateways.backend import http_backend
from tests.rigs.gateways.gateway import RunningGateway, only_routes, route_to, running_gateway
from tests.rigs.waiting import until

pytestmark = pytest.mark.integration

FAULTS = {
    "when the request is read": 'require("gateway.signing").cookie_opens',
    "when it is judged": 'require("gateway.origins").foreign',
    "when it is prepared": 'require("gateway.forwarded").remove',
    "when its use is noted": 'require("gateway.activity").began',
}


@pytest.fixture(params=FAULTS.values(), ids=FAULTS)
def faulty(request):
    with running_gateway() as gateway:
        spoil(gateway, request.param)
        yield gateway


def spoil(gateway: RunningGateway, function: str) -> None:
    """Have workers run whose *function* fails."""
    text, workers = gateway.config.file.read_text(), gateway.workers()
    gateway.config.file.write_text(text.replace("]==])", f"]==])\n{function} = function() error('a fault') end"))
    os.kill(gateway.process.pid, signal.SIGHUP)
    until(lambda: gateway.workers() - workers, "new workers run")
    time.sleep(0.3)  # the old ones stop accepting


def test_a_fault_of_the_gateway_s_own_lets_no_request_pass_and_is_in_the_log(faulty):
    with http_backend() as session:
        route = route_to(session.port)
        only_routes(faulty.client, [route])
        assert httpx.get(faulty.address(route.id), trust_env=False).status_code == 500
        assert session.requests == []
    until(lambda: "a fault" in faulty.log("gateway-access.log"), "it is logged")
