"""The notebook image, built as `make up` builds it and run as a session runs, on the engine of a host."""

import asyncio
import json
import time
import urllib.error
import urllib.request
import uuid
from dataclasses import replace
from pathlib import Path

import pytest
import websockets

from blocks.engine.client import HostEngine
from blocks.images.archive import read_archive
from blocks.stored.authority import CertificateAuthority
from blocks.stored.default_blueprints import default_blueprints
from pool import marks
from pool.records import ContainerSpec
from pool.sessions.containers import container_user
from runtime.builds import notebook_image
from runtime.builds.notebook_image import TAG, build_notebook_image
from tests.rigs.engines.light_host import light_host
from tests.rigs.gateways.browser import browser_page
from tests.rigs.gateways.gateway import route_to, running_gateway
from tests.rigs.waiting import until

pytestmark = pytest.mark.integration

TOKEN = "a-token-of-this-test"
BASE_URL = "/notebooks/some-route/"
USER = container_user("alice-1", default_blueprints()["jupyter-minimal"].container_user)
COMMAND = ("jupyter-lab",)
ARTIFACTS = Path(__file__).parents[3] / "tests" / "artifacts" / "pages"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("notebook-image")


@pytest.fixture(scope="module")
def archive(folder, engine_url):
    return read_archive(build_notebook_image(engine_url, folder / "work", folder / "images", print))


@pytest.fixture(scope="module")
def host(archive):
    with light_host(CertificateAuthority.create("test authority")) as host:
        with archive.path.open("rb") as file:
            host.engine.load(iter(lambda: file.read(1 << 20), b""))
        yield host


@pytest.fixture(scope="module")
def spec(archive):
    environment = {"JUPYTER_TOKEN": TOKEN, "DD_BASE_URL": BASE_URL}
    return ContainerSpec(
        "dd-lab", archive.image_id, 8888, 20001, 512, command=COMMAND, environment=environment, user=USER
    )


@pytest.fixture(scope="module")
def session(host, spec):
    """A session that answers: the URL that it is reached under on its host."""
    url = f"http://{host.address}:{spec.host_port}{BASE_URL}"
    host.engine.run(spec)
    deadline = time.monotonic() + 60
    while not answers(url + "api"):
        assert time.monotonic() < deadline, host.engine.logs(spec.name)
        time.sleep(0.05)
    return url


def answers(url):
    try:
        return urllib.request.urlopen(url, timeout=5).status == 200  # noqa: S310 - our own http URL
    except OSError:
        return False


def ask(url, method="GET", data=None, token=TOKEN):
    headers = {"Authorization": f"token {token}", "Content-Type": "application/json"}
    request = urllib.request.Request(url, method=method, data=data, headers=headers)  # noqa: S310 - our own http URL
    with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
        return answer.read().decode()


async def run_cell(url, kernel, code):
    """Text that a cell shows, run over a websocket that comes from the gateway's page."""
    channel = url.replace("http", "ws", 1) + f"api/kernels/{kernel}/channels"
    headers = {"Authorization": f"token {TOKEN}", "Origin": "http://gateway.example:8000"}
    request = {
        "header": {"msg_id": uuid.uuid4().hex, "msg_type": "execute_request", "session": "s", "version": "5.3"},
        "parent_header": {},
        "metadata": {},
        "content": {"code": code, "silent": False},
        "channel": "shell",
    }
    async with asyncio.timeout(60), websockets.connect(channel, additional_headers=headers) as socket:
        await socket.send(json.dumps(request))
        while True:
            message = json.loads(await socket.recv())
            if message["header"]["msg_type"] == "execute_result":
                return message["content"]["data"]["text/plain"]


def test_the_archive_is_known_by_its_name_and_recipe(archive):
    assert archive.names == ("jupyter-minimal",)
    assert len(archive.labels[marks.RECIPE]) == 64


def test_no_address_is_in_the_images_history(archive, engine_url):
    with HostEngine.local(engine_url).client("read history") as client:
        steps = [step["CreatedBy"] for step in client.history(TAG)]
    assert steps
    assert not [step for step in steps if "://" in step]


def test_nothing_of_the_build_is_left(archive, folder, engine_url):
    with HostEngine.local(engine_url).client("list images") as client:
        stages = client.images(filters={"dangling": True, "label": f"dockerdriver.stage={TAG}"})
    assert stages == []
    assert list((folder / "images").iterdir()) == [archive.path]
    assert list((folder / "work").glob("*")) == []


def test_an_archive_of_the_same_recipe_is_left_alone(archive, folder, engine_url):
    before = archive.path.stat()
    said: list[str] = []
    build_notebook_image(engine_url, folder / "work", folder / "images", said.append)
    assert (archive.path.stat(), said) == (before, [])


def test_an_image_whose_archive_was_not_saved_any_more_is_saved_and_not_built(archive, folder, engine_url):
    said: list[str] = []
    saved = build_notebook_image(engine_url, folder / "work", folder / "elsewhere", said.append)
    assert (read_archive(saved).image_id, len(said)) == (archive.image_id, 1)
    saved.unlink()


