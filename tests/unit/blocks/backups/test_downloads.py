"""What waits behind a link: a socket of an unguessable name, which goes with its run."""

import os
import pwd
import stat
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from blocks.backups.downloads import LONGEST_SECONDS, SILENT_SECONDS, Downloads, socket_name

pytestmark = pytest.mark.unit

US = pwd.getpwuid(os.geteuid()).pw_name


@pytest.fixture
def folder():
    """A short path: a socket's may have 107 bytes."""
    with TemporaryDirectory(dir="/tmp") as folder:
        yield Path(folder) / "d"


def test_the_socket_is_the_gateways_alone_and_named_by_the_digest_of_the_secret(folder):
    with Downloads(folder, US).offered() as offer:
        (socket,) = folder.iterdir()
        assert socket.name == socket_name(offer.secret)
        assert (stat.filemode(socket.stat().st_mode), socket.owner()) == ("srw-------", US)
        assert folder.stat().st_mode & 0o777 == 0o711
        assert len(offer.secret) == 43
    assert list(folder.iterdir()) == []


def test_sockets_of_runs_that_died_long_ago_are_removed_and_those_of_others_stay(folder):
    folder.mkdir()
    for name, age in (("old.sock", LONGEST_SECONDS + SILENT_SECONDS + 1), ("young.sock", 60)):
        (folder / name).touch()
        os.utime(folder / name, (time.time() - age,) * 2)
    with Downloads(folder, US).offered():
        assert not (folder / "old.sock").exists()
    assert [one.name for one in folder.iterdir()] == ["young.sock"]
