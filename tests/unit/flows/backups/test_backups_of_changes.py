"""Of a session that changed little, what changed is backed up; what counts is the whole home, whatever dies."""

import asyncio
from dataclasses import replace

import pytest

from blocks.backups import noting
from flows.backups.backup_instance import backup_instance
from flows.backups.download_backup import download_backup
from flows.backups.forget_backups import forget_old_backups
from flows.backups.list_files import list_files
from flows.steps import sessions
from pool.backups.backup import Backup
from pool.backups.states import BackupFault, BackupState, BackupTrouble
from pool.errors import EngineTrouble
from pool.sessions.containers import own_uid
from pool.states import EndCause
from pool.store.backups import BackupStore
from tests.rigs.fakes import FakeRepository
from tests.rigs.homes import HomeEngine, HomeFile, files_of
from tests.rigs.kept_work import BLUEPRINT, counting, die_at, dying
from tests.rigs.pool_data import place
from tests.rigs.present import present

pytestmark = [pytest.mark.unit, pytest.mark.thorough]

LARGE = HomeFile(bytes(1 << 12))
OTHER = HomeFile(b"a new chapter")


@pytest.fixture(autouse=True)
def _all_are_worth_it(monkeypatch, world):
    monkeypatch.setattr("pool.backups.changes.WORTH", 0)
    monkeypatch.setattr("pool.backups.changes.REQUEST", 0)
    monkeypatch.setattr("pool.backups.changes.MOST_SHARE", 2)
    world.home("alice-1").files["home/large"] = LARGE


def backed_up(world, name: str = "alice-1") -> Backup:
    with world.process():
        asyncio.run(backup_instance.fn(name))
    return world.store.backups.of_instance(name)[0]


def came_back(world, name: str = "alice-2") -> dict[str, bytes]:
    """What the user's next session began with."""
    world.end()
    world.start(name)
    files = world.home(name).started_with
    return {path: file.content for path, file in files.items() if path.startswith("home/")}


def contents(world, name: str = "alice-1") -> dict[str, bytes]:
    return {path: file.content for path, file in world.home(name).files.items() if path.startswith("home/")}


def test_where_nothing_changed_nothing_is_written_and_the_record_says_so(world):
    first = backed_up(world)
    second = backed_up(world)
    assert (second.reason, second.base, second.snapshot) == (
        "nothing changed since alice-1.1",
        "alice-1.1",
        first.snapshot,
    )
    assert (len(world.backups.streams), second.size, second.counts) == (1, first.size, True)
    assert came_back(world) == {"home/thesis": b"years of work", "home/large": LARGE.content}


def test_where_little_changed_that_is_written_and_all_comes_back(world):
    backed_up(world)
    world.home("alice-1").files["home/other"] = OTHER
    del world.home("alice-1").files["home/thesis"]
    second = backed_up(world)
    assert second.reason == "what changed since alice-1.1 was read back"
    assert len(world.backups.streams[second.snapshot]) < len(LARGE.content)
    assert came_back(world) == {"home/large": LARGE.content, "home/other": OTHER.content}


def test_an_end_after_a_backup_writes_what_changed_since(world):
    backed_up(world)
    world.home("alice-1").files["home/other"] = OTHER
    before = contents(world)
    assert came_back(world) == before
    assert world.store.backups.get("alice-1.2").base == "alice-1.1"


def test_a_session_that_changed_nothing_of_what_came_back_ends_without_writing(world):
    world.end()
    world.start("alice-2")
    world.end("alice-2")
    last = world.store.backups.get("alice-2.1")
    assert (last.reason, len(world.backups.streams)) == ("nothing changed since alice-1.1", 1)
    world.start("alice-3")
    assert contents(world, "alice-3") == {"home/thesis": b"years of work", "home/large": LARGE.content}
    assert world.home("alice-3").files["home/thesis"].uid == own_uid("alice-3")


def test_a_day_after_all_was_read_all_is_read_again(world):
    backed_up(world)
    world.clock.pass_by(86400)
    assert (backed_up(world).base, len(world.backups.streams)) == ("", 2)
    assert backed_up(world).base == "alice-1.2"


def test_where_much_changed_all_is_read(world):
    backed_up(world)
    world.home("alice-1").files["home/large"] = HomeFile(b"x" * (1 << 12))
    assert (backed_up(world).base, contents(world)) == ("", came_back(world))


def test_a_backup_of_which_new_parts_alone_were_read_back_is_not_noted(world, monkeypatch):
    monkeypatch.setattr("pool.backups.reading_back.SMALL", 0)
    backed_up(world)
    world.home("alice-1").files["home/large"] = HomeFile(b"x" * (1 << 12))
    assert backed_up(world).reason.startswith("its new parts were read back")
    assert present(noting.unpacked(world.engine.read_files("dd-alice-1", noting.PATH))).backup == "alice-1.1"


def test_where_something_else_is_kept_by_now_all_is_read(world):
    world.end()
    other = replace(BLUEPRINT, keep=replace(BLUEPRINT.keep, without=("*.tmp",)))
    world.store.instances.request("alice-2", other, "alice", {}, world.clock.now())
    place(world.store, "alice-2")
    with world.process():
        asyncio.run(sessions.start_or_await(world.get("alice-2"), other))
    world.end("alice-2")
    assert world.store.backups.get("alice-2.1").base == ""


