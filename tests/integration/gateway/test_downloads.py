"""Files of a backup by a link that works once: given through the gateway to a person, to no scanner, and not twice."""

import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Barrier

import httpx
import pytest

from blocks.backups.downloads import BrokenOff, Downloads
from pool.backups.states import BackupTrouble
from tests.rigs.gateways.gateway import BOTH_FORMS, names_below_localhost, running_gateway
from tests.rigs.present import present
from tests.rigs.waiting import until

pytestmark = pytest.mark.integration

FILES = [bytes([number]) * 300_000 for number in range(20)]
SIZE = sum(map(len, FILES))


@pytest.fixture(scope="module", **BOTH_FORMS)
def gateway(request):
    with names_below_localhost(), running_gateway(session_domain=request.param) as gateway:
        yield gateway


@dataclass
class Given:
    """A link, and what the run behind it came to."""

    url: str
    run: object = None

    def visit(self, method: str = "POST", **more) -> httpx.Response:
        return httpx.request(method, self.url, trust_env=False, timeout=20, **more)


@contextmanager
def offered(gateway, content=lambda: iter(FILES), seconds: float = 20):
    with (
        Downloads(gateway.config.downloads, gateway.config.settings.user).offered() as offer,
        ThreadPoolExecutor(1) as threads,
    ):
        run = threads.submit(offer.hand_out, "alice-1.1.tar", SIZE, content, seconds)
        yield Given(f"{gateway.url}/downloads/{offer.secret}", run)


def test_the_files_come_whole_as_an_attachment_that_no_browser_shows(gateway):
    with offered(gateway) as link:
        answer = link.visit()
        assert (answer.status_code, answer.content) == (200, b"".join(FILES))
        assert link.run.result() is True
    assert answer.headers["Content-Disposition"] == 'attachment; filename="alice-1.1.tar"'
    told = {
        name: answer.headers[name] for name in ("Cache-Control", "X-Content-Type-Options", "Content-Security-Policy")
    }
    assert [*told.values()] == ["no-store", "nosniff", "sandbox; default-src 'none'"]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_only_reads_the_link_gets_a_page_and_leaves_it_good(gateway, method):
    with offered(gateway) as link:
        for _ in range(3):
            assert link.visit(method, headers={"Accept": "text/html"}).status_code == 200
        assert link.visit().content == b"".join(FILES)


def test_the_page_has_a_button_that_leads_to_the_files_and_no_script(gateway):
    with offered(gateway) as link:
        page = link.visit("GET", headers={"Accept": "text/html"})
        action = present(re.search(r'<form method="post" action="([^"]+)">', page.text))[1]
        assert "sandbox" not in page.headers["Content-Security-Policy"]
        assert "form-action 'self'" in page.headers["Content-Security-Policy"]
        own = {"Origin": "null", "Sec-Fetch-Site": "same-origin"}
        assert httpx.post(gateway.url + action, headers=own, trust_env=False).status_code == 200


def test_the_second_visitor_of_a_link_is_told_that_it_was_used(gateway):
    with offered(gateway) as link:
        link.visit()
        for method in ("POST", "GET"):
            answer = link.visit(method)
            assert (answer.status_code, answer.text) == (410, "This download is no longer there.\n")


def test_a_restart_of_nginx_makes_no_used_link_good_and_no_other_one_bad(gateway):
    with offered(gateway) as used, offered(gateway) as other:
        used.visit()
        gateway.stop()
        gateway.start()
        assert [used.visit().status_code, other.visit().status_code] == [410, 200]


def test_of_many_that_press_at_once_one_gets_the_files(gateway):
    start = Barrier(6)

    def press(link):
        start.wait()
        return link.visit().status_code

    with offered(gateway) as link, ThreadPoolExecutor(6) as threads:
        answers = sorted(threads.map(press, [link] * 6))
    assert answers == [200] + [410] * 5


def test_a_link_is_over_after_its_time_and_with_its_run(gateway):
    with offered(gateway, seconds=0.1) as link:
        assert link.run.result() is False
    assert link.visit().status_code == 410
    assert list(gateway.config.downloads.glob("*.sock")) == []


