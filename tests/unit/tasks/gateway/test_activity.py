"""Whether a session is idle in the moment in which it would be ended."""

import asyncio
from types import SimpleNamespace

import pytest

from blocks.gateway.activity import Activity, GatewayActivity
from blocks.outside import standing_in
from pool.errors import GatewayTrouble
from tasks.gateway.activity import still_idle
from tests.rigs.fakes import fake_outside
from tests.rigs.pool_data import NOW, an_instance, later

pytestmark = pytest.mark.unit

SESSION = an_instance(idle_timeout=600)


def idle(seen) -> bool:
    """Whether the session is idle 601 s after the gateway began to look, by what it answers now."""
    gateway = SimpleNamespace(activity=lambda: seen() if callable(seen) else seen)
    clock, store = SimpleNamespace(now=lambda: later(601)), SimpleNamespace(writes=0)
    with standing_in(fake_outside(gateway=gateway, clock=clock, store=store)):
        return asyncio.run(still_idle(SESSION))


def test_a_session_that_was_not_used_since_the_gateway_looks_is_idle():
    assert idle(GatewayActivity(NOW, {}))
    assert idle(GatewayActivity(NOW, {SESSION.route: Activity(last_request=NOW)}))


def test_a_session_that_was_used_a_moment_ago_is_not_idle():
    assert not idle(GatewayActivity(NOW, {SESSION.route: Activity(last_request=later(600))}))


def test_a_gateway_that_cannot_be_asked_leaves_no_session_idle():
    def away() -> None:
        raise GatewayTrouble("nginx is away")

    assert not idle(away)