@pytest.mark.parametrize("trouble", [EngineTrouble("the engine does not list"), UnicodeError("a fault of ours")])
@pytest.mark.parametrize("where", ["list_files", "read_files"])
def test_where_what_changed_is_not_found_out_all_is_read(world, monkeypatch, where, trouble):
    backed_up(world)
    whole = getattr(HomeEngine, where)

    def fails(self, container, what):
        if what == "/home":
            return whole(self, container, what)
        raise trouble

    with monkeypatch.context() as patch:
        patch.setattr(HomeEngine, where, fails)
        assert (backed_up(world).base, counting(world)) == ("", ["alice-1.2", "alice-1.1"])


@pytest.mark.parametrize("trouble", [BackupTrouble("the store is full"), UnicodeError("a fault of ours")])
def test_where_what_changed_cannot_be_written_all_is(world, trouble):
    backed_up(world)
    world.home("alice-1").files["home/other"] = OTHER
    world.backups.troubles.append(trouble)
    second = backed_up(world)
    assert (second.base, second.reason) == ("", "read back")


def test_where_the_repository_is_another_one_by_now_all_is_read(world):
    backed_up(world)
    world.backups = FakeRepository()
    assert (backed_up(world).base, len(world.backups.streams)) == ("", 1)


def test_what_changed_counts_when_it_was_read_back(world, monkeypatch):
    backed_up(world)
    world.home("alice-1").files["home/other"] = OTHER
    whole = FakeRepository.write

    def writes_half(self, name, stream):
        written = whole(self, name, stream)
        self.streams[written.snapshot] = self.streams[written.snapshot][:-1]
        return written

    monkeypatch.setattr(FakeRepository, "write", writes_half)
    failed = backed_up(world)
    assert (failed.state, failed.fault, counting(world)) == (BackupState.FAILED, BackupFault.DIFFERS, ["alice-1.1"])


def test_a_backup_that_is_not_what_was_written_is_not_noted_though_its_files_were_listed_meanwhile(world, monkeypatch):
    whole = FakeRepository.read
    with monkeypatch.context() as patch:
        patch.setattr(FakeRepository, "read", lambda self, snapshot: [next(whole(self, snapshot))[:-1]])
        assert backed_up(world).fault is BackupFault.DIFFERS
    assert world.engine.read_files("dd-alice-1", noting.PATH) is None
    assert backed_up(world).reason == "read back"


def test_where_the_files_are_not_listed_meanwhile_the_backup_counts(world, monkeypatch):
    def fails(self, container, keep):
        raise EngineTrouble("the engine does not list")

    monkeypatch.setattr(HomeEngine, "list_files", fails)
    assert backed_up(world).counts
    assert world.engine.read_files("dd-alice-1", noting.PATH) is None


def test_a_note_that_names_another_users_backup_is_believed_nothing(world):
    world.start("bob-1", "bob")
    world.home("bob-1").files["home/large"] = LARGE
    backed_up(world)
    backed_up(world, "bob-1")
    world.home("bob-1").files |= world.home("alice-1").files
    assert backed_up(world, "bob-1").base == ""
    assert backed_up(world, "bob-1").base == "bob-1.2"


def test_what_another_backup_stands_on_stays_when_it_is_forgotten(world):
    backed_up(world)
    world.home("alice-1").files["home/other"] = OTHER
    backed_up(world)
    with world.process():
        world.store.backups.move("alice-1.1", BackupState.FORGOTTEN, world.clock.now())
    world.clock.pass_by(100 * 86400)
    with world.process():
        asyncio.run(forget_old_backups.fn())
    assert world.store.backups.get("alice-1.1").state is BackupState.FORGOTTEN
    assert contents(world) == came_back(world)


def test_the_files_of_a_backup_of_changes_are_listed_as_a_whole(world):
    backed_up(world)
    world.home("alice-1").files["home/other"] = OTHER
    backed_up(world)
    with world.process():
        assert asyncio.run(list_files.fn("alice-1.2")).message == "backup alice-1.2 holds 3 files"


def test_a_download_of_a_backup_of_changes_is_the_whole_home_with_its_size(world):
    backed_up(world)
    world.home("alice-1").files["home/other"] = OTHER
    backed_up(world)
    with world.process():
        said = asyncio.run(download_backup.fn("alice-1.2")).message
    assert said == f"backup alice-1.2 was downloaded: {len(world.downloads.given)} bytes"
    assert {path: file.content for path, file in files_of([world.downloads.given]).items()} == contents(world)


#: What is written outside on the way of an end that writes what changed, and at which call of it the process dies.
POINTS = [
    (BackupStore, "begin", 1),
    (BackupStore, "stand_on", 1),
    (HomeEngine, "list_files", 1),
    (FakeRepository, "write", 1),
    (BackupStore, "move", 1),
    (BackupStore, "move", 2),
    (HomeEngine, "remove", 1),
]


@pytest.mark.parametrize("changed", [False, True], ids=["nothing changed", "little changed"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("point", POINTS, ids=lambda found: f"{found[0].__name__}.{found[1]}-{found[2]}")
def test_an_end_that_dies_at_any_write_is_gone_on_with_and_all_comes_back(world, monkeypatch, point, after, changed):
    backed_up(world)
    if changed:
        world.home("alice-1").files["home/other"] = OTHER
    before = contents(world)
    where, name, number = point
    die_at(world, monkeypatch, where, name, number, after)
    with world.process(), dying():
        asyncio.run(sessions.end_session(world.get(), "asked for", EndCause.REQUESTED))
        assert (point[1], changed) == ("write", False)  # where nothing is written it does not die there
    assert came_back(world) == before
    assert [one.id for one in world.store.backups.all()] == counting(world) == ["alice-1.2", "alice-1.1"]
