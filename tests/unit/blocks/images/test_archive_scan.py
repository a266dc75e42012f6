"""The folder of archives: every file is taken, refused by name, or left for later."""

import os
import subprocess
import time
from threading import Event, Thread

import pytest

from blocks.images import folder as image_folder
from blocks.images.archive import read_archive
from blocks.images.folder import growing, scan, stamps
from blocks.images.growing import is_being_written
from tests.rigs.engines.tiny_image import TinyImage, tar_of
from tests.rigs.present import present
from tests.rigs.waiting import until

pytestmark = pytest.mark.unit


def test_a_scan_tells_the_good_from_the_refused(write, tmp_path):
    write(TinyImage("good:1").archive(), "good.tar")
    write(b"nonsense" * 200, "bad.tar")
    good, refused = scan(tmp_path)
    assert [archive.names for archive in good] == [("good:1",)]
    assert [name for name, _ in refused] == ["bad.tar"]
    assert refused[0][1].startswith("images/bad.tar: ")


def test_a_scan_of_a_folder_that_is_not_there_is_empty(tmp_path):
    assert scan(tmp_path / "images") == ([], [])


@pytest.mark.parametrize("name", ["a.tar.xz", "a.tar.bz2", "C.TAR", "a.tar.zstd", "a.docker", "lab", "lab:1"])
def test_a_scan_takes_an_archive_whatever_its_name_ends_with(write, tmp_path, name):
    write(TinyImage().archive(), name)
    assert [archive.path.name for archive in scan(tmp_path)[0]] == [name]


def test_a_scan_refuses_by_name_what_is_no_archive(write, tmp_path):
    write(b"PK\x03\x04" + bytes(600), "lab.zip")
    assert [name for name, _ in scan(tmp_path)[1]] == ["lab.zip"]


@pytest.mark.parametrize("name", [".foo.tar.x1", "foo.tar.part", "README.md", "foo.tar.sha256", ".foo.tar", "foo.tar~"])
def test_a_scan_leaves_what_is_no_finished_archive(write, tmp_path, name):
    write(TinyImage().archive(), name)
    assert scan(tmp_path) == ([], [])


def test_a_scan_leaves_a_file_that_is_still_being_copied(write, tmp_path):
    path = write(TinyImage().archive(), age=0)
    assert scan(tmp_path) == ([], [])
    os.utime(path, (time.time() - 3,) * 2)
    assert len(scan(tmp_path)[0]) == 1


def test_a_scan_reads_an_unchanged_file_once(write, tmp_path, monkeypatch):
    path, read = write(TinyImage().archive()), []

    def noted(path, shelf):
        read.append(path)
        return read_archive(path, shelf)

    monkeypatch.setattr(image_folder, "read_archive", noted)
    scan(tmp_path)
    scan(tmp_path)
    assert read == [path]
    write(TinyImage("changed:1").archive(), age=30)
    scan(tmp_path)
    assert read == [path, path]


def test_a_name_belongs_to_the_older_of_two_archives(write, tmp_path):
    write(TinyImage("tiny:1", [tar_of({"a": b"2"})]).archive(), "newer.tar", age=30)
    older = write(TinyImage("tiny:1").archive(), "older.tar", age=60)
    good, refused = scan(tmp_path)
    assert [archive.path for archive in good] == [older]
    assert refused == [("newer.tar", "images/newer.tar: the name tiny:1 is that of another image, in older.tar")]


def test_an_archive_that_is_replaced_keeps_its_name(write, tmp_path):
    write(TinyImage("tiny:1").archive(), age=60)
    scan(tmp_path)
    write(TinyImage("tiny:1", [tar_of({"a": b"2"})]).archive(), age=30)
    good, refused = scan(tmp_path)
    assert (len(good), refused) == (1, [])


def test_an_archive_that_is_piped_straight_into_place_is_waited_for_however_slow_the_pipe_is(write, tmp_path):
    whole = TinyImage("rocker/rstudio").archive()
    path = write(whole[: len(whole) // 2], "rocker.rstudio.img")
    with path.open("ab") as pipe:
        assert (scan(tmp_path), stamps(tmp_path)) == (([], []), {})
        assert growing(tmp_path) == ["rocker.rstudio.img"]
        pipe.write(whole[len(whole) // 2 :])
    os.utime(path, (time.time() - 60,) * 2)
    assert [archive.names for archive in scan(tmp_path)[0]] == [("rocker/rstudio",)]
    assert growing(tmp_path) == []


def test_an_archive_that_dd_writes_as_in_the_operators_pipe_is_taken_once_dd_has_ended(tmp_path):
    path, whole = tmp_path / "rocker.rstudio.img", TinyImage("rocker/rstudio").archive()
    with subprocess.Popen(["dd", f"of={path}", "status=none"], stdin=subprocess.PIPE) as dd:
        pipe = present(dd.stdin)
        pipe.write(whole[: len(whole) // 2])
        pipe.flush()
        until(path.exists, "dd has begun")
        assert (scan(tmp_path), growing(tmp_path)) == (([], []), [path.name])
        pipe.write(whole[len(whole) // 2 :])
    os.utime(path, (time.time() - 60,) * 2)
    assert [archive.names for archive in scan(tmp_path)[0]] == [("rocker/rstudio",)]


def test_a_pipe_that_broke_leaves_an_archive_that_is_refused_by_name(write, tmp_path):
    write(TinyImage("rocker/rstudio").archive()[:1500], "rocker.rstudio.img")
    assert [name for name, _ in scan(tmp_path)[1]] == ["rocker.rstudio.img"]


def test_a_process_that_begins_to_write_just_then_does_not_kill_the_one_that_asks(tmp_path):
    path = tmp_path / "lab.img"
    path.touch()
    done = Event()

    def write_again_and_again() -> None:
        while not done.is_set():
            with path.open("ab"):
                pass

    writer = Thread(target=write_again_and_again)
    writer.start()
    answers = {is_being_written(path) for _ in range(300)}
    done.set()
    writer.join()
    assert answers <= {True, False}
    assert not is_being_written(path)


def test_an_archive_that_is_only_read_is_taken(write, tmp_path):
    with write(TinyImage("good:1").archive()).open("rb"):
        assert len(scan(tmp_path)[0]) == 1


def test_no_process_writes_a_file_that_is_gone(tmp_path):
    assert not is_being_written(tmp_path / "gone.img")
