"""Archives for these tests: written as an operator's finished file, or refused by name."""

import os
import time

import pytest

from blocks.images.archive import read_archive
from pool.errors import BrokenArchive


@pytest.fixture
def write(tmp_path):
    def write(data: bytes, name: str = "foo.tar", age: float = 60):
        path = tmp_path / name
        path.write_bytes(data)
        os.utime(path, (time.time() - age,) * 2)
        return path

    return write


@pytest.fixture
def refused(write):
    def refused(data: bytes) -> str:
        with pytest.raises(BrokenArchive) as error:
            read_archive(write(data))
        assert str(error.value).startswith("images/foo.tar: ")
        assert "\n" not in str(error.value)
        return str(error.value)

    return refused
