"""The replay of what-if is the product without its flows: both live one demand alike."""

import json
from dataclasses import replace
from functools import cache

import pytest

from blocks.settings import ProcessSettings
from runtime.command.cli import _parser
from tests.benchmarks.arrivals import Visit
from tests.rigs.lived_week import happened, keep, live
from tests.simulation.replayed import HOURS_DIFFER, WAITS_DIFFER, lived

pytestmark = pytest.mark.simulation

SEEDS = (1, 2)  # every second life has a course; `make simulate REPLAYS=200` lives more
BY_NIGHT = (3, 4)


@pytest.fixture(scope="module")
def life_of(ours):
    """Gives the life of a seed, which takes some seconds."""
    return cache(lambda seed: lived(ours, seed))


@pytest.mark.parametrize("seed", [*SEEDS, *(pytest.param(seed, marks=pytest.mark.nightly) for seed in BY_NIGHT)])
def test_a_replay_waits_spawns_and_costs_as_the_whole_product_did(life_of, seed):
    life = life_of(seed).replayed()
    assert life.differs == "", life.words


def test_a_replay_by_other_rules_than_the_pools_is_seen(life_of):
    life = life_of(1)
    slow = replace(life, past=replace(life.past, boots=[boot + 90 for boot in life.past.boots]))
    more = replace(life, settings=replace(life.settings, free_slot_target=5))
    fewer = replace(life, settings=replace(life.settings, max_hosts=2))
    small = replace(life, settings=replace(life.settings, slots_large=3))
    assert all(wrong.replayed().differs for wrong in (slow, more, fewer, small))


def test_the_command_says_of_records_that_flows_wrote_what_had_happened(ours, tmp_path, capsys):
    pupils = [Visit(1200 + 7 * number, 5400 + 60 * (number % 9)) for number in range(20)]
    with ours.world(seed=5) as world:
        live(world, [Visit(300, 1500), *pupils], 7200)
        truth = happened(world)
        keep(world, tmp_path)
    settings = ProcessSettings(data=tmp_path, database="sqlite", prefect_port=9, _env_file=None)
    said = vars(_parser().parse_args(["what-if", "--json", "--since", "2040-01-02", "--until", "2040-01-02 11:00"]))
    assert said.pop("command")(settings, **said) == 0
    told = json.loads(capsys.readouterr().out)["today"]
    waits = {name: truth[name] for name in ("wait_p50_s", "wait_p95_s", "wait_longest_s")}
    assert waits["wait_p95_s"] > 2 * WAITS_DIFFER
    assert {name: told[name] for name in waits} == pytest.approx(waits, abs=WAITS_DIFFER)
    assert told["small_host_hours"] == pytest.approx(truth["small_host_hours"], rel=HOURS_DIFFER)
    assert [told[name] for name in ("sessions", "refused", "hosts_at_the_peak")] == [21, 0, truth["hosts_at_the_peak"]]
