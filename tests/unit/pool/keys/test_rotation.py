"""Which step of a rotation is next: whatever it died between, the next run goes on from there."""

from dataclasses import replace
from itertools import product

import pytest

from pool.keys.rotation import Progress, RotatedKey, RotationStep, ends_old, next_step

pytestmark = pytest.mark.unit

BEGIN, SPREAD, PROMOTE, RETIRE, END = RotationStep
STABLE = Progress(has_next=False, has_previous=False)


def after(step: RotationStep, progress: Progress) -> Progress:
    """What a step leaves behind."""
    begun = replace(progress, is_begun=True)
    return {
        BEGIN: replace(begun, has_next=True, is_known=False),
        SPREAD: replace(begun, is_known=True),
        PROMOTE: replace(begun, has_next=False, has_previous=True, is_known=False),
        RETIRE: replace(begun, has_previous=False),
    }[step]


def steps_from(progress: Progress, ends_old: bool, most: int = 20) -> list[RotationStep]:
    """What a run does, from what it finds to its end."""
    done: list[RotationStep] = []
    while (step := next_step(progress, ends_old)) is not END and len(done) < most:
        done.append(step)
        progress = after(step, progress)
    return done


def test_both_are_trusted_before_the_new_one_is_used_and_the_new_one_alone_before_the_old_one_is_forgotten():
    assert steps_from(STABLE, ends_old=True) == [BEGIN, SPREAD, PROMOTE, SPREAD, RETIRE]


@pytest.mark.parametrize("steps", range(1, 5))
def test_a_run_after_one_that_died_does_what_was_left_and_begins_nothing(steps):
    progress, whole = STABLE, steps_from(STABLE, ends_old=True)
    for step in whole[:steps]:
        progress = after(step, progress)
    found = Progress(progress.has_next, progress.has_previous)  # what the dead run knew died with it
    assert BEGIN not in steps_from(found, ends_old=True)
    assert steps_from(found, ends_old=True) in (whole[steps:], [SPREAD, *whole[steps:]])


def test_an_old_key_that_others_hold_stays_until_it_is_ended():
    assert steps_from(STABLE, ends_old=False) == [BEGIN, SPREAD, PROMOTE]
    kept = Progress(has_next=False, has_previous=True)
    assert steps_from(kept, ends_old=False) == []
    assert steps_from(kept, ends_old=True) == [SPREAD, RETIRE]


@pytest.mark.parametrize("stored", [*product([True, False], repeat=3)])
def test_every_run_comes_to_an_end_and_leaves_no_key_unused(stored):
    has_next, has_previous, ends_old = stored
    progress = Progress(has_next, has_previous)
    for step in steps_from(progress, ends_old):
        progress = after(step, progress)
    assert not progress.has_next
    assert next_step(progress, ends_old) is END


def test_a_run_that_retires_makes_nothing_new():
    assert next_step(STABLE, ends_old=True, begins=False) is END


@pytest.mark.parametrize("key", [RotatedKey.LINKS, RotatedKey.PASSWORD])
def test_what_others_hold_ends_when_an_operator_says_so_and_never_in_the_run_that_replaced_it(key):
    replaced, under_way = Progress(has_next=False, has_previous=True), Progress(has_next=True, has_previous=False)
    assert [ends_old(key, replaced, retire=retire) for retire in (False, True)] == [False, True]
    assert not ends_old(key, under_way, retire=True)


@pytest.mark.parametrize("key", [RotatedKey.AUTHORITY, RotatedKey.LOGIN])
def test_what_only_hosts_check_ends_by_itself(key):
    assert ends_old(key, STABLE, retire=False)