def test_the_link_of_a_run_that_was_killed_leads_nowhere(gateway):
    with offered(gateway) as link:
        socket = next(gateway.config.downloads.glob("*.sock"))
        link.visit()
    dead = Downloads(gateway.config.downloads, gateway.config.settings.user)
    with dead.offered() as offer:
        offer._listener.socket.close()  # as the kernel does it; the name stays
        answer = httpx.post(f"{gateway.url}/downloads/{offer.secret}", trust_env=False)
    assert (answer.status_code, socket.exists()) == (410, False)


def test_what_breaks_off_is_seen_as_broken_and_is_used_up(gateway):
    def broken():
        yield from FILES[:5]
        raise BackupTrouble("the repository is away")

    with offered(gateway, broken) as link:
        with pytest.raises(httpx.RemoteProtocolError):
            link.visit()
        with pytest.raises(BrokenOff, match="broke off after 1200000 of 6000000 bytes: the repository is away"):
            link.run.result()
        assert link.visit().status_code == 410


def test_a_repository_that_is_away_before_the_first_byte_uses_up_no_link(gateway):
    tries = []

    def away_at_first():
        tries.append(1)
        if len(tries) == 1:
            raise BackupTrouble("the repository is away")
        yield from FILES

    with offered(gateway, away_at_first) as link:
        assert link.visit().status_code == 500
        assert link.visit().content == b"".join(FILES)


def test_a_page_of_another_site_cannot_press_the_button(gateway):
    with offered(gateway) as link:
        assert link.visit(headers={"Origin": "https://evil.example"}).status_code == 403
        assert link.visit().status_code == 200


AS_A_LOCAL_ACCOUNT = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "/usr/bin/python3", "-c"]
#: Every account may read there which sockets there are, also those in folders that it cannot list.
TAKE = """
import socket, sys
(name,) = {line.split()[-1] for line in open("/proc/net/unix") if sys.argv[1] in line}
try: socket.socket(socket.AF_UNIX).connect(name)
except PermissionError: print("refused")
"""


def test_a_local_account_that_reads_the_names_of_sockets_gets_no_files(gateway):
    with offered(gateway) as link:
        words = [*AS_A_LOCAL_ACCOUNT, TAKE, str(gateway.config.downloads)]
        assert subprocess.run(words, capture_output=True, text=True, check=True).stdout == "refused\n"
        assert link.visit().content == b"".join(FILES)


#: What a local account could make of the name of a socket, which it may read.
BY_NAME = (
    "{name}", "{name}.sock", "{name}.sock%00", "{name}/", "../downloads/{name}.sock", "%2e%2e/{name}", "./{name}.sock",
    "{name}00000000000", "0000000{name}.sock", "{name}%2esock", "?download={name}", "{name}?{name}",
)  # fmt: skip


def test_the_name_of_a_socket_is_no_link_in_any_form(gateway):
    with offered(gateway) as link:
        (socket,) = gateway.config.downloads.glob("*.sock")
        for form in BY_NAME:
            url = f"{gateway.url}/downloads/{form.format(name=socket.stem)}"
            assert httpx.post(url, trust_env=False).status_code in {400, 404, 405, 410}, form
        assert link.visit().content == b"".join(FILES)


@pytest.mark.parametrize("path", ["", "x", "a" * 42, "a" * 43 + "/", "%2e" * 43, "a" * 40 + ".so"])
def test_an_address_that_is_no_link_is_not_there(gateway, path):
    assert httpx.post(f"{gateway.url}/downloads/{path}", trust_env=False).status_code in {404, 405, 410}


def test_no_log_has_the_links_secret_and_the_line_of_a_refusal_says_why(gateway):
    with offered(gateway) as link:
        link.visit()
        link.visit()
    until(lambda: "a download link that is used up" in gateway.log("gateway-access.log"), "it is logged")
    assert link.url.rpartition("/")[2] not in gateway.log("gateway-access.log") + gateway.log("gateway-error.log")
