"""Tests of the database itself, which may break it, have one of their own."""

import pytest

from pool.store.engine import open_engine
from tests.rigs.services.databases import store_of


@pytest.fixture
def store(store_url):
    store = store_of(open_engine(store_url))
    yield store
    store.close()
