"""What all these tests share: a gateway in each form of address, an application, and a person in a browser."""

import re
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from blocks.gateway.certificate import self_signed
from tests.rigs.applications.installing import FOLDER, NotToBeHad, programs_of
from tests.rigs.applications.running import running_application
from tests.rigs.applications.visit import visiting
from tests.rigs.gateways.gateway import GATEWAY_PORTS, RunningGateway, running_gateway
from tests.rigs.ports import free_port

DOMAIN = "nb.localhost"


@pytest.fixture(scope="module")
def application(request):
    try:
        programs_of(request.param)
    except NotToBeHad as error:
        pytest.skip(str(error))
    with running_application(request.param) as application:
        yield application


@pytest.fixture(scope="module", params=["paths", "names under TLS"])
def gateway(request, tmp_path_factory):
    with FORMS[request.param](tmp_path_factory.mktemp("tls")) as gateway:
        yield gateway


def sharing_a_name(_: Path) -> AbstractContextManager[RunningGateway]:
    """As `make up` starts it."""
    return running_gateway()


def with_names_under_tls(directory: Path) -> AbstractContextManager[RunningGateway]:
    """As it is recommended: a host name for each session, TLS and HTTP/2."""
    certificate, key = self_signed(directory, [DOMAIN, f"*.{DOMAIN}"])
    port = free_port(GATEWAY_PORTS)
    return running_gateway(port, f"https://{DOMAIN}:{port}", DOMAIN, certificate=certificate, certificate_key=key)


FORMS = {"paths": sharing_a_name, "names under TLS": with_names_under_tls}


@pytest.fixture
def place():
    """Where the launch link leads, below the session's root."""
    return ""


@pytest.fixture
def visit(gateway, application, place, request):
    name = re.sub(r"[^a-z_0-9-]+", "-", request.node.name)
    with visiting(gateway, application, FOLDER / "seen" / f"{name}.png", place) as visit:
        yield visit
