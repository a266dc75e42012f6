"""Which lanes run beside which, and that each test is in one of them."""

from threading import Thread

import pytest

from tests.rigs.beside import FOLDERS, LANES, TESTS, may_hold
from tests.rigs.lanes.turns import TURNS, UNIT, Turn, Turns, coverage_file, next_turn

pytestmark = pytest.mark.unit

CHECKS = {"coverage", "recipes", "types"}
COMPUTES = {"demand", "rig", "simulation", *CHECKS, *UNIT}
BESIDE_STACKS = {"contracts", "servers", *COMPUTES}


def test_every_lane_and_check_has_a_turn_and_openstack_a_rig():
    assert sorted(turn.name for turn in TURNS) == sorted([*LANES, *CHECKS, "rig"])


def test_beside_stacks_nothing_runs_but_two_light_lanes_and_what_only_computes():
    begun, waiting = [], list(TURNS)
    while turn := next_turn(waiting, over=BESIDE_STACKS):
        waiting.remove(turn)
        begun.append(turn.name)
    assert set(begun) == {"stacks", *BESIDE_STACKS}


def test_what_is_covered_is_judged_when_all_unit_tests_are_over():
    coverage = next(turn for turn in TURNS if turn.name == "coverage")
    assert coverage.after == set(UNIT)
    assert coverage.words[-2:] == tuple(str(coverage_file(name)) for name in UNIT)


@pytest.mark.parametrize(("over", "may_begin"), [({"stacks"}, False), ({"rig"}, False), ({"stacks", "rig"}, True)])
def test_openstack_begins_when_its_rig_is_prepared_and_no_stack_runs(over, may_begin):
    openstack = next(turn for turn in TURNS if turn.name == "openstack")
    assert (next_turn([openstack], over) is openstack) == may_begin


def test_a_turn_that_has_to_wait_is_handed_out_when_the_other_is_over():
    first, second = Turn("first", ()), Turn("second", (), after=frozenset({"first"}))
    turns, taken = Turns([second, first]), []
    assert turns.take() is first
    waits = Thread(target=lambda: taken.append(turns.take()))
    waits.start()
    turns.end(first)
    waits.join(10)
    assert (taken, turns.take()) == ([second], None)


def test_what_stands_back_is_handed_out_to_its_own_slot_alone():
    light, heavy = Turn("light", (), niceness=5), Turn("heavy", ())
    turns = Turns([light, heavy])
    assert (turns.take(), turns.take()) == (heavy, None)
    assert (turns.take(behind=True), turns.take(behind=True)) == (light, None)


def test_what_stands_back_only_computes_and_needs_no_machine_in_time():
    assert {turn.name for turn in TURNS if turn.stands_back} == COMPUTES


def test_folders_and_files_of_lanes_are_there():
    named = [TESTS / path for paths in FOLDERS.values() for path in paths]
    assert [path for path in named if not path.exists()] == []


def test_a_file_of_tests_is_read_for_the_one_lane_of_its_folder_or_for_those_that_go_by_marks():
    by_marks = set(LANES) - set(FOLDERS)
    tiers = ("contract", "integration", "simulation", "system", "unit")
    for file in (file for tier in tiers for file in (TESTS / tier).rglob("test_*.py")):
        path = file.relative_to(TESTS).as_posix()
        lanes = {lane for lane in LANES if may_hold(path, lane)}
        assert len(lanes) == 1 or lanes == by_marks, path
        assert all(
            may_hold(parent.as_posix(), lane) for parent in list(file.relative_to(TESTS).parents)[:-1] for lane in lanes
        )
