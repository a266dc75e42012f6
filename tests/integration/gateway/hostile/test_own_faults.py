"""A fault in the gateway's own code lets no request pass, wherever it is, and stands in the access log."""

import json

import httpx
import pytest

from tests.rigs.gateways.backend import http_backend, raw_backend
from tests.rigs.gateways.gateway import RunningGateway, only_routes, route_to, running_gateway
from tests.rigs.waiting import until

pytestmark = pytest.mark.integration

FAULTS = {
    "when the request is read": 'require("gateway.signing").cookie_opens',
    "when it is judged": 'require("gateway.origins").foreign',
    "when it is prepared": 'require("gateway.forwarded").remove',
    "when its use is noted": 'require("gateway.activity").began',
}


GIVES_UP = 'require("gateway.answers").filter_headers = function() return ngx.exit(ngx.ERROR) end'


@pytest.fixture(params=[*FAULTS.values()], ids=[*FAULTS])
def faulty(request):
    with running_gateway() as gateway:
        spoil(gateway, f"{request.param} = function() error('a fault') end")
        yield gateway


def spoil(gateway: RunningGateway, fault: str) -> None:
    """Have workers run that have this fault."""
    gateway.change_configuration("]==])", f"]==])\n{fault}")


def test_a_fault_of_the_gateway_s_own_lets_no_request_pass_and_is_in_the_log(faulty):
    with http_backend() as session:
        route = route_to(session.port)
        only_routes(faulty.client, [route])
        assert httpx.get(faulty.address(route.id), trust_env=False).status_code == 500
        assert session.requests == []
    until(lambda: "a fault" in faulty.log("gateway-access.log"), "it is logged")


def test_a_request_without_any_status_is_a_line_of_json():
    with running_gateway() as gateway, raw_backend(b"this is no HTTP\r\n\r\n") as session:
        route = route_to(session.port)
        only_routes(gateway.client, [route])
        spoil(gateway, GIVES_UP)
        with pytest.raises(httpx.RemoteProtocolError):
            httpx.get(gateway.address(route.id), trust_env=False)
        gateway.logs_after(route.id, 1)
        line = json.loads(gateway.log("gateway-access.log").splitlines()[-1])
    assert line["status"] == 500
