"""What a container notes is read back as it was written; what its session made of it is no note, and no trouble."""

import io
import tarfile
import zlib

import pytest

from blocks.backups import noting
from pool.backups.changes import Noted
from pool.backups.inventory import MOST_DEEP, UNSETTLED, Inventory
from tests.rigs.pool_data import NOW
from tests.rigs.present import present

pytestmark = pytest.mark.unit

STAMP = b"81a4 1000 100 3 77 1 2026-01-05 07:00:00 +0000 2026-01-05 07:00:00 +0000"
FILES = {b"/home": b"41ed 7", b"home/a b\n": STAMP, b"home/\xff": UNSETTLED + STAMP}
NOTED = Noted("alice-1.1", NOW, links=True, inventory=Inventory(FILES))
HEAD = b'{"backup": "alice-1.1", "read_at": "2026-01-05T08:00:00+00:00", "links": false}\n'


def given_back(content: bytes, kind: bytes = tarfile.REGTYPE):
    """As an engine gives the file."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        info = tarfile.TarInfo("files")
        info.size, info.type = len(content), kind
        tar.addfile(info, io.BytesIO(content))
    return iter([buffer.getvalue()])


def written(noted: Noted) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(noting.packed(noted))) as tar:
        return present(tar.extractfile(noting.FILE)).read()


def test_a_note_is_read_as_it_was_written():
    assert noting.unpacked(given_back(written(NOTED))) == NOTED
    empty = Noted("alice-1.1", NOW, links=False, inventory=Inventory({}))
    assert noting.unpacked(given_back(written(empty))) == empty


def test_a_note_is_for_roots_eyes():
    with tarfile.open(fileobj=io.BytesIO(noting.packed(NOTED))) as tar:
        assert [(one.name, one.mode, one.uid) for one in tar] == [(noting.FOLDER, 0o700, 0), (noting.FILE, 0o600, 0)]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        HEAD,
        HEAD + b"no zlib",
        HEAD + zlib.compress(b"home/a"),
        HEAD + zlib.compress(STAMP.replace(b"77", b"x") + b" home/a"),
        HEAD + zlib.compress(STAMP.replace(b"77", b"7" * 5000) + b" home/a"),
        HEAD + zlib.compress(STAMP.replace(b"81a4", b"-1") + b" home/a"),
        HEAD + zlib.compress(STAMP + b" home" + b"/a" * MOST_DEEP + b"/a"),
        HEAD.replace(b"+00:00", b"") + zlib.compress(b""),
        HEAD + zlib.compress(b"")[:-1],
        b"[" * 100_000 + b"\n" + zlib.compress(b""),
        HEAD.replace(b"2026-01-05", b"0001-01-01").replace(b"+00", b"+14") + zlib.compress(b""),
        HEAD.replace(b'"alice-1.1"', b'{"a": 1').replace(b'"2026', b'5, "x": "2026') + zlib.compress(b""),
        b"[]\n" + zlib.compress(b""),
        b'{"backup": "alice-1.1"}\n' + zlib.compress(b""),
    ],
)
def test_what_a_session_made_of_a_note_is_none(content):
    assert noting.unpacked(given_back(content)) is None


def test_where_there_is_none_or_something_else_in_its_place_there_is_no_note():
    assert noting.unpacked(None) is None
    assert noting.unpacked(given_back(b"", tarfile.SYMTYPE)) is None
    assert noting.unpacked(iter([b"no tar"])) is None


def test_a_note_that_is_too_long_packed_or_not_is_not_read_to_its_end(monkeypatch):
    monkeypatch.setattr(noting, "MOST_BYTES", 1000)
    assert noting.unpacked(given_back(HEAD + zlib.compress(bytes(1001)))) is None
    monkeypatch.setattr(noting, "MOST_PACKED", 1000)
    pieces = iter([bytes(600)] * 9)
    assert noting.unpacked(pieces) is None
    assert len([*pieces]) == 7
