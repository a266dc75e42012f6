"""The tar of what is kept: names, patterns, limits, owners; and that half of one is never taken for a whole."""

import io
import tarfile
import tracemalloc
from datetime import UTC, datetime

import pytest

from blocks.backups.tar_stream import END, rewritten
from blocks.backups.work_tar import LAST_SECOND, Counted, beside, for_owner, kept_tar, listed
from pool.backups.states import BackupFault, BackupTrouble
from pool.records import KeptWork
from tests.rigs.homes import HomeFile, files_of, tar_of_home

pytestmark = [pytest.mark.unit, pytest.mark.thorough]

OWN = 1_900_000_000  # a uid that needs a header of its own
HOME = {"home/jovyan/a.txt": HomeFile(b"a", OWN, 100, 0o600), "home/jovyan/.cache/x": HomeFile(b"x" * 2000)}
KEEP = KeptWork(("/home/jovyan",))


def read(files=HOME, end=None):
    return lambda path: iter([tar_of_home(files, path.strip("/"))[:end]])


def members(*infos: tarfile.TarInfo):
    """An engine's tar of these members, without content."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for info in infos:
            tar.addfile(info, io.BytesIO(b"\0" * info.size))
    return lambda _path: [buffer.getvalue()]


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def given_to(tar, old: int, new: int | None):
    return [*rewritten(tar, for_owner(old, new)), bytes(END)]


def names(tar) -> list[tuple[str, str]]:
    with tarfile.open(fileobj=io.BytesIO(b"".join(tar))) as archive:
        return [(info.name, info.linkname) for info in archive]


def test_files_keep_content_owner_and_mode_and_are_named_from_the_root():
    assert files_of(kept_tar(read(), KEEP)) == HOME


def test_what_a_pattern_names_is_left_out():
    assert [*files_of(kept_tar(read(), KeptWork(KEEP.paths, (".cache",))))] == ["home/jovyan/a.txt"]


def test_the_same_files_make_the_same_bytes():
    assert b"".join(kept_tar(read(), KEEP)) == b"".join(kept_tar(read(), KEEP))


def test_several_paths_make_one_tar():
    files = {"home/a": HomeFile(b"1"), "srv/b": HomeFile(b"2")}
    only = {"/home": {"home/a": files["home/a"]}, "/srv": {"srv/b": files["srv/b"]}}
    tar = kept_tar(lambda path: [tar_of_home(only[path], path.strip("/"))], KeptWork(("/home", "/srv")))
    assert files_of(tar) == files


def test_a_path_that_is_not_there_is_passed_over_and_all_of_them_are_trouble():
    some = KeptWork(("/nowhere", "/home/jovyan"))
    assert files_of(kept_tar(lambda path: None if path == "/nowhere" else read()(path), some)) == HOME
    with pytest.raises(BackupTrouble, match="none of the paths that are kept is there: /home/jovyan") as caught:
        b"".join(kept_tar(lambda path: None, KEEP))
    assert caught.value.fault is BackupFault.NOTHING_THERE


def test_more_than_the_limit_is_not_written_to_its_end():
    files = {f"home/jovyan/{n}": HomeFile(bytes(600_000)) for n in range(2)}
    with pytest.raises(BackupTrouble, match="more than 1 MB to keep") as caught:
        b"".join(kept_tar(read(files), KeptWork(KEEP.paths, limit_mb=1)))
    assert caught.value.fault is BackupFault.TOO_LARGE


@pytest.mark.parametrize("end", [600, 2560, 4608])
def test_an_answer_that_broke_off_is_no_tar(end):
    with pytest.raises(BackupTrouble, match="did not come as a whole"):
        b"".join(kept_tar(read(end=end), KEEP))


def test_hard_links_follow_their_file_and_symbolic_ones_stay_as_they_are():
    tar = members(
        member("jovyan/a"), member("jovyan/b", tarfile.LNKTYPE, "jovyan/a"), member("jovyan/c", tarfile.SYMTYPE, "a")
    )
    assert names(kept_tar(tar, KEEP))[1:] == [("home/jovyan/b", "home/jovyan/a"), ("home/jovyan/c", "a")]


def test_a_hard_link_to_what_is_left_out_and_a_device_are_left_out():
    tar = members(
        member("jovyan/a.tmp"), member("jovyan/b", tarfile.LNKTYPE, "jovyan/a.tmp"), member("jovyan/c", tarfile.CHRTYPE)
    )
    assert names(kept_tar(tar, KeptWork(KEEP.paths, ("*.tmp",)))) == []


def flood(inside: str):
    """A tar of 1,000 names, each as long as a path may be: 4 MB of them."""
    for number in range(1_000):
        name = "/".join([inside, *["x" * 200] * 19, str(number)])
        yield member(name).tobuf(tarfile.PAX_FORMAT)
    yield bytes(END)


@pytest.mark.parametrize(
    "read_through",
    [
        lambda: kept_tar(lambda _path: flood("jovyan/.cache"), KeptWork(KEEP.paths, (".cache",))),
        lambda: beside(flood("home/jovyan"), "/home/jovyan", "restored", "", OWN, OWN, Counted()),
        lambda: listed(flood("home/jovyan"), "", 10)[0],
    ],
    ids=["kept", "restored", "listed"],
)
def test_names_by_the_thousand_take_no_memory_to_speak_of(read_through):
    tracemalloc.start()
    for _part in read_through():
        pass
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 1_500_000


def test_of_a_list_of_files_the_first_are_told_and_how_many_there_are():
    old = member("home/jovyan/old")
    old.mtime = LAST_SECOND * 2  # as `touch` dates a file that is to break what lists it
    tar = members(old, member("home/jovyan/b"), member("home/other"))("")
    files, count = listed(tar, "/home/jovyan", 1)
    assert ([one.path for one in files], count) == (["/home/jovyan/old"], 2)
    assert files[0].changed_at == datetime.fromtimestamp(LAST_SECOND, UTC)


def test_long_names_and_names_of_any_letters_come_back():
    files = {f"home/jovyan/{'long' * 60}/ü{'x' * 120}": HomeFile(b"1"), "home/jovyan/\udcfc": HomeFile(b"2")}
    assert files_of(given_to(kept_tar(read(files), KEEP), 1, 2)) == files


def test_files_of_the_old_sessions_own_uid_get_the_new_ones_and_no_others():
    given = files_of(given_to(kept_tar(read(), KEEP), OWN, OWN + 1))
    assert [file.uid for file in given.values()] == [1000, OWN + 1]
    assert files_of(given_to(kept_tar(read(), KEEP), OWN, None)) == HOME


def test_what_went_by_is_counted():
    counted = Counted()
    b"".join(kept_tar(read(), KEEP, counted))
    assert (counted.files, counted.size) == (2, 2001)
