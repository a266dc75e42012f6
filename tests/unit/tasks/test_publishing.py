"""What a task commits is told at once by the publisher, to each audience with its own mark; none can fail the work."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from blocks.gateway.client import Gateway
from blocks.gateway.pool_page import MOST_ROWS
from blocks.outside import standing_in
from pool.changes import Audience
from pool.errors import GatewayTrouble
from pool.records import ProxyOptions
from pool.states import EndCause, HostState, InstanceState
from tasks.hosts import host_images, operator
from tasks.publishing.pool_page import draw_pool_page
from tasks.publishing.publisher import publish_changes
from tests.rigs.fakes import FakePrefect, InlinePublisher, fake_outside
from tests.rigs.pool_data import NOW, a_blueprint, claim_active, later, run
from tests.rigs.services.databases import new_store

pytestmark = pytest.mark.unit

OPEN = a_blueprint(proxy=ProxyOptions(sign_in="open"))


class FakeGateway(Gateway):
    """Takes notices and the pool page, while it is there."""

    def __init__(self):
        self.notices, self.pages, self.away = {}, [], False
        self.takes = lambda: None  # time
        self.tells: list[Callable[[], object]] = []  # what happens while notices are put, one each time

    def put_notices(self, notices):
        self._answer()
        if self.tells:
            self.tells.pop()()
        self.notices |= {notice.id: notice.page for notice in notices}

    def put_pool_page(self, page):
        self._answer()
        self.takes()
        self.pages.append(page)

    def _answer(self):
        if self.away:
            raise GatewayTrouble("the gateway does not answer")


@pytest.fixture
def door(tmp_path):
    store = new_store(tmp_path)
    with standing_in(fake_outside(store=store, gateway=FakeGateway(), publisher=InlinePublisher())) as door:
        yield door
    store.close()


def events(door) -> list[str]:
    return [change.event for change in door.prefect.events]


def test_draining_a_host_and_returning_it_is_told_at_once(door):
    host = claim_active(door.store)
    asyncio.run(operator.take_out_of_service.fn(host.name, None, "a new kernel"))
    assert events(door)[-1] == "dockerdriver.host.draining"
    asyncio.run(operator.put_back_into_service.fn(host.name, "done"))
    assert events(door)[-1] == "dockerdriver.host.active"


def test_a_host_that_is_claimed_for_baking_is_told(door):
    host = asyncio.run(host_images.claim_host_to_bake.fn(host_images.Bake("main", "image", "playbook", "recipe")))
    assert (host.state, events(door)) == (HostState.SPAWNING, ["dockerdriver.host.spawning"])


def test_the_platform_and_visitors_hear_of_a_session_that_is_queued(door):
    session, _ = door.store.instances.request("alice-1", OPEN, "alice", {}, NOW)
    assert publish_changes() == ""
    (answer,) = door.prefect.tables["instance-alice-1"]
    assert (answer["state"], answer["position"]) == ("queued", 1)
    assert door.gateway.notices == {session.route: "queued"}


class ReadingPrefect(FakePrefect):
    """A platform reads the answer at each event."""

    def __init__(self):
        super().__init__()
        self.read = []

    def emit(self, change):
        super().emit(change)
        self.read += [row["state"] for row in self.tables.get("instance-alice-1", [])]


def test_a_platform_that_is_woken_by_an_event_reads_what_it_tells_of(door):
    prefect = ReadingPrefect()
    with standing_in(replace(door, prefect=prefect)):
        door.store.instances.request("alice-1", OPEN, "alice", {}, NOW)
        publish_changes()
        door.store.instances.move("alice-1", InstanceState.FAILED, later(1), "no room", cause=EndCause.NO_ROOM)
        publish_changes()
    assert prefect.read == ["queued", "failed"]


def test_what_was_told_is_not_told_again(door):
    door.store.instances.request("alice-1", OPEN, "alice", {}, NOW)
    publish_changes()
    door.prefect.tables.clear()
    publish_changes()
    assert (door.prefect.tables, len(door.gateway.pages), len(events(door))) == ({}, 1, 1)


def test_a_gateway_that_is_away_keeps_no_other_audience_waiting_and_is_told_later(door):
    session, _ = door.store.instances.request("alice-1", OPEN, "alice", {}, NOW)
    door.gateway.away = True
    assert "the visitors is not told yet: the gateway does not answer" in publish_changes()
    assert "instance-alice-1" in door.prefect.tables
    door.gateway.away = False
    assert publish_changes() == ""
    assert door.gateway.notices == {session.route: "queued"}


def test_the_pool_page_has_the_last_day_why_each_is_as_it_is_and_what_can_be_done(door):
    claim_active(door.store)
    door.store.instances.request("alice-1", OPEN, "alice", {}, NOW)
    publish_changes()
    page = door.gateway.pages[-1]
    assert "<title>Pool main</title>" in page
    assert 'id="why-session-alice-1"' in page
    assert {f"id-of-{flow}" in page for flow in ("drain-host", "deprovision-instance")} == {True}


@pytest.mark.parametrize(("days", "shown"), [(1, True), (3, False)])
def test_the_pool_page_says_why_a_session_failed_lately(door, days, shown):
    door.store.instances.request("alice-1", OPEN, "alice", {}, NOW)
    door.store.instances.move("alice-1", InstanceState.FAILED, later(1), "no room", cause=EndCause.NO_ROOM)
    door.clock.pass_by(days * 86400)
    asyncio.run(draw_pool_page.fn())
    page = door.gateway.pages[-1]
    assert ('id="why-session-alice-1"' in page, "http://ui/v2/artifacts/key/instance-alice-1" in page) == (shown, shown)


def test_the_pool_page_counts_the_sessions_that_it_does_not_show(door):
    for number in range(MOST_ROWS + 2):
        door.store.instances.request(f"s-{number}", OPEN, "alice", {}, later(number))
    asyncio.run(draw_pool_page.fn())
    page = door.gateway.pages[-1]
    assert "And 2 more." in page
    assert (f">s-{MOST_ROWS - 1}<" in page, f">s-{MOST_ROWS}<" in page) == (True, False)


class LaterPublisher(InlinePublisher):
    """Keeps after how many seconds all is to be told once more."""

    def __init__(self):
        self.later: list[float] = []

    def again(self, seconds: float) -> None:
        self.later.append(round(seconds, 3))


@pytest.mark.parametrize(("takes", "rests"), [(0.1, 4.9), (0.75, 6.75)])
def test_of_changes_that_follow_each_other_the_page_is_drawn_for_the_first_and_once_it_has_rested(door, takes, rests):
    door.gateway.takes = lambda: door.clock.pass_by(takes)
    publisher = LaterPublisher()
    with standing_in(replace(door, publisher=publisher)):
        for number in (1, 2, 3):
            request(door, number)
            assert publish_changes() == ""
        assert (len(door.gateway.pages), publisher.later) == (1, [rests, rests])
        door.clock.pass_by(rests)
        assert publish_changes() == ""
    assert (len(door.gateway.pages), door.store.history.unpublished(Audience.POOL_PAGE)) == (2, [])


def request(door, number: int) -> None:
    door.store.instances.request(f"s-{number}", OPEN, "", {}, NOW)


class BusyPrefect(FakePrefect):
    """Something happens while the first event is sent."""

    def __init__(self, meanwhile):
        super().__init__()
        self.meanwhile = [meanwhile]

    def emit(self, change):
        super().emit(change)
        if self.meanwhile:
            self.meanwhile.pop()()


def test_a_session_that_comes_while_others_are_told_is_told_before_the_page_is_drawn(door):
    prefect = BusyPrefect(lambda: request(door, 2))
    with standing_in(replace(door, prefect=prefect)):
        request(door, 1)
        publish_changes()
        assert door.gateway.pages == []
        publish_changes()
    assert {"instance-s-1", "instance-s-2"} <= prefect.tables.keys()
    assert (len(door.gateway.pages), door.store.history.unpublished(Audience.POOL_PAGE)) == (1, [])


def test_a_browser_that_is_sent_by_the_first_answer_finds_the_page_of_its_session(door):
    told = []
    door.gateway.tells = [lambda: told.extend(door.prefect.tables)]
    request(door, 1)
    publish_changes()
    assert (told, len(door.gateway.notices), [*door.prefect.tables]) == ([], 1, ["instance-s-1"])


def test_a_page_waits_for_those_that_come_for_two_seconds_at_the_most(door):
    with standing_in(replace(door, prefect=BusyPrefect(lambda: request(door, 2)))):
        request(door, 1)
        door.clock.pass_by(3)
        publish_changes()
    assert len(door.gateway.pages) == 1


def test_sessions_on_a_host_that_drains_get_a_new_answer(door):
    host = claim_active(door.store)
    door.store.instances.request("alice-1", OPEN, "alice", {}, NOW)
    door.store.instances.take_turn("alice-1", host.name, [], NOW)
    run(door.store)
    publish_changes()
    door.store.hosts.drain(host.name, NOW, "a new kernel")
    door.prefect.tables.clear()
    publish_changes()
    assert "a new kernel" in str(door.prefect.tables["instance-alice-1"][0]["notice"])


@pytest.mark.parametrize("audience", list(Audience))
def test_each_audience_has_its_own_mark(door, audience):
    door.store.instances.request("alice-1", OPEN, "alice", {}, NOW)
    (change,) = door.store.history.unpublished(audience)
    door.store.history.mark_published(audience, [change.id], NOW)
    left = {other for other in Audience if door.store.history.unpublished(other)}
    assert left == set(Audience) - {audience}
