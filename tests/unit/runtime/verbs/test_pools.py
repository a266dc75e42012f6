"""`dockerdriver pool …`, against a server that answers as Prefect's does, and real records."""

import json

import pytest

from pool.errors import BadRequest, NotFound, Refused
from runtime.verbs import configs, pools
from tests.rigs.pool_data import ask, claim
from tests.rigs.services.databases import reopened

pytestmark = pytest.mark.unit


@pytest.fixture
def store(settings):
    store = reopened(settings.pool_database_url)
    yield store
    store.close()


def listed(settings, capsys) -> dict[str, dict]:
    capsys.readouterr()
    pools.list_(settings, as_json=True)
    return {row["pool"]: row for row in json.loads(capsys.readouterr().out)}


def test_pools_are_listed_with_their_hosts_and_room_and_what_has_no_block_is_named(settings, store, capsys):
    claim(store, run="run-2", pool="old")
    rows = listed(settings, capsys)
    assert (rows["main"]["state"], rows["main"]["hosts"], rows["main"]["free"]) == ("serves", 1, 6)
    assert rows["old"]["state"] == "its block is deleted: it goes on as it was configured last"


def test_a_pool_is_made_with_the_settings_of_another_one_but_for_those_given(settings, prefect, capsys):
    prefect.kept["DD_SHUTDOWN_MODE"] = True
    pools.add(settings, "gpu", ["DD_MAX_HOSTS=2"], "main", as_json=True)
    assert json.loads(capsys.readouterr().out) == [{"setting": "DD_MAX_HOSTS", "like": 4, "here": 2}]
    made = prefect.pools["gpu"]
    assert (made["DD_HOST_LIFETIME"], made["DD_MAX_HOSTS"], made["DD_SHUTDOWN_MODE"]) == (7200, 2, False)
    configs.get(settings, "DD_MAX_HOSTS", "gpu", as_json=False)
    assert capsys.readouterr().out == "2\n"


@pytest.mark.parametrize(
    ("words", "error", "said"),
    [
        (("main", [], "main"), BadRequest, "there is a pool 'main' already: `dockerdriver config set --pool main"),
        (("new", [], "gpu"), NotFound, "no pool is named 'gpu'"),
        (("new", ["DD_MAX_HOSTS=many"], "main"), BadRequest, "DD_MAX_HOSTS: must be a whole number"),
        (("new", ["DD_MOST=1"], "main"), NotFound, "a pool has no setting 'DD_MOST'"),
    ],
)
def test_a_pool_that_cannot_be_is_refused_and_nothing_is_saved(settings, prefect, words, error, said):
    with pytest.raises(error, match=said):
        name, assignments, like = words
        pools.add(settings, name, assignments, like, as_json=False)
    assert [*prefect.pools] == ["main"]


def test_a_pool_with_hosts_shuts_down_and_one_without_is_deleted(settings, prefect, store, capsys):
    prefect.pools["gpu"] = {"DD_MAX_HOSTS": 2}
    claim(store, run="run-2", pool="gpu")
    pools.remove(settings, "gpu", yes=False, as_json=True)
    assert json.loads(capsys.readouterr().out)[0]["state"] == "shuts down"
    assert prefect.pools["gpu"]["DD_SHUTDOWN_MODE"] is True
    prefect.pools["empty"] = {}
    pools.remove(settings, "empty", yes=False, as_json=False)
    assert "removed" in capsys.readouterr().out
    assert "empty" not in prefect.pools


def test_a_pool_with_sessions_is_shut_down_only_where_that_is_said(settings, prefect, store):
    prefect.pools["gpu"] = {"DD_MAX_HOSTS": 2}
    ask(store, "ada-1", pool="gpu")
    with pytest.raises(Refused, match=r"nothing is changed: pool gpu has 1 session; .* --yes shuts it down"):
        pools.remove(settings, "gpu", yes=False, as_json=False)
    assert prefect.pools["gpu"] == {"DD_MAX_HOSTS": 2}
    pools.remove(settings, "gpu", yes=True, as_json=False)
    assert prefect.pools["gpu"]["DD_SHUTDOWN_MODE"] is True


def test_pool_main_is_not_removed_for_make_up_makes_it_anew(settings, prefect):
    with pytest.raises(Refused, match="pool main is not removed: `make up` makes it anew; DD_SHUTDOWN_MODE empties it"):
        pools.remove(settings, "main", yes=True, as_json=False)
