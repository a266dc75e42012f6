"""What holds on a real host that was rebooted under a session: its limits, and what it does not reach."""

import pytest

from blocks.engine.probes.escape import open_doors
from tests.rigs.engines.python_image import python_image
from tests.rigs.neighbours.neighbourhood import PROGRAMS, Neighbourhood, outside_world
from tests.rigs.neighbours.rates import rate_server, rates, session_of_rate, wait_until_limited

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

BOOT_SECONDS = 180  # a few, and many on a machine that has much else to do


@pytest.fixture(scope="module")
def session(configured):
    """A session with a rate that was there before the host's reboot, and is there again."""
    image = python_image("rebooted", {"rate.py": (PROGRAMS / "rate.py").read_bytes()})
    host = Neighbourhood(configured, configured.engine(), image.id)
    host.engine.load([image.archive()])
    with session_of_rate(host) as name:
        wait_until_limited(configured, name)
        before = since(configured, name)
        configured.host.reboot()
        configured.shell.wait_for_ssh(BOOT_SECONDS)
        wait_until_limited(configured, name, BOOT_SECONDS)
        assert since(configured, name) > before
        yield name


def since(configured, name) -> str:
    """When its program was started."""
    return configured.root(f"docker inspect -f '{{{{.State.StartedAt}}}}' {name}")


def test_the_rate_of_a_session_holds_after_a_reboot_of_its_host(configured, session):
    with outside_world(configured), rate_server(configured):
        assert [rate for rate in rates(configured, session) if not 0.6 < rate < 1.05] == []


def test_a_container_reaches_nothing_more_after_a_reboot_of_its_host(configured, session, manager):
    assert open_doors(configured.engine(), configured.doors(manager), limited=True) == []
