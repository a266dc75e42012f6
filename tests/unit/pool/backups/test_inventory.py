"""A list of a session's files is read whole or not at all, whatever the files are called."""

from datetime import UTC, datetime, timedelta

import pytest

from pool.backups.inventory import MAPPED, RECENT, UNSETTLED, inside, read_inventory, settled
from pool.records import KeptWork
from tests.rigs.present import present

pytestmark = pytest.mark.unit

MARK = b"5f1c"
KEEP = KeptWork(("/home/jovyan",))
BEGUN = datetime(2026, 1, 5, 8, 0, 0, tzinfo=UTC)
EARLY, LATE = b"2026-01-05 07:59:00.5 +0000", b"2026-01-05 08:00:03.25 +0000"


def stamp(status: bytes = EARLY, kind: bytes = b"81a4") -> bytes:
    return b"%b 1000 100 3 77 1 %b %b" % (kind, EARLY, status)


def said(*names: bytes, end: bytes = b"5f1c end\n", status: bytes = EARLY) -> bytes:
    lines = [b"%b f %b ./%b\n" % (MARK, stamp(status), name) for name in names]
    return b"5f1c at 2026-01-05 08:00:00\n5f1c a 41ed 0 0 4096 7 2 - - - - - - ./home\n" + b"".join(lines) + end


def test_files_are_listed_by_their_paths_with_the_folders_above_and_the_moment():
    inventory, begun = present(read_inventory(said(b"home/jovyan/a b"), MARK, KEEP))
    assert inventory.files == {b"/home": b"41ed 7", b"home/jovyan/a b": stamp()}
    assert begun == BEGUN


@pytest.mark.parametrize("name", [b"line\nbreak", b"\xff not text", b" ", b"5f1c end", b"x\n5f1 f", b"tail\n"])
def test_any_name_is_a_name(name):
    inventory, _ = present(read_inventory(said(b"home/jovyan/" + name, b"home/jovyan/z"), MARK, KEEP))
    assert [*inventory.files][1:] == [b"home/jovyan/" + name, b"home/jovyan/z"]


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"5f1c end\n",
        said(b"home/jovyan/a", end=b""),
        said(b"home/jovyan/a", end=b"5f1c f 81a4 1000"),
        said(b"home/jovyan/a")[5:],
        said(b"home/jovyan/a").replace(b" 77 ", b" "),
        said(b"home/jovyan/" + b"a/" * 99),
    ],
    ids=["nothing", "no begin", "no end", "cut", "no mark", "a field less", "too deep"],
)
def test_what_did_not_come_to_its_end_or_is_no_list_is_none(text):
    assert read_inventory(text, MARK, KEEP) is None


def test_what_is_left_out_is_not_listed():
    keep = KeptWork(KEEP.paths, (".cache",))
    names = (b"home/jovyan/.cache", b"home/jovyan/.cache/x", b"home/jovyan/a")
    inventory, _ = present(read_inventory(said(*names), MARK, keep))
    assert [*inventory.files] == [b"/home", b"home/jovyan/a"]


@pytest.mark.parametrize(("kind", "before"), [(b"41ed", RECENT), (b"81a4", MAPPED)])
def test_what_changed_while_it_was_read_or_shortly_before_is_taken_for_changed(kind, before):
    inventory, _ = present(read_inventory(said(b"home/jovyan/a", status=LATE).replace(b"81a4", kind), MARK, KEEP))
    since = datetime(2026, 1, 5, 8, 0, 3, tzinfo=UTC) + before
    assert settled(inventory, since).files[b"home/jovyan/a"] == UNSETTLED + stamp(LATE, kind)
    assert settled(inventory, since + timedelta(seconds=1)) == inventory


@pytest.mark.parametrize(("name", "path"), [(b"home/jovyan/a/b", "a/b"), (b"home/jovyan", ""), (b"home/jo", "")])
def test_a_path_is_told_below_the_kept_one(name, path):
    assert inside(name, KEEP.paths) == path
