"""The first configuration of a pool takes what the operator has in the environment or in dockerdriver.env."""

import pytest

from blocks.stored.pool_config import PoolConfig
from pool.errors import BadRequest
from runtime.stack.initial_config import first_openstack, first_pool, said

pytestmark = pytest.mark.unit


@pytest.fixture(autouse=True)
def _no_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_without_a_word_the_defaults_stand():
    pool = first_pool("local")
    assert (pool.DD_MAX_HOSTS, pool.DD_HOST_DATA_VOLUME_FACTOR, pool.cloud) == (4, 4, "local-cloud/main")


def test_what_the_environment_says_becomes_the_pool_s(monkeypatch):
    monkeypatch.setenv("DD_HOST_DATA_VOLUME_FACTOR", "0")
    monkeypatch.setenv("DD_SHUTDOWN_MODE", "true")
    monkeypatch.setenv("PLUGIN_WHITELIST", "DockerDriver, Another")
    pool = first_pool("openstack")
    assert (pool.DD_HOST_DATA_VOLUME_FACTOR, pool.DD_SHUTDOWN_MODE) == (0, True)
    assert pool.PLUGIN_WHITELIST == ["DockerDriver", "Another"]


def test_the_environment_counts_before_the_file(tmp_path, monkeypatch):
    (tmp_path / "dockerdriver.env").write_text("DD_HOST_NETWORK=from-file\nDD_HOST_EXTRA_SGS=monitoring,backup\n")
    monkeypatch.setenv("DD_HOST_NETWORK", "from-shell")
    cloud = first_openstack()
    assert (cloud.DD_HOST_NETWORK, cloud.DD_HOST_EXTRA_SGS) == ("from-shell", ["monitoring", "backup"])


def test_what_cannot_be_is_refused_by_name(monkeypatch):
    monkeypatch.setenv("DD_MAX_HOSTS", "many")
    with pytest.raises(BadRequest, match="DD_MAX_HOSTS cannot be 'many'"):
        first_pool("local")


def test_lines_of_a_timetable_that_have_commas_stand_between_semicolons(monkeypatch):
    monkeypatch.setenv("DD_TIMETABLE", "Mon,Wed 08:45-12:00: 60; Sat 10:00-12:00: 5")
    assert first_pool("local").DD_TIMETABLE == ["Mon,Wed 08:45-12:00: 60", "Sat 10:00-12:00: 5"]


def test_a_line_of_a_timetable_may_have_commas_of_its_own(monkeypatch):
    monkeypatch.setenv("DD_TIMETABLE", "Mon,Wed 08:45-12:00: 60, Sat 10:00-12:00: 5")
    assert first_pool("local").DD_TIMETABLE == ["Mon,Wed 08:45-12:00: 60", "Sat 10:00-12:00: 5"]


def test_every_list_may_be_given_as_text(monkeypatch):
    pool = first_pool("local")
    lists = [
        name
        for name in said(PoolConfig, dict.fromkeys(PoolConfig.model_fields, ""))
        if isinstance(getattr(pool, name), list)
    ]
    assert {"DD_IMAGES", "DD_BLOCKED_NETWORKS", "DD_TIMETABLE", "PLUGIN_WHITELIST"} <= set(lists)
    for name in lists:
        monkeypatch.setenv(name, "")
    assert [getattr(first_pool("local"), name) for name in lists] == [[]] * len(lists)


def test_times_and_sizes_may_say_their_units(monkeypatch):
    monkeypatch.setenv("DD_HOST_LIFETIME", "4h")
    monkeypatch.setenv("DD_HOST_SWAP_MB", "2G")
    pool = first_pool("local")
    assert (pool.DD_HOST_LIFETIME, pool.DD_HOST_SWAP_MB) == (14400, 2048)


def test_a_timetable_that_makes_no_sense_is_refused_before_it_is_saved(monkeypatch):
    monkeypatch.setenv("DD_TIMETABLE", "Mon,Wed 25:00-12:00: 60")
    with pytest.raises(BadRequest, match="DD_TIMETABLE: 'Mon,Wed 25:00"):
        first_pool("local")
