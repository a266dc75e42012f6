"""On a machine without an engine the tests start one, and nothing of it is left when they end."""

import subprocess
import sys
from pathlib import Path

import docker
import pytest

from blocks.engine.local_api import answers
from blocks.settings import ProcessSettings
from tests.rigs.engines.engine import own_engine
from tests.rigs.present import present

pytestmark = pytest.mark.integration


def test_an_own_engine_answers_and_leaves_no_process_mount_or_bridge(tmp_path):
    with own_engine(ProcessSettings(data=tmp_path)) as url:
        client = docker.DockerClient(base_url=url)
        bridge = Path("/sys/class/net") / f"br-{present(client.networks.create('left-behind').id)[:12]}"
        client.close()
        assert bridge.exists()
    assert not bridge.exists()
    assert not answers(url)
    assert str(tmp_path) not in Path("/proc/self/mountinfo").read_text()
    assert str(tmp_path) not in subprocess.run(["ps", "axww"], capture_output=True, text=True, check=True).stdout


def test_two_runs_of_tests_at_once_share_an_engine_which_the_last_one_stops(tmp_path):
    first, second = (own_engine(ProcessSettings(data=tmp_path)) for _ in range(2))
    with first as url:
        second.__enter__()
    assert answers(url)
    second.__exit__(None, None, None)
    assert not answers(url)


#: What a run of tests does whose stack takes the engine that another run has started.
TAKES_IT = """
import sys
from pathlib import Path
from tests.rigs.engines.engine import running_engine
print(running_engine(Path(sys.argv[1])), flush=True)
sys.stdin.read()
"""


def test_an_engine_that_a_stack_of_another_run_has_taken_stays_until_that_run_ends(tmp_path):
    takes_it = [sys.executable, "-c", TAKES_IT, str(tmp_path)]
    with own_engine(ProcessSettings(data=tmp_path)) as url:
        other = subprocess.Popen(takes_it, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert present(other.stdout).readline().strip() == url
    assert answers(url)
    other.communicate()
    assert not answers(url)
