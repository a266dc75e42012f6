"""Several publishers tell of one session at once: what is heard last is what the session is."""

import asyncio
from collections.abc import Callable

import pytest

from blocks.gateway.client import Gateway
from blocks.outside import standing_in
from pool.records import ProxyOptions
from pool.states import EndCause, InstanceState
from tasks.publishing.positions import publish_positions
from tasks.publishing.publisher import publish_changes
from tests.rigs.fakes import FakePrefect, fake_outside
from tests.rigs.pool_data import NOW, a_blueprint, later
from tests.rigs.services.databases import new_store

pytestmark = pytest.mark.unit

OPEN = a_blueprint(proxy=ProxyOptions(sign_in="open"))


class Late:
    """Something happens once, after a publisher has read and before it is heard."""

    meanwhile: Callable[[], object] | None = None

    def happens(self) -> None:
        happening, self.meanwhile = self.meanwhile, None
        if happening:
            happening()


class LatePrefect(Late, FakePrefect):
    def write_answers(self, answers):
        self.happens()
        super().write_answers(answers)


class LateGateway(Late, Gateway):
    def __init__(self):
        self.notices = {}

    def put_notices(self, notices):
        self.happens()
        self.notices |= {notice.id: notice.page for notice in notices}

    def put_pool_page(self, page):
        pass


@pytest.fixture
def door(tmp_path):
    store = new_store(tmp_path)
    with standing_in(fake_outside(store=store, prefect=LatePrefect(), gateway=LateGateway())) as door:
        yield door
    store.close()


@pytest.fixture
def session(door):
    return door.store.instances.request("alice-1", OPEN, "alice", {}, NOW)[0]


def fails_and_is_told(door) -> None:
    door.store.instances.move("alice-1", InstanceState.FAILED, later(1), "no room", cause=EndCause.NO_ROOM)
    publish_changes()


def test_an_answer_that_is_heard_after_a_newer_one_is_followed_by_what_the_session_is_now(door, session):
    door.prefect.meanwhile = lambda: fails_and_is_told(door)
    publish_changes()
    assert door.prefect.tables["instance-alice-1"][0]["state"] == "failed"


def test_a_notice_that_is_heard_after_a_newer_one_is_followed_by_what_the_session_is_now(door, session):
    door.gateway.meanwhile = lambda: fails_and_is_told(door)
    publish_changes()
    assert door.gateway.notices == {session.route: "ended"}


@pytest.mark.parametrize("of", ["prefect", "gateway"])
def test_a_position_that_is_heard_when_the_session_waits_no_more_is_followed_by_what_it_is_now(door, session, of):
    publish_changes()
    getattr(door, of).meanwhile = lambda: fails_and_is_told(door)
    asyncio.run(publish_positions.fn("main"))
    assert door.prefect.tables["instance-alice-1"][0]["state"] == "failed"
    assert door.gateway.notices == {session.route: "ended"}


def test_an_answer_that_is_still_so_is_written_once(door, session):
    written = []
    door.prefect.meanwhile = lambda: written.append("once")
    publish_changes()
    door.prefect.meanwhile = lambda: written.append("again")
    publish_changes()
    assert written == ["once"]
