"""A gateway with two sessions that open by a link alone, and a browser that follows where it is led."""

import httpx
import pytest

from tests.integration.gateway.links.launching import KEYS
from tests.rigs.gateways.gateway import BOTH_FORMS, names_below_localhost, only_routes, route_to, running_gateway


@pytest.fixture(scope="module", **BOTH_FORMS)
def running(request):
    with names_below_localhost(), running_gateway(session_domain=request.param) as gateway:
        yield gateway


@pytest.fixture
def gateway(running, backend):
    routes = [route_to(backend.port, name, sign_in="link", token_header="token own") for name in ("alice", "bob")]
    only_routes(running.client, routes)
    running.client.put_keys(KEYS.for_gateway())
    return running


@pytest.fixture
def browser(gateway):
    with httpx.Client(trust_env=False, follow_redirects=True, headers={"Accept": "text/html"}) as browser:
        yield browser
