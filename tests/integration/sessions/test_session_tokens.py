"""A session of the shipped image gets another token while it is used: a real Jupyter, a real gateway, the real flow."""

import asyncio
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from blocks.images.archive import read_archive
from blocks.outside import standing_in
from blocks.stored.authority import CertificateAuthority
from blocks.stored.default_blueprints import default_blueprints
from blocks.stored.link_keys import LinkKeys
from flows.housekeeping.rotate_secrets import rotate_secrets
from pool.keys.rotation import RotatedKey
from pool.sessions.containers import container_spec
from pool.store.pool_store import PoolStore
from runtime.builds.notebook_image import build_notebook_image
from tasks.gateway.routes import publish_route
from tests.rigs.engines.light_host import light_host
from tests.rigs.engines.one_engine import OneEngine
from tests.rigs.fakes import FakeClock, fake_outside
from tests.rigs.gateways.gateway import running_gateway
from tests.rigs.gateways.kernel import kernel_channel, result_of
from tests.rigs.pool_data import NOW, claim_active, place, run
from tests.rigs.present import present
from tests.rigs.services.databases import migrated_sqlite
from tests.rigs.waiting import until

pytestmark = pytest.mark.integration

KEYS = LinkKeys.create()
BLUEPRINT = default_blueprints()["jupyter-minimal"].spec("jupyter-minimal")


@pytest.fixture(scope="module")
def image(tmp_path_factory, engine_url):
    folder = tmp_path_factory.mktemp("notebook-image")
    return read_archive(build_notebook_image(engine_url, folder / "work", folder / "images", print))


@pytest.fixture(scope="module")
def host(image):
    with light_host(CertificateAuthority.create("test authority")) as host:
        with image.path.open("rb") as file:
            host.engine.load(iter(lambda: file.read(1 << 20), b""))
        yield host


@pytest.fixture
def gateway():
    with running_gateway(networks=("10.231.0.0/16",)) as gateway:
        gateway.client.put_keys(KEYS.for_gateway())
        yield gateway


@pytest.fixture
def store(tmp_path, host):
    (tmp_path / "pool.sqlite").write_bytes(migrated_sqlite())
    store = PoolStore.open(f"sqlite:///{tmp_path}/pool.sqlite")
    store.hosts.note(claim_active(store).name, address=host.address)
    yield store
    store.close()


@pytest.fixture
def door(store, host, gateway):
    ports = {"store": store, "engines": OneEngine(host.engine), "gateway": gateway.client, "clock": FakeClock()}
    with standing_in(fake_outside(**ports)) as door:
        yield door


@pytest.fixture
def session(door, host, image):
    """A session that runs and has its route."""
    door.store.instances.request("ada-1", BLUEPRINT, "ada", {}, NOW)
    asked = present(place(door.store, "ada-1"))
    host.engine.run(container_spec(asked, BLUEPRINT, image.image_id, "dd-test"))
    until(lambda: status(host, asked, "api") == 200, "it answers", 60)
    running = run(door.store, "ada-1")
    asyncio.run(publish_route(running))
    yield running
    host.engine.remove(asked.container)


def status(host, session, path: str, token: str = "", **client) -> int:
    """What the session answers to who reaches its port past the gateway."""
    headers = {"Authorization": f"token {token}"} if token else {}
    try:
        url = f"http://{host.address}:{session.port}{session.base_url}{path}"
        return httpx.get(url, headers=headers, trust_env=False, timeout=20, **client).status_code
    except httpx.TransportError:
        return 0


def link(gateway, session) -> str:
    return KEYS.launch_link(gateway.url, session.route, datetime.now(UTC) + timedelta(seconds=60))


@pytest.fixture
def browser(gateway, session):
    """One that came by a link."""
    headers = {"Accept": "text/html", "Origin": gateway.url}
    with httpx.Client(trust_env=False, follow_redirects=True, headers=headers, timeout=20) as browser:
        assert browser.post(link(gateway, session)).status_code == 200
        yield browser


def rotate() -> str:
    return asyncio.run(rotate_secrets.fn([RotatedKey.TOKENS])).message


def test_a_running_session_an_open_websocket_and_a_link_given_before_live_through_it(session, gateway, browser):
    given_before = link(gateway, session)
    with kernel_channel(gateway.address(session.route), browser) as socket:
        assert result_of(socket, "6*7") == "42"
        assert rotate() == "session-tokens: 1 are new"
        assert result_of(socket, "7*7") == "49"
    assert browser.get(f"{gateway.address(session.route)}api/contents").status_code == 200
    with httpx.Client(trust_env=False, follow_redirects=True, headers={"Accept": "text/html"}) as another:
        assert another.post(given_before).status_code == 200


def test_past_the_gateway_the_token_before_and_a_cookie_that_was_given_for_it_open_nothing(session, door, host):
    with httpx.Client(trust_env=False) as thief:
        url = f"http://{host.address}:{session.port}{session.base_url}api/contents"
        assert thief.get(url, headers={"Authorization": f"token {session.token}"}).status_code == 200
        assert thief.get(url).status_code == 200  # by the cookie
        rotate()
        assert thief.get(url).status_code == 403
    new = door.store.instances.get("ada-1").token
    assert [status(host, session, "api/contents", token) for token in (session.token, new)] == [403, 200]


def test_a_page_that_was_open_before_opens_another_websocket_with_the_token_that_it_knows(session, gateway, browser):
    rotate()
    with kernel_channel(gateway.address(session.route), browser, f"?token={session.token}") as socket:
        assert result_of(socket, "6*7") == "42"


def test_it_is_rotated_again_and_a_restarted_program_takes_the_last_one_alone(session, door, host):
    rotate()
    rotate()
    host.engine.stop(session.container, 5)
    host.engine.start(session.container)
    until(lambda: status(host, session, "api") == 200, "it answers again", 60)
    new = door.store.instances.get("ada-1").token
    assert [status(host, session, "api/contents", token) for token in (session.token, new)] == [403, 200]
