"""What the stack asks of Prefect's server, as that reads it: of names that it does not know it takes no notice."""

from datetime import timedelta

import pytest
from prefect.settings.models.root import Settings

from blocks.settings import ProcessSettings
from pool.store import outage
from runtime.supervision.environment import stack_environment
from runtime.supervision.processes import Processes, Program
from runtime.worker import server_outage

pytestmark = pytest.mark.unit


@pytest.fixture
def server(tmp_path, monkeypatch):
    """The settings of Prefect's server in the environment of a new installation."""
    settings = ProcessSettings(data=tmp_path / "data", _env_file=None)
    for name, value in stack_environment(settings, "unix:///run/engine.sock").items():
        monkeypatch.setenv(name, value)
    return Settings().server


def test_states_of_task_runs_are_written_down_together_and_within_a_second(server):
    recorder = server.services.task_run_recorder
    assert (recorder.batch_size, recorder.flush_interval) == (20, 1)


def test_no_connection_to_postgresql_is_closed_after_its_use(server):
    pool = server.database.sqlalchemy
    assert (pool.pool_size, pool.max_overflow) == (15, 0)


@pytest.mark.parametrize("name", ["late_runs", "pause_expirations", "cleanup_reconciler"])
def test_what_mostly_finds_nothing_is_looked_for_each_half_minute(server, name):
    assert getattr(server.services, name).loop_seconds == 30


def test_runs_are_kept_for_two_weeks_and_events_for_two_days(server):
    vacuum = server.services.db_vacuum
    assert (set(vacuum.enabled), vacuum.retention_period) == ({"events", "flow_runs"}, timedelta(days=14))
    assert server.events.retention_period == timedelta(days=2)


def test_a_run_in_a_process_and_a_folder_of_its_own_is_told_by_what_relays_are_asked(tmp_path, monkeypatch):
    (tmp_path / "dockerdriver.env").write_text(f"DD_RELAY_SECRET={32 * 's'}\n")
    monkeypatch.chdir(tmp_path)
    alone = ProcessSettings(data=tmp_path / "data", _env_file=None)
    several = alone.model_copy(update={"gateways": "https://10.0.0.4:8445"})
    told = [stack_environment(one, "").get("DD_RELAY_SECRET") for one in (alone, several)]
    assert told == [None, 32 * "s"]


def test_every_process_has_a_log_that_is_rotated(tmp_path):
    programs = [Program(name, ("run", name), 1) for name in ("server", "warm")]
    written = Processes(ProcessSettings(data=tmp_path, _env_file=None)).render(programs)
    sections = written.split("[program:")[1:]
    assert [("stdout_logfile_maxbytes=20MB" in one, "stdout_logfile_backups=3" in one) for one in sections] == [
        (True, True)
    ] * 2


def test_a_flow_waits_five_minutes_for_prefects_server_and_more_than_one_for_the_pools_database():
    assert (server_outage.PATIENCE_SECONDS, outage.WAIT_SECONDS) == (300, 90)
