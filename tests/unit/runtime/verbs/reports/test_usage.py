"""What `dockerdriver usage` prints."""

import csv
import io
import json
from datetime import timedelta

import pytest

from blocks.settings import ProcessSettings
from blocks.system_clock import SystemClock
from pool.states import InstanceState
from runtime.verbs.reports.usage import show_usage
from tests.rigs.pool_data import a_blueprint, claim_active, place
from tests.rigs.services.databases import new_store

pytestmark = pytest.mark.unit


@pytest.fixture
def settings(tmp_path):
    """An installation in which alice had a session for two hours, and bob still waits."""
    settings = ProcessSettings(data=tmp_path, database="sqlite", engine_url="unix:///nowhere.sock", _env_file=None)
    store, began = new_store(settings.data), SystemClock().now() - timedelta(hours=5)
    claim_active(store)
    for name in ("alice", "bob"):
        store.instances.request(f"{name}-1", a_blueprint(), name, {}, began)
    place(store, "alice-1", now=began)
    store.instances.move("alice-1", InstanceState.FAILED, began + timedelta(hours=2))
    store.close()
    return settings


def test_a_session_counts_from_its_room_to_its_end_and_one_that_waits_does_not(settings, capsys):
    show_usage(settings, as_json=True)
    assert json.loads(capsys.readouterr().out) == [
        {"user": "alice", "sessions": 1, "users": 1, "hours": 2.0, "slot_hours": 2.0}
    ]


def test_a_spreadsheet_gets_the_same_with_headings(settings, capsys):
    show_usage(settings, by="blueprint,user", hash_names=True, as_csv=True)
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert (row["blueprint"], row["hours"], len(row["user"])) == ("jupyter", "2.0", 12)


def test_a_setting_has_names_hashed_whatever_the_command_says(settings, capsys):
    show_usage(settings.model_copy(update={"usage_hash_names": True}), as_json=True)
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["user"] != "alice", len(row["user"]), row["hours"]) == (True, 12, 2.0)


def test_where_no_session_had_room_that_is_what_it_says(settings, capsys):
    show_usage(settings, since="1h")
    assert capsys.readouterr().out.startswith("no session had room since ")


def test_names_are_hashed_with_a_key_that_is_made_once_and_that_only_its_owner_reads(settings, capsys):
    def told() -> list[dict]:
        show_usage(settings, hash_names=True, as_json=True)
        return json.loads(capsys.readouterr().out)

    assert told() == told()
    assert (settings.data / "pseudonym-key").stat().st_mode & 0o777 == 0o600
