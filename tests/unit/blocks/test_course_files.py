"""Files of a course: as a tar of root's, for reading alone, from a folder or an archive; and what is refused."""

import io
import tarfile

import pytest

from blocks import course_files
from blocks.course_files import CourseFiles
from pool.errors import NotFound, Refused
from tests.rigs.pool_data import a_course

pytestmark = pytest.mark.unit


def members(folder, name: str = "bio101", **values) -> dict[str, tarfile.TarInfo]:
    made = b"".join(CourseFiles(folder).tar(a_course(files=name, **values)))
    with tarfile.open(fileobj=io.BytesIO(made)) as tar:
        return {info.name: info for info in tar}


def content(folder, name: str, member: str) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(b"".join(CourseFiles(folder).tar(a_course(files=name))))) as tar:
        return tar.extractfile(member).read()


def a_folder(tmp_path):
    (tmp_path / "bio101" / "data").mkdir(parents=True)
    (tmp_path / "bio101" / "data" / "cells.csv").write_text("a,b\n")
    (tmp_path / "bio101" / "run.sh").write_text("#!/bin/sh\n")
    (tmp_path / "bio101" / "run.sh").chmod(0o700)
    return tmp_path


def an_archive(tmp_path, *infos: tarfile.TarInfo):
    with tarfile.open(tmp_path / "bio101.tar.gz", "w:gz") as tar:
        for info in infos:
            tar.addfile(info, io.BytesIO(b"x" * info.size))
    return tmp_path


def member(name: str, kind: bytes = tarfile.REGTYPE, size: int = 0) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.size, info.linkname, info.uid, info.mode = kind, size, "/etc/passwd", 1000, 0o666
    return info


def test_files_belong_to_root_and_no_user_may_write_them(tmp_path):
    found = members(a_folder(tmp_path))
    assert {name: oct(info.mode) for name, info in found.items()} == {
        "course": "0o555", "course/data": "0o555", "course/data/cells.csv": "0o444", "course/run.sh": "0o555",
    }  # fmt: skip
    assert {(info.uid, info.gid) for info in found.values()} == {(0, 0)}
    assert content(tmp_path, "bio101", "course/data/cells.csv") == b"a,b\n"


def test_an_archive_is_given_like_a_folder_in_the_place_that_the_course_names(tmp_path):
    found = members(an_archive(tmp_path, member("./a.txt", size=3)), "bio101.tar.gz", files_at="/home/bio")
    assert {name: (info.mode, info.uid) for name, info in found.items() if info.isreg()} == {
        "home/bio/a.txt": (0o444, 0)
    }


@pytest.mark.parametrize(
    "odd",
    [
        member("link", tarfile.SYMTYPE), member("hard", tarfile.LNKTYPE), member("disk", tarfile.BLKTYPE),
        member("../etc/passwd"), member("/etc/passwd"),
    ],
)  # fmt: skip
def test_links_devices_and_what_leads_out_of_the_folder_are_refused(tmp_path, odd):
    with pytest.raises(Refused, match="is no plain file or folder"):
        members(an_archive(tmp_path, odd), "bio101.tar.gz")


def test_a_link_in_a_folder_is_refused(tmp_path):
    (a_folder(tmp_path) / "bio101" / "passwd").symlink_to("/etc/passwd")
    with pytest.raises(Refused, match="'passwd' in its files is no plain file"):
        members(tmp_path)


def test_files_that_are_not_there_or_cannot_be_read_are_refused_by_name(tmp_path):
    with pytest.raises(NotFound, match="course bio101: gone is not in"):
        members(tmp_path, "gone")
    (tmp_path / "bad.tar").write_text("no tar")
    with pytest.raises(Refused, match=r"bad\.tar cannot be read"):
        members(tmp_path, "bad.tar")


def test_more_than_a_session_should_be_started_with_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(course_files, "MOST_FILES", 2)
    with pytest.raises(Refused, match="its files are more than 200 MB or 2 files"):
        members(a_folder(tmp_path))
