"""The world that all tests of backups live in: a real store, an engine and a repository in memory."""

import pytest

from tests.rigs.kept_work import kept_world


@pytest.fixture
def world():
    with kept_world() as world:
        yield world
