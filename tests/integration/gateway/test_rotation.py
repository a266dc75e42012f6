"""`dockerdriver gateway rotate-keys` with a real Prefect server, which holds the keys."""

import json
import subprocess
import sys

import pytest

from tests.rigs.services.prefect_server import PrefectServer, prefect_server  # noqa: F401 - a fixture is used by name

pytestmark = pytest.mark.integration

SAVE = "from blocks.stored.link_keys import LinkKeys; LinkKeys.create().save('main')"
SHOW = (
    "import json; from blocks.outside import outside; keys = outside().stored.link_keys();"
    " print(json.dumps([keys.current.get_secret_value(), keys.previous.get_secret_value()]))"
)


def python(server: PrefectServer, *arguments: str) -> subprocess.CompletedProcess:
    environment = server.env | {"DD_PREFECT_PORT": str(server.port)}
    command = [sys.executable, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_the_key_before_stays_good_and_a_gateway_that_is_down_gets_the_new_one_later(prefect_server):  # noqa: F811
    python(prefect_server, "-c", SAVE).check_returncode()
    before = json.loads(python(prefect_server, "-c", SHOW).stdout)
    rotated = python(prefect_server, "-m", "runtime.command.cli", "gateway", "rotate-keys")
    assert rotated.stdout == "links are signed with a new key from now on\n"
    assert "the next tick of housekeeping gives it the new key" in rotated.stderr
    current, previous = json.loads(python(prefect_server, "-c", SHOW).stdout)
    assert (previous, current != previous) == (before[0], True)
