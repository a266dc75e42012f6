"""Prefect's server as the stack starts it: who gets in, what a web page can do, what a run may say of its execution."""

import json
import os
import subprocess
from functools import partial
from pathlib import Path

import pytest
from prefect.workers.process import ProcessWorker
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from blocks.stored.api_password import password_file, prefect_api
from runtime.supervision.environment import command_line
from tests.rigs.services.prefect_server import ROOT, stop_all
from tests.rigs.waiting import until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

OPEN = {("get", "/health"), ("get", "/ready")}  # both say only that the server is there
SOCKETS = [
    "events/in",
    "events/out",
    "logs/out",
    "task_runs/subscriptions/scheduled",
    "work_pools/long/workers/connect",
]


def test_every_call_of_the_api_wants_the_password(server):
    calls = [(method, path) for path, of in server.rest.get("/openapi.json").json()["paths"].items() for method in of]
    asked = {
        (method, path): server.stranger.request(method, f"/api{filled(path)}").status_code for method, path in calls
    }
    assert len(asked) > 150
    assert {call for call, status in asked.items() if status != 401} == OPEN


def filled(path: str) -> str:
    """An address of this form."""
    return "/".join("0" if part.startswith("{") else part for part in path.split("/"))


def test_what_is_no_call_of_the_api_is_behind_the_password_too(server):
    for path in ("/api/docs", "/api/openapi.json", "/api/static/prefect-logo-mark-gradient.png", "/api//admin/version"):
        assert server.stranger.get(path).status_code == 401, path
    for wrong in ("dockerdriver:wrong", "dockerdriver:", ":"):
        answer = server.stranger.get("/api/admin/version", auth=tuple(wrong.split(":")))
        assert answer.status_code == 401, wrong
        assert "www-authenticate" not in answer.headers  # else browsers would keep it, and send it for other pages


def test_the_settings_of_the_ui_ask_for_a_login_and_hold_no_password(server):
    settings = server.stranger.get("/ui-settings")
    assert settings.json()["auth"] == "BASIC"
    assert server.password.split(":")[1] not in settings.text


@pytest.mark.parametrize("path", SOCKETS)
def test_no_event_stream_opens_without_the_password(server, path):
    address = f"{server.url.replace('http', 'ws')}/{path}"
    with pytest.raises((ConnectionClosed, InvalidStatus)), connect(address) as old_client:
        old_client.recv(10)
    for token in (None, "", "dockerdriver:wrong"):
        with pytest.raises(ConnectionClosed), connect(address, subprotocols=[Subprotocol("prefect")]) as client:
            client.send(json.dumps({"type": "auth", "token": token}))
            client.recv(10)


def test_the_event_stream_opens_with_the_password(server):
    with connect(f"{server.url.replace('http', 'ws')}/events/out", subprotocols=[Subprotocol("prefect")]) as client:
        client.send(json.dumps({"type": "auth", "token": server.password}))
        assert json.loads(client.recv(10))["type"] == "auth_success"


@pytest.mark.parametrize("origin", ["http://evil.example", "http://127.0.0.1:8000", "http://localhost", "null"])
def test_a_page_of_another_origin_is_not_let_in(server, origin):
    asks = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
    }
    for answer in (
        server.rest.get("/admin/version", headers={"Origin": origin}),
        server.rest.post("/flow_runs/filter", headers={"Origin": origin}),
        server.stranger.get("/api/health", headers={"Origin": origin}),
        server.stranger.options("/api/flow_runs/filter", headers=asks),
    ):
        assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_the_ui_is_let_in_under_both_names_of_this_machine(server, name):
    origin = f"http://{name}:{server.port}"
    answer = server.rest.get("/admin/version", headers={"Origin": origin})
    assert answer.headers["access-control-allow-origin"] == origin


def test_curl_gets_in_as_the_guide_for_platforms_says(server):
    lines = (ROOT / "docs" / "platform.md").read_text().splitlines()
    function = next(line.removeprefix("$ ") for line in lines if line.startswith("$ ask()"))
    script = f'{function}; ask -X POST "$PREFECT/flow_runs/count"'
    environment = os.environ | {"PREFECT": server.url, "PASSWORD_FILE": str(password_file(server.settings))}
    done = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.isdecimal(), done.stderr) == (0, True, "")


def test_an_account_without_rights_neither_reads_the_password_nor_uses_the_api(server):
    server.home.chmod(0o755)
    for above in (server.settings.data, *list(server.home.parents)[:2]):
        above.chmod(0o755)  # so that nothing but the file's own mode is in the way
    file = password_file(server.settings)
    script = (
        "import sys, urllib.request, urllib.error, pathlib\n"
        "try: print(pathlib.Path(sys.argv[1]).read_text())\n"
        "except PermissionError: print('not to be read')\n"
        "try: print(urllib.request.urlopen(sys.argv[2]).status)\n"
        "except urllib.error.HTTPError as error: print(error.code)\n"
    )
    as_a_local_account = [
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        "/usr/bin/python3",
        "-c",
        script,
    ]
    words = [*as_a_local_account, str(file), f"{server.url}/admin/version"]
    done = subprocess.run(words, env={"no_proxy": "*"}, capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["not to be read", "401"]


def says(server, run: str, words: str) -> bool:
    return words in server.logs(run)


def test_what_a_run_says_of_its_execution_does_nothing_however_old_the_work_pool(server, tmp_path):
    mark = tmp_path / "was-here"
    hostile = {
        "command": f"touch {mark}",
        "env": {"PYTHONSTARTUP": "x", "HOSTILE": "yes"},
        "working_dir": str(tmp_path),
        "env.HOSTILE": "yes",
    }
    template = ProcessWorker.get_default_base_job_template()  # as earlier versions saved it
    server.call("POST", "/work_pools/", name="long", type="process", base_job_template=template)
    server.pool("warm")
    flow = "tests.rigs.stacks.warm_flows:environment"
    asks = [f"/deployments/{server.deployment(flow, pool)}/create_flow_run" for pool in ("long", "warm")]
    asked_before = [server.call("POST", ask, job_variables=hostile)["id"] for ask in asks]
    server.provision()
    for ask in asks:
        refused = server.rest.post(ask, json={"job_variables": {"command": f"touch {mark}"}})
        assert refused.status_code in {409, 422}, refused.text
    workers = [server.worker("long", "long", "process"), server.worker("warm", "warm")]
    try:
        for run in asked_before:
            assert server.wait(run, seconds=60)["type"] == "COMPLETED"
            until(partial(says, server, run, "HOSTILE is unset"), "its log came, and says so")
            assert f"working in {tmp_path}" not in server.logs(run)
    finally:
        stop_all(workers)
    assert not mark.exists()


def test_job_variables_that_a_deployment_kept_are_gone_with_the_next_start(server):
    template = ProcessWorker.get_default_base_job_template()
    server.call("PATCH", "/work_pools/long", base_job_template=template)
    server.deploy()
    path = "/deployments/name/add-image/on-demand"
    kept = {"command": "id", "env": {"HOSTILE": "yes"}}
    server.call("PATCH", f"/deployments/{server.call('GET', path)['id']}", job_variables=kept)
    server.provision()
    server.deploy()
    assert server.call("GET", path)["job_variables"] == {}


def test_a_command_of_ours_gets_in_and_no_process_has_the_password_on_its_command_line(server):
    assert prefect_api(server.settings).call("GET", "/admin/version")
    lines = [command_line(int(entry.name)) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    assert any("runtime.stack.prefect_server" in line for line in lines)
    assert not any(server.password.split(":")[1] in line for line in lines)
