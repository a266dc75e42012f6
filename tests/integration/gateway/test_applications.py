"""Real applications behind a stripped prefix, as RStudio is: a terminal, and a server that redirects absolutely."""

import contextlib
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from pool.records import SESSION_PORTS
from tests.rigs.gateways.browser import browser_page
from tests.rigs.gateways.gateway import route_to, running_gateway
from tests.rigs.gateways.terminal import web_terminal
from tests.rigs.ports import free_port
from tests.rigs.waiting import until

pytestmark = pytest.mark.integration

PATH = f"/notebooks/{route_to(0).id}/"
#: Redirects a folder's address without its slash to http://<the host it was asked under>/…, as nginx does by itself.
FILES = """daemon off; pid {directory}/pid; error_log {directory}/log; events {{}}
http {{ access_log off; server {{ listen 127.0.0.1:{port}; root {directory}/files; }} }}"""


@pytest.fixture(scope="module")
def gateway():
    with running_gateway() as gateway:
        yield gateway


@contextlib.contextmanager
def file_server() -> Iterator[int]:
    with tempfile.TemporaryDirectory(prefix="gw-files-", dir="/tmp") as name:
        directory, port = Path(name), free_port(SESSION_PORTS)
        directory.chmod(0o755)
        (directory / "files" / "folder").mkdir(parents=True)
        (directory / "files" / "folder" / "index.html").write_text("the folder")
        (directory / "conf").write_text(FILES.format(directory=directory, port=port))
        server = subprocess.Popen(["nginx", "-c", directory / "conf", "-e", directory / "log"])
        try:
            until((directory / "pid").exists, "the file server runs")
            yield port
        finally:
            server.terminate()
            server.wait()


def test_a_terminal_that_knows_no_prefix_runs_a_command_in_the_browser(gateway):
    with web_terminal() as port, browser_page() as page:
        gateway.client.add_route(route_to(port, strip_prefix=True, rewrite_redirects=True))
        page.goto(gateway.url + PATH)
        page.get_by_text("$").first.wait_for()
        page.keyboard.type("echo $((6*7))\n")
        page.get_by_text("42", exact=True).wait_for()


def test_a_server_that_redirects_to_its_own_whole_address_keeps_the_visitor_in_the_session(gateway):
    with file_server() as port:
        host = {"Host": f"127.0.0.1:{gateway.config.port}"}
        alone = httpx.get(f"http://127.0.0.1:{port}/folder", headers=host, trust_env=False)
        assert alone.headers["Location"].startswith("http://")
        gateway.client.add_route(route_to(port, strip_prefix=True, rewrite_redirects=True))
        answer = httpx.get(gateway.url + PATH + "folder", follow_redirects=True, trust_env=False)
    assert (str(answer.url), answer.text) == (f"{gateway.url}{PATH}folder/", "the folder")
