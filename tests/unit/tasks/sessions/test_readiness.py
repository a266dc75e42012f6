"""When a session that starts is looked at: as the last ones of its blueprint taught."""

import asyncio

import pytest

from blocks.outside import standing_in
from pool.errors import SessionNotReady
from tasks.sessions.containers import wait_until_ready
from tests.rigs.fakes import fake_outside
from tests.rigs.pool_data import a_blueprint, an_instance, claim_active
from tests.rigs.services.databases import new_store
from tests.rigs.stacks.paper_stack import PaperEngine

pytestmark = pytest.mark.unit

LIKE_IT = "answer of jupyter"


@pytest.fixture
def door(tmp_path):
    store = new_store(tmp_path)
    store.hosts.note(claim_active(store).name, address="10.0.0.1")
    with standing_in(fake_outside(store=store, engines=PaperEngine(), session_answers=lambda *_: True)) as door:
        yield door
    store.close()


def wait(door, **blueprint) -> None:
    session = an_instance(host=door.store.hosts.all("main")[0].name)
    asyncio.run(wait_until_ready.fn(session, a_blueprint(name="jupyter", **blueprint)))


def test_what_a_session_took_to_answer_is_expected_of_the_next_one_of_its_blueprint(door):
    door.turns.note_time(LIKE_IT, 1.5)
    wait(door)
    assert door.turns.shortest_time(LIKE_IT) < 1.5


def test_one_that_never_answered_teaches_nothing(door):
    with standing_in(fake_outside(store=door.store, engines=PaperEngine(), session_answers=lambda *_: False)) as deaf:
        with pytest.raises(SessionNotReady):
            wait(deaf, start_timeout=-1)
        assert deaf.turns.shortest_time(LIKE_IT) == 0
