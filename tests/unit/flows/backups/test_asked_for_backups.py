"""Backups of sessions that go on: on request, by their schedule, and what their programs are told before."""

import asyncio
from dataclasses import replace

import pytest

from flows.backups.backup_instance import backup_instance
from flows.steps import sessions
from flows.steps.acting import act
from pool.decisions import Decision, DecisionKind
from pool.states import EndCause
from tests.rigs.kept_work import BLUEPRINT, KEEP, WORK, counting
from tests.rigs.pool_data import place

pytestmark = pytest.mark.unit


def backed_up_with(world, *command: str):
    """The message of a backup of a running session whose blueprint has this command before it, and the backup."""
    keep = replace(KEEP, before=command, before_seconds=5)
    world.store.instances.request("alice-9", replace(BLUEPRINT, keep=keep), "alice", {}, world.clock.now())
    place(world.store, "alice-9")
    with world.process():
        asyncio.run(sessions.start_or_await(world.get("alice-9"), replace(BLUEPRINT, keep=keep)))
        world.home("alice-9").files |= WORK
        message = asyncio.run(backup_instance.fn("alice-9")).message
    return message, world.store.backups.get("alice-9.1")


def test_a_running_session_is_told_before_its_files_are_read(world):
    _, backup = backed_up_with(world, "dump", "--all")
    assert (backup.files, backup.counts, backup.reason) == (2, True, "read back")


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("fail", "but fail, the command before it, ended with exit code 3"),
        ("hang", "but hang, the command before it, was not over after 5 s"),
        ("none", "but none, the command before it, could not be run: exec: none: not found"),
    ],
)
def test_a_backup_counts_though_its_session_could_not_be_told_and_says_so(world, command, told):
    message, backup = backed_up_with(world, command, "a secret")
    assert (backup.counts, backup.reason) == (True, f"read back; {told}")
    assert message.endswith(f"; {backup.reason}")
    assert "a secret" not in message


def test_a_session_that_ends_is_stopped_and_not_told(world):
    backed_up_with(world, "dump")
    del world.home("alice-9").files["home/dump"]
    with world.process() as prefect:
        asyncio.run(sessions.end_session(world.get("alice-9"), "asked for", EndCause.REQUESTED))
    assert "tell_application" not in prefect.called


def test_a_running_session_is_backed_up_on_request_and_goes_on(world):
    with world.process():
        state = asyncio.run(backup_instance.fn("alice-1"))
    assert state.message.startswith("backup alice-1.1 counts: 1 file")
    assert world.home("alice-1").status == "running"


def asked_for(world, *ticks: int) -> list[str]:
    due = Decision(DecisionKind.BACK_UP, "alice-1", "its blueprint says so")
    with world.process() as prefect:
        for number in ticks:
            asyncio.run(act(due, number))
    return [key for _, _, key in prefect.triggered]


def scheduled(world) -> str:
    with world.process():
        return asyncio.run(backup_instance.fn("alice-1", scheduled=True)).message


def test_a_tick_asks_once_for_each_backup_that_is_due(world):
    assert [key.rpartition("-in-")[0] for key in asked_for(world, 0, 1)] == ["backup-alice-1-after-none"] * 2
    with world.process():
        asyncio.run(backup_instance.fn("alice-1"))
    assert asked_for(world, 2)[0].startswith("backup-alice-1-after-alice-1.1-1-in-")


def test_a_scheduled_backup_that_was_asked_for_twice_is_made_once(world):
    world.clock.pass_by(600)
    assert scheduled(world).startswith("backup alice-1.1 counts")
    assert scheduled(world) == "no backup of instance alice-1 is due"
    assert counting(world) == ["alice-1.1"]
