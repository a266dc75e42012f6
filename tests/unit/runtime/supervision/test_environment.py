"""What the stack asks of Prefect's server, as that reads it: of names that it does not know it takes no notice."""

import pytest
from prefect.settings.models.root import Settings

from blocks.settings import ProcessSettings
from runtime.supervision.environment import stack_environment

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
