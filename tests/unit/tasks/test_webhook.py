"""A platform's webhook hears each change of a session once, in order; one that is away stops no other audience."""

import json

import pytest

from blocks.outside import standing_in
from blocks.stored.change_webhook import ChangeWebhook
from blocks.stored.pool_config import PoolConfig
from pool.changes import Audience
from pool.records import ProxyOptions
from pool.states import InstanceState
from tasks.publishing.publisher import publish_changes
from tasks.publishing.webhook import LEASE
from tests.rigs.fakes import FakeBlocks, fake_outside
from tests.rigs.pool_data import NOW, ask, claim_active, place
from tests.rigs.services.databases import new_store
from tests.unit.tasks.test_publishing import FakeGateway

pytestmark = pytest.mark.unit

HOOK = ChangeWebhook(url="https://my.example.org/hook", secret="MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")


@pytest.fixture
def door(tmp_path):
    store = new_store(tmp_path)
    stored = FakeBlocks({PoolConfig: {"main": PoolConfig()}, ChangeWebhook: {"main": HOOK}})
    with standing_in(fake_outside(store=store, gateway=FakeGateway(), stored=stored)) as door:
        yield door
    store.close()


def ask_for_alice(door) -> None:
    ask(door.store, proxy=ProxyOptions(sign_in="open"))


def told(door) -> list[tuple[str, str]]:
    data = [json.loads(message.body)["data"] for message in door.webhooks.taken]
    return [(one["instance_id"], one["state"]) for one in data]


def test_each_change_of_a_session_is_told_once_and_in_order_and_hosts_are_not(door):
    claim_active(door.store)
    ask_for_alice(door)
    place(door.store)
    publish_changes()
    publish_changes()
    assert told(door) == [("alice-1", "queued"), ("alice-1", "starting")]
    assert not door.store.history.is_anything_unpublished()


def test_a_receiver_that_is_away_is_told_the_same_later_and_keeps_no_other_waiting(door):
    door.webhooks.away = True
    ask_for_alice(door)
    publish_changes()
    assert "instance-alice-1" in door.prefect.tables
    door.webhooks.away = False
    door.clock.pass_by(2)
    publish_changes()
    assert told(door) == [("alice-1", "queued")]


def test_what_is_wrong_with_the_receiver_is_said_in_the_tick(door):
    door.webhooks.away = True
    ask_for_alice(door)
    assert publish_changes() == "the webhook is not told yet: the webhook's receiver answers 503"


def test_after_a_failure_there_is_no_try_for_a_while_and_longer_after_each(door):
    door.webhooks.away = True
    ask_for_alice(door)
    tries = 0
    for _ in range(60):
        before = door.webhooks._failed
        publish_changes()
        tries += door.webhooks._failed - before
        door.clock.pass_by(1)
    assert tries == 5  # at 0, 2, 6, 14 and 30 seconds


def test_what_was_not_taken_for_a_day_is_not_told_any_more(door):
    door.webhooks.away = True
    ask_for_alice(door)
    publish_changes()
    door.clock.pass_by(86400)
    publish_changes()
    assert (told(door), door.store.history.unpublished(Audience.WEBHOOK)) == ([], [])


def test_while_another_process_tells_this_one_does_not(door):
    ask_for_alice(door)
    door.store.leases.take(LEASE, "another process", 60, NOW)
    publish_changes()
    assert told(door) == []
    door.store.leases.drop(LEASE, "another process")
    publish_changes()
    assert told(door) == [("alice-1", "queued")]


def test_what_was_taken_before_a_failure_is_not_told_again(door):
    ask_for_alice(door)
    door.store.instances.move("alice-1", InstanceState.FAILED, NOW)
    post, answers = door.webhooks._try, ["", "the webhook's receiver answers 500"]
    door.webhooks._try = lambda *said: (answers.pop(0) if answers else "") or post(*said)
    publish_changes()
    door.clock.pass_by(2)
    publish_changes()
    assert told(door) == [("alice-1", "queued"), ("alice-1", "failed")]


def test_without_a_webhook_nothing_is_left_for_one_that_comes_later(door):
    door.stored.blocks = {PoolConfig: {"main": PoolConfig()}}
    ask_for_alice(door)
    publish_changes()
    assert (told(door), door.store.history.unpublished(Audience.WEBHOOK)) == ([], [])