def test_another_recipe_is_another_image(archive, monkeypatch, tmp_path):
    (tmp_path / "Dockerfile").write_text("FROM scratch")
    monkeypatch.setattr(notebook_image, "CONTEXT", tmp_path)
    assert notebook_image._recipe() != archive.labels[marks.RECIPE]


def test_jupyterlab_answers_under_its_base_url(session):
    assert "<title>JupyterLab</title>" in ask(session + "lab")


def test_the_open_page_of_jupyterlab_shows_when_its_session_ends(host, spec):
    route = route_to(20004, token_header=f"token {TOKEN}", ends_at=int(time.time()) + 280, ends_because="expired")
    own = {"JUPYTER_TOKEN": TOKEN, "DD_BASE_URL": f"/notebooks/{route.id}/"}
    host.engine.run(ending := replace(spec, name="dd-ending", host_port=route.port, environment=own))
    with running_gateway(networks=("10.0.0.0/8",)) as gateway, browser_page() as page:
        gateway.client.add_route(replace(route, address=host.address))
        until(lambda: answers(gateway.address(route.id) + "api"), "it answers", 60)
        page.goto(gateway.address(route.id) + "lab")
        page.get_by_role("status").get_by_text("This session ends in less than 5 minutes.").wait_for()
        page.locator(".jp-LauncherCard").first.wait_for()
        ARTIFACTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=ARTIFACTS / "banner-jupyterlab.png")
    host.engine.remove(ending.name)


def test_the_first_window_does_not_ask_whether_it_may_fetch_news(session):
    said = json.loads(ask(session + "lab/api/settings/@jupyterlab/apputils-extension:notification"))
    asks = {name: said["schema"]["properties"][name]["default"] for name in ("fetchNews", "checkForUpdates")}
    assert asks == {"fetchNews": "false", "checkForUpdates": False}


def test_only_the_token_opens_the_session(session):
    assert json.loads(ask(session + "api/contents"))["type"] == "directory"
    with pytest.raises(urllib.error.HTTPError, match="403"):
        ask(session + "api/contents", token="another")


def test_a_cell_runs_over_a_websocket_from_another_origin(session):
    kernel = json.loads(ask(session + "api/kernels", "POST", b"{}"))["id"]
    assert asyncio.run(run_cell(session, kernel, "6*7")) == "42"


def test_a_terminal_opens(session):
    assert json.loads(ask(session + "api/terminals", "POST", b"{}"))["name"] == "1"


def test_the_token_is_in_no_log_and_no_process_list(session, host, spec):
    with host.engine.client("list processes") as client:
        processes = client.top(spec.name, ps_args="-eo pid,args")["Processes"]
    assert any("jupyter-lab" in process[1] for process in processes)
    assert TOKEN not in host.engine.logs(spec.name) + json.dumps(processes)


def test_nothing_runs_as_root_or_with_a_capability(session, host, spec):
    status = asyncio.run(kernel_says(session, "open('/proc/self/status').read()"))
    uid, gid = USER.split(":")
    assert int(uid) > 1_000_000_000
    assert f"Uid:\\t{uid}\\t{uid}" in status
    assert f"Gid:\\t{gid}\\t{gid}" in status
    assert "CapBnd:\\t0000000000000000" in status
    assert "NoNewPrivs:\\t1" in status


async def kernel_says(session, code):
    kernel = json.loads(ask(session + "api/kernels", "POST", b"{}"))["id"]
    return await run_cell(session, kernel, code)


def test_its_home_is_the_users_to_write_and_its_name_is_known(session):
    code = "(__import__('os').access(__import__('os').path.expanduser('~'), 7), __import__('getpass').getuser())"
    assert asyncio.run(kernel_says(session, code)) == "(True, 'jovyan')"


def test_the_image_still_runs_as_its_own_user(host, spec):
    old = replace(spec, name="dd-old", host_port=20003, user="")
    host.engine.run(old)
    until(lambda: answers(f"http://{host.address}:20003{BASE_URL}api"), "it answers", 60)
    host.engine.remove(old.name)


def test_the_user_may_install_packages_without_root(session):
    code = "__import__('os').access(__import__('sysconfig').get_path('purelib'), 2)"
    assert asyncio.run(kernel_says(session, code)) == "True"


def test_a_start_costs_less_than_two_cpu_seconds_and_says_nothing(host, spec):
    """Twenty at once share two CPUs: what each start costs decides how long the last one waits. Quiet: about 0.8."""
    fresh = replace(spec, name="dd-fresh", host_port=20002)
    host.engine.run(fresh)
    deadline = time.monotonic() + 60
    while not answers(f"http://{host.address}:20002{BASE_URL}api"):
        assert time.monotonic() < deadline, host.engine.logs(fresh.name)
        time.sleep(0.05)
    with host.engine.client("read the CPU time") as client:
        used = client.stats(fresh.name, stream=False)["cpu_stats"]["cpu_usage"]["total_usage"] / 1e9
    said = host.engine.logs(fresh.name)
    host.engine.remove(fresh.name)
    assert used < 2.0
    assert said == ""
