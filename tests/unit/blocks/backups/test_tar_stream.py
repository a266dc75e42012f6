"""A tar that goes by: each member comes as `tarfile` would read it, and what is no whole tar is trouble."""

import io
import random
import tarfile

import pytest

from blocks.backups.tar_stream import BLOCK, END, LONGEST_HEADER, PART, _header, _plainly_read, rewritten
from pool.backups.states import BackupFault, BackupTrouble
from tests.rigs.present import present

pytestmark = pytest.mark.unit

FORMATS = {"pax": tarfile.PAX_FORMAT, "GNU": tarfile.GNU_FORMAT}


def a_member(name: str, **fields) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.mtime = 1_700_000_000
    for field, value in fields.items():
        setattr(info, field, value)
    return info


MEMBERS = [
    a_member("home", type=tarfile.DIRTYPE, mode=0o700),
    a_member("home/a", size=1, uid=1_900_000_000),
    a_member("home/empty"),
    a_member("home/" + "long/" * 60 + "ü", size=3 * BLOCK),
    a_member("home/dated", size=700, mtime=1_700_000_000.25),
    a_member("home/hard", type=tarfile.LNKTYPE, linkname="home/a"),
    a_member("home/soft", type=tarfile.SYMTYPE, linkname="../" * 50),
    a_member("home/pipe", type=tarfile.FIFOTYPE),
    a_member("home/last", size=BLOCK, pax_headers={"SCHILY.xattr.user.x": "y"}),
]


def tar_of(*infos: tarfile.TarInfo, kind: int = tarfile.PAX_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=kind) as tar:
        for info in infos:
            tar.addfile(info, io.BytesIO(b"x" * info.size))
    return buffer.getvalue()


def seen(tar: bytes) -> list[tuple]:
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        fields = ("name", "type", "size", "uid", "mode", "mtime", "linkname")
        return [(*(getattr(info, name) for name in fields), content(archive, info)) for info in archive]


def content(archive: tarfile.TarFile, info: tarfile.TarInfo) -> bytes:
    return present(archive.extractfile(info)).read() if info.isreg() else b""


def passed(tar: bytes, size: int = 1 << 20, keeps=lambda info: True) -> bytes:
    chunks = (tar[at : at + size] for at in range(0, len(tar), size))
    return b"".join(rewritten(chunks, keeps)) + bytes(END)


@pytest.mark.parametrize("size", [1, BLOCK - 1, BLOCK, BLOCK + 1, 1 << 20])
@pytest.mark.parametrize("kind", FORMATS.values(), ids=FORMATS)
def test_every_member_comes_as_it_was_however_its_bytes_arrive(kind, size):
    assert seen(passed(tar_of(*MEMBERS, kind=kind), size)) == seen(tar_of(*MEMBERS, kind=kind))


def test_the_content_of_what_is_not_kept_is_passed_over():
    kept = passed(tar_of(*MEMBERS), 100, lambda info: info.name == "home/last")
    assert [(one[0], one[-1]) for one in seen(kept)] == [("home/last", b"x" * BLOCK)]


def test_what_an_extended_header_says_beside_our_fields_stays():
    with tarfile.open(fileobj=io.BytesIO(passed(tar_of(MEMBERS[-1])))) as archive:
        assert present(archive.next()).pax_headers == {"SCHILY.xattr.user.x": "y"}


def test_small_files_are_passed_on_in_few_parts():
    tar = tar_of(*(a_member(f"home/{number}", size=100) for number in range(2000)))
    parts = list(rewritten([tar], lambda info: True))
    assert len(parts) == 1 + sum(map(len, parts)) // PART


def test_all_of_the_stream_is_read_also_what_follows_its_end():
    chunks = iter([tar_of(*MEMBERS), bytes(10 * BLOCK), b"?"])
    for _part in rewritten(chunks, lambda info: True):
        pass
    assert list(chunks) == []


