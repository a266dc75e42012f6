"""What `dockerdriver timings` prints."""

import json

import pytest

from blocks.settings import ProcessSettings
from blocks.system_clock import SystemClock
from pool.errors import BadRequest
from runtime.command.timings import show_timings
from tests.rigs.pool_data import a_blueprint
from tests.rigs.services.databases import new_store

pytestmark = pytest.mark.unit


@pytest.fixture
def settings(tmp_path):
    """An installation that took one session just now."""
    settings = ProcessSettings(data=tmp_path, database="sqlite", engine_url="unix:///nowhere.sock", _env_file=None)
    store, now = new_store(settings.data), SystemClock().now()
    store.instances.request("alice-1", a_blueprint(), "alice", {}, now, accepted=now)
    store.close()
    return settings


def test_each_phase_has_its_percentiles(settings, capsys):
    show_timings(settings, hours=1, as_json=False)
    shown = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert shown[0] == ["Of", "Until", "it", "is", "Sessions", "p50", "p95", "p99"]
    assert ["all", "picked_up", "1", "0.000", "s", "0.000", "s", "0.000", "s"] in shown


def test_programs_get_the_histograms_too(settings, capsys):
    show_timings(settings, hours=1, as_json=True)
    first = json.loads(capsys.readouterr().out)["steps"][0]
    assert (first["of"], first["step"], first["p95"], first["histogram"]["0.01"]) == ("all", "picked_up", 0.0, 1)


def test_where_no_session_was_accepted_that_is_what_it_says(settings, capsys):
    show_timings(settings, hours=1e-9, as_json=False)
    assert "no session was accepted, in the last 1e-09 h" in capsys.readouterr().out


@pytest.mark.parametrize("hours", [0, -3, float("nan"), float("inf")])
def test_hours_that_are_no_time_are_refused(settings, hours):
    with pytest.raises(BadRequest, match="a number above 0"):
        show_timings(settings, hours, as_json=False)
