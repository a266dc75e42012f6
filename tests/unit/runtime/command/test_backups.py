"""What `dockerdriver backup` shows, also while the stack is down."""

import pytest

from blocks.settings import ProcessSettings
from pool.backups.states import BackupCause, BackupFault, BackupState
from pool.errors import NotFound
from runtime.command import backups
from tests.rigs.pool_data import NOW, an_instance
from tests.rigs.services.databases import new_store

pytestmark = pytest.mark.unit


@pytest.fixture
def settings(tmp_path):
    """An installation with one backup that counts, and one that failed."""
    settings = ProcessSettings(data=tmp_path, database="sqlite", prefect_port=9, _env_file=None)
    store = new_store(settings.data)
    store.backups.begin(an_instance("alice-1"), BackupCause.SESSION_ENDS, NOW)
    store.backups.move("alice-1.1", BackupState.WRITTEN, NOW, size=3 << 20, files=7, snapshot="abc", digest="d")
    store.backups.move("alice-1.1", BackupState.VERIFIED, NOW, reason="read back")
    store.backups.begin(an_instance("bob-1", user="bob"), BackupCause.REQUESTED, NOW)
    store.backups.move("bob-1.1", BackupState.FAILED, NOW, reason="too much", fault=BackupFault.TOO_LARGE)
    store.close()
    return settings


def test_backups_are_listed_with_what_became_of_them(settings, capsys):
    backups.show_list(settings)
    shown = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["alice-1.1", "alice", "jupyter", "2026-01-05", "08:00", "verified", "3.0", "7", "read", "back"] in shown
    assert ["bob-1.1", "bob", "jupyter", "2026-01-05", "08:00", "failed", "too", "much"] in shown


def test_the_backups_of_one_user_are_listed_alone(settings, capsys):
    backups.show_list(settings, user="bob")
    assert "alice" not in capsys.readouterr().out


def test_all_that_is_known_of_a_backup_is_shown(settings, capsys):
    backups.show(settings, "bob-1.1")
    assert ["fault", "too-large"] in [line.split() for line in capsys.readouterr().out.splitlines()]


class OneRun:
    """Prefect's API: the link of an earlier run is there, then that of this one."""

    def __init__(self) -> None:
        old, new = ({"run": run, "download_url": f"https://nb/downloads/{run}", "until": "noon"} for run in ("o", "n"))
        self.rows = [[old], [old], [new], [new]]

    def run_to_its_end(self, flow, seconds, watch, **parameters):
        self.asked = flow, parameters
        for _ in range(4):
            watch("n")
        return "backup alice-1.1 was downloaded: 7 bytes"

    def table(self, key):
        if len(self.rows) == 4:
            self.rows.pop(0)
            raise NotFound(key)
        return self.rows.pop(0)


def test_the_link_of_the_run_that_was_asked_for_is_shown_once_and_what_became_of_it(settings, capsys, monkeypatch):
    api = OneRun()
    monkeypatch.setattr("blocks.stored.api_password.prefect_api", lambda _: api)
    backups.download(settings, "alice-1.1", 5)
    assert api.asked == ("download-backup/on-demand", {"backup": "alice-1.1", "minutes": 5})
    assert capsys.readouterr().out.splitlines() == [
        "https://nb/downloads/n",
        "works once, until noon; stop waiting with Ctrl-C",
        "backup alice-1.1 was downloaded: 7 bytes",
    ]


def test_a_backup_that_is_not_there_is_named_with_where_to_look(settings):
    with pytest.raises(NotFound, match=r"no backup is named 'eve-1.1'; `dockerdriver backup list` shows all"):
        backups.show(settings, "eve-1.1")
