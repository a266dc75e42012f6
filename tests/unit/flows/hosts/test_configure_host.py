"""Configuring a host: how the run ends when it cannot be done."""

import asyncio

import pytest

from blocks.outside import standing_in
from flows.hosts.configure_host import configure_host
from tests.rigs.fakes import fake_outside
from tests.rigs.services.databases import new_store

pytestmark = pytest.mark.unit


def test_a_host_that_there_is_not_ends_the_run_in_one_sentence_that_names_it(tmp_path):
    with standing_in(fake_outside(store=new_store(tmp_path))):
        ended = asyncio.run(configure_host.fn("nope"))
    assert (ended.is_failed(), ended.message) == (True, "no host is named nope; known: none")
