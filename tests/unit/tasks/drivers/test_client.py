"""The typed client of a driver's state: values of one type, changed by one run after the other."""

import asyncio
from pathlib import Path

import pytest
from pydantic import BaseModel

import docs
from blocks.outside import standing_in
from pool.errors import BadRequest, UnreadableState, VersionConflict
from tasks.drivers.client import TRIES, DriverState
from tasks.housekeeping.retention import forget_old
from tests.rigs.fakes import fake_outside
from tests.rigs.present import present
from tests.rigs.printed_examples import blocks
from tests.rigs.services.databases import new_store

pytestmark = pytest.mark.unit


class Job(BaseModel):
    """What a driver may keep."""

    command: str
    tries: int = 0


JOBS = DriverState("BatchDriver", Job)


@pytest.fixture
def door(tmp_path):
    store = new_store(tmp_path)
    with standing_in(fake_outside(store=store)) as door:
        yield door
    store.close()


def again(job: Job | None) -> Job:
    return Job(command="fit", tries=job.tries + 1 if job else 0)


async def listed(state, prefix=""):
    return [kept.key async for kept in state.under(prefix)]


def test_a_value_comes_back_as_what_it_was_with_a_version(door):
    written = asyncio.run(JOBS.put("jobs/1", Job(command="fit")))
    assert asyncio.run(JOBS.get("jobs/1")) == written
    assert (written.value, written.version, written.expires_at) == (Job(command="fit"), 1, None)
    assert asyncio.run(JOBS.get("jobs/2")) is None


def test_of_two_that_change_one_version_the_second_is_refused(door):
    first = asyncio.run(JOBS.put("a", Job(command="fit"), version=0))
    asyncio.run(JOBS.put("a", Job(command="plot"), version=first.version))
    with pytest.raises(VersionConflict, match="key a has version 2, and version 1 was to be changed"):
        asyncio.run(JOBS.put("a", Job(command="mine"), version=first.version))
    assert present(asyncio.run(JOBS.get("a"))).value.command == "plot"


def test_changes_of_many_runs_at_once_are_all_made(door):
    async def all_at_once():
        await asyncio.gather(*(JOBS.change("a", again) for _ in range(8)))

    asyncio.run(all_at_once())
    assert present(asyncio.run(JOBS.get("a"))).value.tries == 7


def test_a_change_that_always_comes_too_late_is_given_up(door):
    tried = []

    def overtaken(job: Job | None) -> Job:
        door.store.driver_state.put("BatchDriver", "a", {"command": "other"}, door.clock.now())
        tried.append(job)
        return again(job)

    with pytest.raises(VersionConflict):
        asyncio.run(JOBS.change("a", overtaken))
    assert len(tried) == TRIES


def test_what_is_stored_in_another_form_is_told_without_its_value(door):
    asyncio.run(DriverState("BatchDriver", dict[str, str]).put("a", {"order": "hunter2"}))
    with pytest.raises(UnreadableState, match="what key a holds is not what its reader takes") as told:
        asyncio.run(JOBS.get("a"))
    assert "hunter2" not in str(told.value)


def test_records_are_gone_through_in_pages_by_their_prefix(door):
    for number in range(45):
        asyncio.run(JOBS.put(f"jobs/{number:02}", Job(command="fit")))
    asyncio.run(JOBS.put("other", Job(command="fit")))
    assert asyncio.run(listed(JOBS, "jobs/")) == [f"jobs/{number:02}" for number in range(45)]


def test_a_record_is_deleted_once_and_its_absence_is_success(door):
    asyncio.run(JOBS.put("a", Job(command="fit")))
    assert [asyncio.run(JOBS.delete("a")), asyncio.run(JOBS.delete("a"))] == [True, False]


def test_housekeeping_prunes_what_has_expired(door):
    asyncio.run(JOBS.put("short", Job(command="fit"), expires_in=60))
    asyncio.run(JOBS.put("long", Job(command="fit")))
    door.clock.pass_by(60)
    assert "1 expired record of drivers deleted" in asyncio.run(forget_old.fn())
    assert asyncio.run(listed(JOBS)) == ["long"]


def test_a_bad_key_is_one_sentence(door):
    with pytest.raises(BadRequest, match=r"key 'a\\x00b' is not 1 to 255 printable characters"):
        asyncio.run(JOBS.put("a\0b", Job(command="fit")))


def test_the_program_of_the_guide_runs_as_it_is_printed(door, capsys):
    (program,) = [one for one in blocks(Path(docs.__file__).parent / "platform.md", "python") if "DriverState" in one]
    known: dict = {}
    exec(compile(program, "platform.md", "exec"), known)  # noqa: S102 - ours, as printed
    asyncio.run(known["in_a_flow"]())
    assert capsys.readouterr().out == "jobs/17 command='fit' tries=2 3\n"
    assert asyncio.run(listed(known["jobs"])) == ["seen/host-3"]
