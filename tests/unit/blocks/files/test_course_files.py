"""Files of a course: as a tar of root's, for reading alone, from a folder or an archive; and what is refused."""

import gzip
import io
import os
import subprocess
import tarfile
from contextlib import suppress

import pytest

from blocks.files import course_files
from blocks.files.course_files import CourseFiles
from pool.errors import NotFound, Refused
from tests.rigs.pool_data import a_course
from tests.rigs.present import present

pytestmark = pytest.mark.unit


def members(folder, name: str = "bio101", **values) -> dict[str, tarfile.TarInfo]:
    made = b"".join(CourseFiles(folder).tar(a_course(files=name, **values)))
    with tarfile.open(fileobj=io.BytesIO(made)) as tar:
        return {info.name: info for info in tar}


def content(folder, name: str, member: str) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(b"".join(CourseFiles(folder).tar(a_course(files=name))))) as tar:
        return present(tar.extractfile(member)).read()


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


def test_an_archive_whose_name_or_records_would_fill_the_memory_is_refused_unread(tmp_path):
    for kind in (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME):
        with tarfile.open(tmp_path / "bio101.tar.gz", "w:gz") as tar:
            tar.addfile(member("long", kind, 1 << 20), io.BytesIO(bytes(1 << 20)))
        with pytest.raises(Refused, match="absurd size"):
            members(tmp_path, "bio101.tar.gz")


def test_a_size_below_nothing_by_pax_records_is_refused(tmp_path):
    records = b"14 size=-1536\n"
    (tmp_path / "bio101.tar").write_bytes(
        member("a.txt").tobuf(tarfile.USTAR_FORMAT)
        + member("records", tarfile.XHDTYPE, len(records)).tobuf(tarfile.USTAR_FORMAT)
        + records.ljust(512, b"\0")
        + member("b.txt").tobuf(tarfile.USTAR_FORMAT)
        + bytes(1024)
    )
    with pytest.raises(Refused, match="absurd size"):
        members(tmp_path, "bio101.tar")


def test_an_archive_that_breaks_off_in_a_file_is_refused_by_name(tmp_path):
    an_archive(tmp_path, member("a.txt", size=100_000))
    (tmp_path / "bio101.tar").write_bytes(gzip.decompress((tmp_path / "bio101.tar.gz").read_bytes())[:50_000])
    with pytest.raises(Refused, match=r"bio101\.tar cannot be read: unexpected end of data"):
        members(tmp_path, "bio101.tar")


def test_a_sparse_file_of_an_archive_is_given_as_a_plain_one(tmp_path):
    with (tmp_path / "holes").open("wb") as file:
        file.truncate(1 << 20)
        file.seek((1 << 20) - 4)
        file.write(b"end\n")
    subprocess.run(["tar", "--sparse", "--format=gnu", "-cf", "bio101.tar", "holes"], cwd=tmp_path, check=True)
    assert members(tmp_path, "bio101.tar")["course/holes"].type == tarfile.REGTYPE
    assert content(tmp_path, "bio101.tar", "course/holes") == bytes((1 << 20) - 4) + b"end\n"


def test_a_link_that_is_laid_while_a_folder_is_read_is_not_followed(tmp_path, monkeypatch):
    file, secret, look = a_folder(tmp_path) / "bio101" / "run.sh", tmp_path / "password", os.lstat
    secret.write_text("secret")

    def exchange_afterwards(path, **more):
        found = look(path, **more)
        if path == "run.sh":
            file.unlink()
            file.symlink_to(secret)
        return found

    monkeypatch.setattr(os, "lstat", exchange_afterwards)
    with pytest.raises(Refused, match=r"bio101 cannot be read: .*symbolic links"):
        members(tmp_path)


def test_a_folder_that_becomes_a_link_while_it_is_read_is_not_entered(tmp_path, monkeypatch):
    folder, elsewhere, look = a_folder(tmp_path) / "bio101" / "data", tmp_path / "keys", os.lstat
    elsewhere.mkdir()
    (elsewhere / "ca.pem").write_text("secret")

    def exchange_afterwards(path, **more):
        found = look(path, **more)
        if path == "data":
            folder.rename(tmp_path / "away")
            folder.symlink_to(elsewhere)
        return found

    monkeypatch.setattr(os, "lstat", exchange_afterwards)
    with suppress(Refused):
        assert not [name for name in members(tmp_path) if "ca.pem" in name]
