"""What tests of a session behind the gateway share: a gateway in each form of address, a session, a browser."""

import httpx
import pytest

from tests.rigs.gateways.backend import http_backend
from tests.rigs.gateways.gateway import BOTH_FORMS, names_below_localhost, only_routes, route_to, running_gateway


@pytest.fixture(scope="module", **BOTH_FORMS)
def gateway(request):
    with names_below_localhost(), running_gateway(session_domain=request.param) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def backend():
    with http_backend() as backend:
        yield backend


@pytest.fixture
def browser(gateway):
    with httpx.Client(base_url=gateway.origin(route_to(0).id), trust_env=False) as browser:
        yield browser


@pytest.fixture
def publish(gateway, backend):
    def published(**options) -> str:
        route = route_to(options.pop("port", backend.port), **options)
        only_routes(gateway.client, [route])
        return f"/notebooks/{route.id}"

    return published