def test_a_file_of_zeros_that_breaks_off_is_not_taken_for_the_end():
    whole = a_member("zeros", size=8 * BLOCK).tobuf() + bytes(8 * BLOCK + END)
    assert passed(whole) == whole
    for end in (4 * BLOCK, 9 * BLOCK, 10 * BLOCK):
        with pytest.raises(BackupTrouble, match="did not come as a whole: the end is missing") as caught:
            passed(whole[:end])
        assert caught.value.fault is BackupFault.DIFFERS


def test_a_header_that_is_spoiled_is_not_taken_for_the_end():
    whole = bytearray(tar_of(*MEMBERS[:3]))
    whole[BLOCK + 5] ^= 1
    with pytest.raises(BackupTrouble, match="did not come as a whole: bad checksum"):
        passed(bytes(whole))


@pytest.mark.parametrize(
    "info",
    [
        a_member("sparse", type=tarfile.GNUTYPE_SPARSE),
        a_member("holes", pax_headers={"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}),
        a_member("holes", pax_headers={"GNU.sparse.map": "0,1", "GNU.sparse.size": "9"}),
        a_member("for all", type=tarfile.XGLTYPE),
        a_member("long", type=tarfile.XHDTYPE, size=LONGEST_HEADER + 1),
    ],
    ids=["GNU's sparse", "a list of holes", "a map of holes", "a header for all", "a header that is too long"],
)
def test_what_no_engine_writes_is_trouble(info):
    with pytest.raises(BackupTrouble, match="did not come as a whole"):
        passed(info.tobuf(tarfile.PAX_FORMAT) + bytes(END))


@pytest.mark.parametrize("number", range(40))
def test_a_header_is_written_as_tarfile_writes_it(number):
    info = a_header(random.Random(number))
    assert _header(info) == info.tobuf(tarfile.PAX_FORMAT)


@pytest.mark.parametrize("kind", FORMATS.values(), ids=FORMATS)
@pytest.mark.parametrize("number", range(40))
def test_a_header_is_read_as_tarfile_reads_it_or_left_to_it(number, kind):
    info = a_header(random.Random(number))
    block = info.tobuf(kind)[:BLOCK]
    read, by_tarfile = _plainly_read(block), tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    assert read is None or facts(read) == facts(by_tarfile)


def test_a_byte_that_is_spoiled_is_never_passed():
    whole = a_member("home/a/file", size=1234, uid=1000, gid=1000, mode=0o640).tobuf(tarfile.PAX_FORMAT)
    for at in range(BLOCK):
        block = bytearray(whole)
        block[at] ^= 1
        assert _plainly_read(bytes(block)) is None, at


def a_header(chance: random.Random) -> tarfile.TarInfo:
    info = tarfile.TarInfo(chance.choice(["a", "d/b", "n" * 99, "n" * 100, "n" * 101, "ü", "x/" * 80 + "y"]))
    info.type = chance.choice([tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
    info.linkname = chance.choice(["", "to", "l" * 101]) if info.type in (tarfile.SYMTYPE, tarfile.LNKTYPE) else ""
    info.uid, info.gid = (chance.choice([0, 1000, 2_097_151, 2_097_152, 1_983_154_496]) for _ in range(2))
    info.mode, info.mtime = chance.choice([0o644, 0o100755, 0o4711]), chance.choice([0, 5, 1_767_596_400, 1.5, -3])
    info.size = chance.choice([0, 7, (1 << 33) - 1, 1 << 33]) if info.isreg() else 0
    return info


def test_most_of_a_home_is_read_so():
    assert all(_plainly_read(a_member(name).tobuf()) for name in ("home/a", "home/notes.ipynb", ".cache/x y"))


def facts(info: tarfile.TarInfo) -> dict:
    return {name: getattr(info, name) for name in ("name", "type", "linkname", "mode", "uid", "gid", "size", "mtime")}
