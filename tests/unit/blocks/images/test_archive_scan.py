"""The folder of archives: every file is taken, refused by name, or left for later."""

import os
import time

import pytest

from blocks.images import archive as image_archive
from blocks.images.archive import read_archive, scan
from tests.rigs.engines.tiny_image import TinyImage, tar_of

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
    monkeypatch.setattr(
        image_archive, "read_archive", lambda path, shelf: read.append(path) or read_archive(path, shelf)
    )
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
