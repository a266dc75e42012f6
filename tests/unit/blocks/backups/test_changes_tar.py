"""What changed is a tar of its own, and with its base makes the home as it is now."""

import io
import tarfile

import pytest

from blocks.backups.changes_tar import FIRST, changes_tar, is_file, still_there
from blocks.backups.tar_stream import END, rewritten
from blocks.backups.work_tar import Counted, kept_tar
from pool.backups.changes import Changes
from pool.backups.states import BackupFault, BackupTrouble
from pool.records import KeptWork
from tests.rigs.homes import HomeFile, files_of, tar_of_home

pytestmark = pytest.mark.unit

KEEP = KeptWork(("/home",), (".cache",), limit_mb=1)
BEFORE = {
    "home/a": HomeFile(b"a"),
    "home/d/b": HomeFile(b"b"),
    "home/d/deep/c": HomeFile(b"c"),
    "home/dd": HomeFile(b"not below d"),
}
STAMP = b"41c0 1000 100 4096 3 2 2026-01-05 07:00:00.250 +0000 2026-01-05 07:00:00 +0000"


def read(files: dict[str, HomeFile]):
    """An engine's tars of one path."""

    def tar(path: str):
        inside = path.strip("/")
        chosen = {name: file for name, file in files.items() if f"{name}/".startswith(f"{inside}/")}
        return [tar_of_home(chosen, inside)] if chosen else None

    return tar


def members(tar: bytes) -> list[tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        return archive.getmembers()


def composed(base, changes):
    """What a base and changes make together."""
    yield from rewritten(base, still_there(changes()))
    yield from rewritten(changes(), is_file)
    yield bytes(END)


def now(changes: Changes, files: dict[str, HomeFile], keep: KeptWork = KEEP) -> bytes:
    """The whole home as a backup of changes has it."""
    base = kept_tar(read(BEFORE), keep)
    written = b"".join(changes_tar(read(files), keep, changes, Counted()))
    return b"".join(composed(base, lambda: iter([written[:700], written[700:]])))


def test_what_is_gone_is_gone_with_all_below_and_nothing_else():
    assert files_of([now(Changes(gone=(b"home/d",)), {})]) == {"home/a": BEFORE["home/a"], "home/dd": BEFORE["home/dd"]}


def test_what_was_read_anew_is_there_once_as_it_is_now():
    after = BEFORE | {"home/a": HomeFile(b"another", mode=0o600)}
    tar = now(Changes(fetched=(b"home/a",)), after)
    assert files_of([tar]) == after
    assert [one.name for one in members(tar)].count("home/a") == 1


def test_a_folder_that_was_read_anew_has_no_file_that_it_had_before():
    after = {"home/a": BEFORE["home/a"], "home/dd": BEFORE["home/dd"], "home/d/new": HomeFile(b"n")}
    assert files_of([now(Changes(fetched=(b"home/d",)), after)]) == after


def test_a_file_that_went_after_it_was_listed_is_in_none():
    assert "home/a" not in files_of([now(Changes(fetched=(b"home/a",)), {})])


def test_a_folders_new_rights_and_time_come_after_what_the_base_says_of_it():
    tar = now(Changes(folders={b"home/d": STAMP}), {})
    [folder] = [one for one in members(tar) if one.name == "home/d"]
    assert (folder.isdir(), folder.mode, folder.uid, folder.mtime) == (True, 0o700, 1000, 1767596400)
    assert files_of([tar]) == BEFORE


@pytest.mark.parametrize("year", [b"99999", b"-1", b"1905"])
def test_a_folder_that_is_dated_outside_of_the_calendar_is_kept_all_the_same(year):
    stamp = STAMP.replace(b"2026", year)
    assert [one.mtime for one in members(now(Changes(folders={b"home/d": stamp}), {})) if one.name == "home/d"] == [0]


def test_a_name_that_is_no_text_is_told_as_it_is():
    name = b"home/\xff\n".decode(errors="surrogateescape")
    tar = now(Changes(fetched=(b"home/\xff\n",)), {name: HomeFile(b"x")})
    assert files_of([tar])[name] == HomeFile(b"x")


def test_what_a_pattern_leaves_out_is_left_out_and_more_than_the_limit_is_trouble():
    after = {"home/d/.cache/x": HomeFile(b"x"), "home/d/y": HomeFile(b"y")}
    assert "home/d/.cache/x" not in files_of([now(Changes(fetched=(b"home/d",)), after)])
    with pytest.raises(BackupTrouble, match="more than 1 MB") as caught:
        now(Changes(fetched=(b"home/d",)), {"home/d/y": HomeFile(bytes(1 << 20) + b"y")})
    assert caught.value.fault is BackupFault.TOO_LARGE


def test_a_hard_link_that_came_meanwhile_is_trouble():
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        link = tarfile.TarInfo("a")
        link.type, link.linkname = tarfile.LNKTYPE, "dd"
        tar.addfile(link)
    with pytest.raises(BackupTrouble, match="home/a has got a second name"):
        b"".join(changes_tar(lambda _path: [buffer.getvalue()], KEEP, Changes(fetched=(b"home/a",)), Counted()))


@pytest.mark.parametrize("changes", [b"", b"x" * 2000, tar_of_home(BEFORE, "home")])
def test_what_does_not_begin_with_what_is_dropped_is_no_backup_of_changes(changes):
    with pytest.raises(BackupTrouble):
        b"".join(composed(kept_tar(read(BEFORE), KEEP), lambda: iter([changes])))


def test_restic_alone_gives_the_changes_with_the_names_of_what_is_dropped():
    written = b"".join(changes_tar(read(BEFORE), KEEP, Changes(gone=(b"home/x",), fetched=(b"home/a",)), Counted()))
    files = files_of([written])
    assert (files[FIRST].content, files["home/a"]) == (b"home/a\0home/x", BEFORE["home/a"])
