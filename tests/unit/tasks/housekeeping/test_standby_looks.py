"""What a tick finds out about standbys: how many each blueprint wants now."""

from datetime import timedelta

import pytest

from blocks.outside import standing_in
from blocks.stored.pool_config import PoolConfig
from pool.records import Image
from tasks.housekeeping.standby_looks import standby_specs_of
from tests.rigs.fakes import FakeBlocks, fake_outside
from tests.rigs.pool_data import NOW, a_blueprint
from tests.rigs.services.databases import new_store

pytestmark = pytest.mark.unit


def wanted(store, **blueprint) -> dict[str, str]:
    """By blueprint, how many are wanted at `NOW`, a Monday at nine in Berlin."""
    config = PoolConfig(DD_TIMEZONE="Europe/Berlin")
    stored = FakeBlocks({PoolConfig: {"main": config}}, {"jupyter": a_blueprint(**blueprint)})
    store.configs.keep("main", config.as_kept())
    store.images.put(Image("main", "jupyter", "sha256:jupyter", 1))
    with standing_in(fake_outside(store=store, stored=stored)):
        return {name: str(spec.wanted_at(NOW)) for name, spec in standby_specs_of("main").items()}


@pytest.fixture
def store(tmp_path):
    store = new_store(tmp_path)
    yield store
    store.close()


def test_a_timetable_is_read_in_the_time_zone_of_the_pool(store):
    assert wanted(store, standby_timetable=("Mon 09:00-10:00: 7",)) == {"jupyter": "7 (Mon 09:00-10:00: 7)"}


def test_a_class_that_came_in_two_earlier_weeks_is_stood_by_for(store):
    for week in (1, 3):
        for number in range(6):
            at = NOW - timedelta(weeks=week, seconds=number)
            store.instances.request(f"s-{week}-{number}", a_blueprint(), "ada", {}, at, accepted=at)
    assert wanted(store, standby_by_demand=20)["jupyter"].startswith("6 (by demand")
    assert wanted(store, standby_by_demand=20, standby=8) == {"jupyter": "8"}


def test_a_blueprint_that_never_wants_any_is_not_looked_at_and_one_whose_lines_were_spoilt_has_none(store):
    assert wanted(store) == {}
    assert wanted(store, standby=2, standby_timetable=("noon: 3",)) == {}
