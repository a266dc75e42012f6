"""Each key is rotated on a whole stack that is in use, as an operator rotates it, and nothing of it stops."""

import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread

import httpx
import pytest
from websockets.sync.connection import Connection

from blocks.host_setup.shell import HostShell
from blocks.stored.authority import CertificateAuthority
from blocks.stored.host_keys import HostLogin
from pool.errors import HostUnreachable
from pool.keys.rotation import RotatedKey
from tests.rigs.engines.engine_tls import client_context, ping_engine
from tests.rigs.gateways.kernel import kernel_channel, result_of
from tests.rigs.stacks.visits import good_for, signed_in
from tests.rigs.waiting import until

pytestmark = [pytest.mark.system, pytest.mark.nightly, pytest.mark.timeout(1500)]

GIVEN_SECONDS = 60  # that a link was given before its key is rotated
LINK_SECONDS = 1800  # links of all tests are given at once
FILE = "api/contents/thesis.txt"
WORK = {"type": "file", "format": "text", "content": "years of work"}


@dataclass
class InUse:
    """A session with all that users hold of it."""

    url: str
    browser: httpx.Client  # that was signed in by a link
    channel: Connection  # an open websocket to a kernel
    links: dict[str, str]  # not opened yet
    given_at: float = field(default_factory=time.monotonic)

    def link(self, name: str) -> str:
        """One that was given a minute ago."""
        time.sleep(max(0.0, self.given_at + GIVEN_SECONDS - time.monotonic()))
        return self.links[name]


@pytest.fixture(scope="module")
def in_use(stack) -> Iterator[InUse]:
    stack.change_block("launch-link-keys", link_seconds=LINK_SECONDS)
    url = stack.provision("rotated-1", user="ada")["url"]
    heard = "the worker that makes links has heard of the change"
    until(lambda: good_for(stack.link("rotated-1")) > LINK_SECONDS / 2, heard, 60)
    links = {name: stack.link("rotated-1") for name in (*RotatedKey, "retire")}
    with signed_in(stack.link("rotated-1")) as browser, kernel_channel(url, browser) as channel:
        yield InUse(url, browser, channel, links)
    stack.run("deprovision-instance/on-demand", instance_id="rotated-1")
    stack.change_block("launch-link-keys", link_seconds=120)


@dataclass(frozen=True)
class Stolen:
    """Keys that a thief took before they were rotated."""

    authority: CertificateAuthority
    login: HostLogin
    token: str  # of the session
    password: tuple[str, ...]


@pytest.fixture(scope="module")
def stolen(stack, in_use) -> Stolen:
    authority = CertificateAuthority(**stored(stack, "certificate-authority"))
    login = HostLogin(**stored(stack, "host-login"))
    return Stolen(authority, login, stack.records.instances.get("rotated-1").token, stack.login)


def stored(stack, kind: str) -> dict:
    """What a block holds, with its secrets."""
    path = f"/block_types/slug/{kind}/block_documents/name/main"
    return stack.api("GET", path, params={"include_secrets": True}).json()["data"]


@pytest.fixture(scope="module", autouse=True)
def work_of_bob(stack) -> None:
    """A file that a session left, which each of his next ones is to have."""
    stack.save_blueprint("keeping", keep=["/home/jovyan"])
    url = stack.provision("before-1", blueprint="keeping", user="bob")["url"]
    with signed_in(stack.link("before-1")) as browser:
        assert browser.put(url + FILE, json=WORK).status_code == 201
    assert stack.run("deprovision-instance/on-demand", instance_id="before-1")[0] == "COMPLETED"


@contextmanager
def asked_all_the_time(browser: httpx.Client, url: str) -> Iterator[list[int | str]]:
    """What a page is answered that asks five times a second: its statuses, or why there was no answer."""
    statuses, over = list[int | str](), Event()

    def ask() -> None:
        while not over.wait(0.2):
            try:
                statuses.append(browser.get(url).status_code)
            except httpx.HTTPError as error:  # which would end the thread, and nothing would be asked any more
                statuses.append(repr(error))

    asking = Thread(target=ask)
    asking.start()
    try:
        yield statuses
    finally:
        over.set()
        asking.join()


@pytest.mark.parametrize("key", RotatedKey)
def test_what_is_open_what_was_given_and_what_is_asked_for_lives_through_the_rotation_of(stack, in_use, stolen, key):
    link, name = in_use.link(key), f"meanwhile-{key}"
    with asked_all_the_time(in_use.browser, in_use.url + "api/contents") as statuses:
        asked = stack.trigger("provision-instance/on-demand", instance_id=name, blueprint="keeping", user="bob")
        rotated = stack.command("rotate-secrets", key)
        assert rotated.returncode == 0, rotated.stdout
        assert stack.finish(asked)[0] == "COMPLETED"
    assert (len(statuses) > 0, set(statuses)) == (True, {200})
    assert result_of(in_use.channel, "6*7") == "42"
    with signed_in(link) as another:
        assert another.get(in_use.url + "api/contents").status_code == 200
    with signed_in(stack.link(name)) as bob:
        assert bob.get(stack.answer(name)["url"] + FILE).json()["content"] == WORK["content"]
    assert stack.run("deprovision-instance/on-demand", instance_id=name)[0] == "COMPLETED"


def test_what_is_retired_opens_nothing_more_and_a_websocket_stays_open(stack, in_use):
    link = in_use.link("retire")
    retired = stack.command("rotate-secrets", "--retire", "--yes")
    assert retired.returncode == 0, retired.stdout
    assert in_use.browser.get(in_use.url + "api/contents").status_code == 401
    with signed_in(link) as late, signed_in(stack.link("rotated-1")) as fresh:
        assert [one.get(in_use.url + "api/contents").status_code for one in (late, fresh)] == [401, 200]
    assert result_of(in_use.channel, "7*7") == "49"
    assert stack.run("housekeep/scheduled")[0] == "COMPLETED"


def test_keys_that_were_taken_before_open_no_host_no_session_and_no_api(stack, in_use, stolen):
    session = stack.records.instances.get("rotated-1")
    host = stack.records.hosts.get(session.host)
    with pytest.raises(ssl.SSLError):
        ping_engine(host.address, client_context(stolen.authority))
    assert ping_engine(host.address, client_context(CertificateAuthority(**stored(stack, "certificate-authority"))))
    with pytest.raises(HostUnreachable, match="refuses the manager's ssh login"):
        HostShell(host.address, host.host_key, stolen.login).run("true", timeout=10)
    past_the_gateway = f"http://{host.address}:{session.port}{session.base_url}api/contents"
    headers = {"Authorization": f"token {stolen.token}"}
    assert httpx.get(past_the_gateway, headers=headers, trust_env=False).status_code == 403
    api = f"http://127.0.0.1:{stack.prefect_port}/api/admin/version"
    assert httpx.get(api, auth=stolen.password, trust_env=False).status_code == 401
