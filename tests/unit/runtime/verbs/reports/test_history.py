"""`why` and `sessions` without a stack: what became of a user's session, in one command."""

import json

import pytest

from blocks.settings import ProcessSettings
from pool.errors import BadRequest, NotFound
from pool.states import EndCause, InstanceState
from runtime.verbs.reports.history import show_history, show_sessions
from tests.rigs.pool_data import a_blueprint, claim_active, later, place
from tests.rigs.services.databases import new_store, reopened

pytestmark = pytest.mark.unit


@pytest.fixture
def settings(tmp_path):
    """An installation that does not run: ada's first session failed, her second one waits; grace's is over."""
    settings = ProcessSettings(data=tmp_path, database="sqlite", prefect_port=9, _env_file=None)
    store = new_store(settings.data)
    claim_active(store)
    for number, (name, user) in enumerate({"ada-1": "ada", "grace-1": "grace", "ada-2": "ada"}.items()):
        store.instances.request(name, a_blueprint(), user, {}, later(number))
    place(store, "ada-1")
    store.instances.move("ada-1", InstanceState.FAILED, later(60), "it needed too much", cause=EndCause.OUT_OF_MEMORY)
    store.instances.move("grace-1", InstanceState.FAILED, later(61), "no room")
    store.close()
    return settings


def listed(capsys, settings, **wanted) -> list[str]:
    show_sessions(settings, as_json=True, **wanted)
    return [row["session"] for row in json.loads(capsys.readouterr().out)]


def test_why_did_adas_notebook_die_is_one_command(settings, capsys):
    show_history(settings, "user", "ada")
    told = capsys.readouterr().out
    assert "ada-1: failed on main-01" in told
    assert "it needed too much" in told
    assert "grace-1" not in told


def test_a_user_without_sessions_is_not_found(settings):
    with pytest.raises(NotFound, match="no user was ever named 'adamant-marmot'"):
        show_history(settings, "user", "adamant-marmot")


def test_sessions_living_and_over_are_listed_the_newest_first(settings, capsys):
    assert listed(capsys, settings) == ["ada-2", "grace-1", "ada-1"]
    assert listed(capsys, settings, user="ada") == ["ada-2", "ada-1"]
    assert listed(capsys, settings, user="ada", failed=True) == ["ada-1"]


def test_what_was_over_before_a_moment_is_left_out(settings, capsys):
    since = later(61).isoformat()
    assert listed(capsys, settings, since=since) == ["ada-2", "grace-1"]
    with pytest.raises(BadRequest, match="'last tuesday' is no moment: write yesterday"):
        show_sessions(settings, since="last tuesday")


def test_no_session_that_fits_is_a_sentence_and_for_a_program_an_empty_list(settings, capsys):
    show_sessions(settings, user="eve")
    assert capsys.readouterr().out == "no session is on record that fits\n"
    assert listed(capsys, settings, user="eve") == []


def test_the_events_of_a_session_name_its_user(settings):
    store = reopened(settings.pool_database_url)
    told = {change.subject: change.user for change in store.history.claim_untold()}
    store.close()
    assert told == {"main-01": "", "ada-1": "ada", "ada-2": "ada", "grace-1": "grace"}
