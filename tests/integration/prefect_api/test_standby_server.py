"""Two processes of Prefect's server: one serves, the other stands by."""

import pytest

from tests.rigs.present import present
from tests.rigs.services.prefect_server import PrefectServer
from tests.rigs.waiting import until

pytestmark = [pytest.mark.integration, pytest.mark.nightly]  # two servers; who takes over is tried without any, too

READY = "stands by"


@pytest.fixture
def server(tmp_path):
    server = PrefectServer(tmp_path)
    server.start()
    standby = server.stand_by()
    yield server
    for process in (standby, present(server.process)):
        process.kill()
        process.wait()


def test_a_server_that_stands_by_serves_what_the_killed_one_knew(server):
    pool = server.pool("kept", "process")
    until(lambda: READY in (server.home / "standby.log").read_text(), "it stands by", 60)
    server.process.kill()
    until(server.answers, "the other one answers", 30)
    assert server.call("GET", f"/work_pools/{pool}")["name"] == pool
