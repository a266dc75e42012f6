"""The password of Prefect's API on a running stack: what an account without rights on this machine can get at."""

import stat
import subprocess
from pathlib import Path

import httpx
import pytest

from blocks.settings import ProcessSettings
from runtime.supervision.environment import command_line, marked_processes

pytestmark = [pytest.mark.system, pytest.mark.timeout(1500)]

#: What a stack at rest runs, by what its command lines hold; runs of the pool `long` come and go.
RUNS = ("supervisord", "postgres", "prefect_server", "-n warm", "-n long")
LOCAL_ACCOUNT = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
ASK = "import sys, urllib.request as http; http.build_opener(http.ProxyHandler({})).open(sys.argv[1])"


def unprivileged(*words: str) -> subprocess.CompletedProcess:
    return subprocess.run([*LOCAL_ACCOUNT, *words], capture_output=True, text=True, check=False)


def test_make_up_and_status_say_where_the_password_is_and_never_print_it(stack):
    file = str(stack.data / "api-password")
    printed = [stack.first_output, stack.command("status").stdout]
    assert all(file in "".join(text.split("\n")) for text in printed)
    assert not any(stack.login[1] in text for text in printed)


def test_an_account_without_rights_can_neither_read_the_password_nor_use_the_api(stack):
    assert stat.S_IMODE((stack.data / "api-password").stat().st_mode) == 0o600
    assert unprivileged("cat", str(stack.data / "api-password")).returncode != 0
    url = f"http://127.0.0.1:{stack.prefect_port}/api/deployments/name/spawn-host/on-demand"
    assert "401" in unprivileged("/usr/bin/python3", "-c", ASK, url).stderr
    assert unprivileged("/usr/bin/python3", "-c", ASK, url.partition("/deployments")[0] + "/health").returncode == 0


def test_no_process_shows_the_password_and_no_file_that_others_may_read_holds_it(stack):
    secret = stack.login[1].encode()
    processes = marked_processes(ProcessSettings(data=stack.data, _env_file=None).identity)
    assert [part for part in RUNS if not any(part in line for line in processes.values())] == [], processes
    assert not any(stack.login[1] in command_line(int(p.name)) for p in Path("/proc").iterdir() if p.name.isdigit())
    for pid in processes:
        assert unprivileged("cat", f"/proc/{pid}/environ").stdout == ""
    assert [file for file in written_by_us(stack.data) if secret in file.read_bytes()] == [stack.data / "api-password"]


def written_by_us(data: Path) -> list[Path]:
    """Every file of the stack's own below its data: no images, no disks of hosts."""
    others = {data / name for name in ("engine", "images", "layers", "build")}
    files = [file for child in data.iterdir() if child not in others for file in (child, *child.rglob("*"))]
    return [file for file in files if file.is_file()]


def test_a_run_that_brings_a_command_is_refused(stack):
    found = stack.api("GET", "/deployments/name/spawn-host/on-demand").json()
    with pytest.raises(httpx.HTTPStatusError, match="4"):
        stack.api("POST", f"/deployments/{found['id']}/create_flow_run", json={"job_variables": {"command": "id"}})


def test_no_log_and_no_image_is_for_every_account_to_read(stack):
    files = [file for name in ("logs", "images") for file in (stack.data / name).rglob("*") if file.is_file()]
    assert (len(files) > 0, [file for file in files if file.stat().st_mode & 0o007]) == (True, [])
