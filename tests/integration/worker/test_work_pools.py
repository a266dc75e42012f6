"""The work pool of long flows, on a Prefect server that an older version has set up."""

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.workers.process import ProcessWorker

from runtime.stack.registration import COMMAND, OLD_COMMAND, make_work_pool, renew_command
from tests.rigs.services.prefect_server import prefect_server  # noqa: F401 - a fixture is used by name

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]


@pytest.mark.parametrize(("found", "left"), [(OLD_COMMAND, COMMAND), ("nice python -m prefect.engine",) * 2])
def test_the_command_of_an_older_version_is_renewed_and_an_operators_own_stays(prefect_server, found, left):  # noqa: F811
    template = ProcessWorker.get_default_base_job_template()
    template["variables"]["properties"]["command"]["default"] = found
    with temporary_settings({PREFECT_API_URL: prefect_server.url}):
        make_work_pool(name := f"long-{len(found)}", "process", template)
        renew_command(name)
    pool = prefect_server.call("GET", f"/work_pools/{name}")
    assert pool["base_job_template"]["variables"]["properties"]["command"]["default"] == left
