"""What all these tests share: a gateway in each form of address, an application, and a person in a browser."""

import re

import pytest

from tests.rigs.applications.installing import FOLDER, NotToBeHad, programs_of
from tests.rigs.applications.running import running_application
from tests.rigs.applications.visit import visiting
from tests.rigs.gateways.gateway import BOTH_FORMS, running_gateway


@pytest.fixture(scope="module")
def application(request):
    try:
        programs_of(request.param)
    except NotToBeHad as error:
        pytest.skip(str(error))
    with running_application(request.param) as application:
        yield application


@pytest.fixture(scope="module", **BOTH_FORMS)
def gateway(request):
    with running_gateway(session_domain=request.param) as gateway:
        yield gateway


@pytest.fixture
def place():
    """Where the launch link leads, below the session's root."""
    return ""


@pytest.fixture
def visit(gateway, application, place, request):
    name = re.sub(r"[^a-z_0-9-]+", "-", request.node.name)
    with visiting(gateway, application, FOLDER / "seen" / f"{name}.png", place) as visit:
        yield visit
