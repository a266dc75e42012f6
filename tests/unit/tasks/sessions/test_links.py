"""Launch links as tasks and flows make them: who gets one, and who does not need one."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from inspect import unwrap

import pytest

from blocks.gateway.client import Gateway
from blocks.outside import standing_in
from blocks.settings import ProcessSettings
from blocks.stored.blueprint import Blueprint
from blocks.stored.link_keys import LinkKeys
from flows.sessions import issue_link
from pool.errors import NotFound, Refused
from pool.records import ProxyOptions
from pool.states import InstanceState
from tasks.gateway.routes import route_of
from tasks.sessions import links
from tests.rigs.fakes import FakeBlocks, ScriptedTasks, fake_outside
from tests.rigs.pool_data import a_host, an_instance

pytestmark = pytest.mark.unit

OPEN, SIGNED = an_instance(proxy=ProxyOptions(sign_in="open")), an_instance()
KEYS = LinkKeys.create()


class GatewayWithKeys(Gateway):
    """A gateway that only knows keys."""

    def __init__(self, *ids: str):
        self.ids = list(ids)
        self.given: list[dict] | None = None

    def key_ids(self) -> list[str]:
        return self.ids

    def put_keys(self, keys: list[dict]) -> None:
        self.given = keys


SETTINGS = ProcessSettings(public_url="https://nb.example", _env_file=None)
STORED = FakeBlocks({LinkKeys: {"main": KEYS}})


@pytest.fixture(autouse=True)
def installation():
    with standing_in(fake_outside(settings=SETTINGS, stored=STORED)):
        yield


def test_a_blueprints_wish_for_sign_in_reaches_the_gateway():
    spec = Blueprint(image="jupyter", port=8888, sign_in="open").spec("jupyter")
    session = an_instance(proxy=spec.proxy)
    assert route_of(session, a_host(address="10.0.0.5")).sign_in == "open"


def test_an_open_session_is_launched_by_its_plain_url():
    assert links.launch_url(OPEN) == "https://nb.example" + OPEN.base_url


def test_each_link_to_a_session_that_wants_sign_in_is_another_one():
    first, second = links.launch_url(SIGNED), links.launch_url(SIGNED)
    assert first.startswith(f"https://nb.example{SIGNED.base_url}dd-launch?ticket=")
    assert first != second


def test_a_link_is_good_for_as_long_as_the_block_says():
    now = datetime(2026, 1, 5, tzinfo=UTC)
    assert (LinkKeys.create().expiry(now) - now).total_seconds() == 120


def test_rotating_the_keys_keeps_how_long_a_link_is_good():
    keys = LinkKeys(current="ab" * 32, link_seconds=600)
    assert keys.with_next().promoted(datetime(2026, 1, 5, tzinfo=UTC)).link_seconds == 600


def given_keys(gateway: GatewayWithKeys) -> str:
    with standing_in(fake_outside(stored=STORED, gateway=gateway)):
        return links.give_keys()


def test_a_gateway_that_has_the_keys_is_not_given_them_again():
    has = GatewayWithKeys(*(key["id"] for key in KEYS.for_gateway()))
    assert (given_keys(has), has.given) == ("", None)


def test_a_gateway_without_the_keys_is_given_them():
    lacks = GatewayWithKeys()
    assert given_keys(lacks) == "the gateway was given its keys"
    assert lacks.given == KEYS.for_gateway()


@pytest.mark.parametrize(
    ("found", "error", "sentence"),
    [
        (None, NotFound, "no instance is named 'alice-1'"),
        (replace(SIGNED, state=InstanceState.DELETED), Refused, "instance alice-1 is deleted"),
        (replace(SIGNED, state=InstanceState.STARTING), Refused, "instance alice-1 is starting"),
    ],
)
def test_no_link_is_issued_to_a_session_that_does_not_run(found, error, sentence):
    tasks = ScriptedTasks(find_instance=found)
    with standing_in(fake_outside(prefect=tasks)), pytest.raises(error, match=sentence):
        asyncio.run(unwrap(issue_link.issue_link.fn)("alice-1"))
    assert tasks.names == ["find_instance"]
