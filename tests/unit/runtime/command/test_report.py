"""What `status` shows; and what it and `why` do about a database of another version: they look, and change nothing."""

import io
import json
import os
import sqlite3
import sys
from contextlib import closing

import pytest

from blocks.prefect.api import PrefectApi
from blocks.settings import ProcessSettings
from pool.errors import BadRequest, Refused
from runtime.command import report
from runtime.command.report import show_status, watch_status
from runtime.verbs import hosts
from runtime.verbs.reports.history import show_history
from tests.rigs.pool_data import claim_active, later
from tests.rigs.services.databases import new_store

pytestmark = pytest.mark.unit


@pytest.fixture
def settings(tmp_path):
    """An installation whose database is of an older version."""
    settings = ProcessSettings(
        data=tmp_path, database="sqlite", prefect_port=9, engine_url="unix:///nowhere.sock", _env_file=None
    )
    store = new_store(settings.data)
    store.close()
    set_version(settings, "0003")
    return settings


def set_version(settings, version: str) -> None:
    with closing(sqlite3.connect(settings.data / "pool.sqlite")) as database, database:
        database.execute("UPDATE alembic_version SET version_num = ?", (version,))


def version_of(settings) -> str:
    with sqlite3.connect(settings.data / "pool.sqlite") as database:
        return database.execute("SELECT version_num FROM alembic_version").fetchone()[0]


def test_why_leaves_an_older_database_as_it_is_and_says_that_make_up_migrates_it(settings):
    with pytest.raises(Refused, match="of an older version: `make up` brings them up to date"):
        show_history(settings, "host", "main-01")
    assert version_of(settings) == "0003"


def test_status_shows_what_runs_beside_a_database_that_it_does_not_migrate(settings, capsys):
    show_status(settings)
    shown = capsys.readouterr().out
    assert "`make up` brings them up to date" in shown
    assert "gateway" in shown
    assert version_of(settings) == "0003"


def test_a_database_of_a_newer_version_is_named_as_such(settings):
    set_version(settings, "9999")
    with pytest.raises(Refused, match="newer version of DockerDriver"):
        show_history(settings, "host", "main-01")


@pytest.fixture
def with_a_silent_host(settings):
    """The same, of this version, with a host that is out of reach."""
    store = new_store(settings.data)
    claim_active(store)
    store.hosts.note_unreachable({"main-01": "timed out"}, later(60), 300)
    store.close()
    return settings


def test_a_host_is_the_same_row_for_programs_in_status_and_in_its_list(with_a_silent_host, capsys):
    hosts.list_(with_a_silent_host, None, as_json=True)
    listed = json.loads(capsys.readouterr().out)
    show_status(with_a_silent_host, as_json=True)
    assert json.loads(capsys.readouterr().out)["hosts"] == listed
    assert listed[0]["out_of_reach_since"]


def test_a_host_out_of_reach_says_so_beside_its_state_in_both_tables(with_a_silent_host, capsys):
    for print_it in (show_status, lambda settings: hosts.list_(settings, None, as_json=False)):
        print_it(with_a_silent_host)
        assert "active, out of reach" in capsys.readouterr().out


def test_status_asks_once_whether_prefects_server_answers(settings, monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(PrefectApi, "answers", lambda _: asked.append(1))
    show_status(settings, as_json=True)
    assert (len(asked), json.loads(capsys.readouterr().out)["hosts"]) == (1, [])


def with_systemctl(tmp_path, monkeypatch, data) -> None:
    """A systemctl that shows a worker that runs and one that is started again and again, with this data directory."""
    (env := tmp_path / "units.env").write_text(f"DD_DATA={data}\n")
    shown = "".join(
        f"Id=dockerdriver-{name}.service\nSubState={state}\nEnvironmentFiles={env} (ignore_errors=no)\n\n"
        for name, state in (("warm@1", "running"), ("long@1", "auto-restart"))
    )
    (tmp_path / "shown").write_text(shown)
    (command := tmp_path / "systemctl").write_text(f"#!/bin/sh\ncat {tmp_path}/shown\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")


def states_shown(settings, capsys) -> dict[str, str]:
    show_status(settings, as_json=True)
    return {row["process"]: row["state"] for row in json.loads(capsys.readouterr().out)["processes"]}


def test_where_systemd_keeps_the_installation_status_says_how_its_units_are(settings, tmp_path, monkeypatch, capsys):
    with_systemctl(tmp_path, monkeypatch, settings.data)
    shown = states_shown(settings, capsys)
    assert (shown["warm@1"], shown["long@1"]) == ("running, by systemd", "auto-restart, by systemd")
    assert "warm" not in shown


def test_units_of_another_installation_are_not_this_one_s(settings, tmp_path, monkeypatch, capsys):
    with_systemctl(tmp_path, monkeypatch, "/var/lib/dockerdriver")
    assert states_shown(settings, capsys)["warm"] == "stopped"


def test_each_of_several_servers_has_a_line(settings, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    shown = states_shown(settings.model_copy(update={"api_servers": 2, "warm_workers": 2}), capsys)
    ours = ("redis", "api-1", "api-2", "services", "api", "gateway", "warm", "warm-2", "long")
    assert {name: shown.get(name) for name in ours} == dict.fromkeys(ours, "stopped")


def test_where_there_is_no_systemd_what_does_not_run_is_stopped(settings, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert states_shown(settings, capsys)["warm"] == "stopped"


class Terminal(io.StringIO):
    """Standard output of an operator who looks at it."""

    def isatty(self):
        return True


def test_status_is_drawn_again_in_its_place_on_a_terminal_and_refused_elsewhere(settings, monkeypatch):
    monkeypatch.setattr(report, "WATCH_SECONDS", 0)
    with pytest.raises(BadRequest, match="--watch draws on a terminal"):
        watch_status(settings, times=1)
    monkeypatch.setattr(sys, "stdout", screen := Terminal())
    watch_status(settings, times=2)
    first, *drawn = screen.getvalue().split(report.CLEAR)
    assert (first, len(drawn), all("Ctrl-C ends this" in one for one in drawn)) == ("", 2, True)
