"""What a machine of workers alone must be told, and what it is refused for."""

import re
from typing import Any

import pytest

from blocks.settings import ProcessSettings
from blocks.stored.backup_store import BackupPlace
from blocks.stored.documents.stored_blocks import Blueprints, Courses, StoredBlocks
from pool.courses.course import Course
from pool.errors import Refused
from pool.records import KeptWork
from pool.store.pool_store import PoolStore
from runtime.stack.service import of_a_worker_machine
from runtime.stack.several_machines import (
    check_files,
    check_machines,
    check_tables,
    trouble_with_api,
    wait_for_api,
)
from tests.rigs.pool_data import a_blueprint

pytestmark = pytest.mark.unit

WORKER = {
    "cloud": "static",
    "api_url": "https://api.example:4443/api",
    "database_url": "postgresql+psycopg://dockerdriver:p@db.example/pool",
    "gateways": "https://10.0.0.4:8445",
    "public_url": "https://notebooks.example",
}


def settings(tmp_path, **other: Any) -> ProcessSettings:
    return ProcessSettings(data=tmp_path, _env_file=None, **WORKER | other)


@pytest.fixture(autouse=True)
def secret(monkeypatch):
    monkeypatch.setenv("DD_RELAY_SECRET", 32 * "s")


class Stored(StoredBlocks):
    """Blocks of a manager that keeps backups and files of courses in folders."""

    def __init__(self, location: str = "", keeps: bool = True, files: str = "") -> None:
        self._location, self._keeps, self._files = location, keeps, files

    def blueprints(self) -> Blueprints:
        keep = KeptWork(("/home",)) if self._keeps else KeptWork()
        return Blueprints((a_blueprint(keep=keep),), {})

    def courses(self) -> Courses:
        return Courses((Course("bio101", "main", "tiny", 1, 10, (), files=self._files),), {})

    def backup_place(self) -> BackupPlace:
        return BackupPlace.create().model_copy(update={"location": self._location})


def test_a_machine_of_workers_that_is_told_all_is_let_start(tmp_path):
    check_machines(settings(tmp_path))


@pytest.mark.parametrize(
    ("other", "says"),
    [
        ({"cloud": "local"}, "DD_CLOUD is local"),
        ({"database_url": ""}, "DD_DATABASE_URL is to be set"),
        ({"database_url": "sqlite:////srv/pool.sqlite"}, "need PostgreSQL"),
        ({"gateways": ""}, "DD_GATEWAYS is to be set"),
        ({"public_url": ""}, "DD_PUBLIC_URL is to be set"),
    ],
)
def test_one_that_lacks_something_is_refused_by_name(tmp_path, other, says):
    with pytest.raises(Refused, match=says):
        check_machines(settings(tmp_path, **other))


def test_a_secret_of_relays_that_could_be_guessed_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("DD_RELAY_SECRET", "short")
    with pytest.raises(Refused, match="DD_RELAY_SECRET must have 32 characters"):
        check_machines(settings(tmp_path))


def test_so_is_one_of_before_that_they_take_too(tmp_path, monkeypatch):
    monkeypatch.setenv("DD_RELAY_SECRET_BEFORE", 31 * "b")
    with pytest.raises(Refused, match="DD_RELAY_SECRET must have 32 characters"):
        check_machines(settings(tmp_path))
    monkeypatch.setenv("DD_RELAY_SECRET_BEFORE", 32 * "b")
    check_machines(settings(tmp_path))


def test_backups_in_a_folder_of_the_manager_keep_a_worker_elsewhere_from_starting(tmp_path):
    with pytest.raises(Refused, match="no repository is there on this machine"):
        check_files(settings(tmp_path), Stored())
    (tmp_path / "backups").mkdir()
    (tmp_path / "backups" / "config").touch()  # as restic has it: the folder is mounted
    check_files(settings(tmp_path), Stored())


def test_backups_in_a_store_that_all_reach_and_sessions_that_keep_nothing_do_not(tmp_path):
    check_files(settings(tmp_path), Stored("s3:https://s3.example/bucket"))
    check_files(settings(tmp_path), Stored(keeps=False))


def test_a_worker_that_is_brought_a_version_before_the_manager_is_waits_for_it(tmp_path):
    database = tmp_path / "pool.sqlite"
    database.touch()
    at = settings(tmp_path, database_url=f"sqlite:///{database}")
    with pytest.raises(Refused, match=r"starts when the manager has its version: .* of an older version"):
        check_tables(at)
    store = PoolStore.open(at.pool_database_url)
    store.upgrade()
    store.close()
    check_tables(at)


def test_a_worker_whose_api_is_away_waits_longer_and_longer_and_says_once_what_for_and_what_to_see_to():
    away, refused = "the API cannot be reached; see DD_API_URL", "it does not take the password; bring it"
    answers, pauses, said = iter([away] * 7 + [refused, ""]), list[float](), list[str]()
    wait_for_api(lambda: next(answers), pauses.append, said.append)
    assert pauses == [1, 2, 4, 8, 16, 30, 30, 30]
    assert said == [
        f"dockerdriver: this worker waits: {away}",
        f"dockerdriver: this worker waits: {refused}",
        "dockerdriver: Prefect's API answers: this worker starts",
    ]


def test_one_that_waits_for_hours_says_so_every_ten_minutes():
    answers, said = iter(["it is away"] * 200 + [""]), list[str]()
    wait_for_api(lambda: next(answers), lambda _: None, said.append)
    assert len(said) == 11


def test_one_whose_api_answers_says_nothing():
    said: list[str] = []
    wait_for_api(lambda: "", lambda _: None, said.append)
    assert said == []


@pytest.mark.parametrize(
    ("other", "says"),
    [
        ({"api_url": "https://127.0.0.1:9/api"}, r"cannot be reached \(.*\); see that DD_API_URL leads to the manager"),
        ({"authorities": "/nowhere.pem"}, r"DD_AUTHORITIES: /nowhere.pem cannot be read \(.*\); bring it"),
    ],
)
def test_why_the_api_does_not_answer_a_worker_s_machine_is_said_in_a_sentence(tmp_path, other, says):
    assert re.search(says, trouble_with_api(settings(tmp_path, **other)))


def test_files_of_a_course_that_are_on_the_manager_alone_do(tmp_path):
    with pytest.raises(Refused, match=r"course bio101 has files, and .*/courses/bio is not on this machine"):
        check_files(settings(tmp_path), Stored(keeps=False, files="bio"))


def test_the_manager_s_own_workers_have_all_files(tmp_path):
    check_files(settings(tmp_path, api_url=""), Stored(files="bio"))


def test_long_runs_are_refused_elsewhere(tmp_path):
    with pytest.raises(Refused, match="long runs on the manager"):
        of_a_worker_machine(settings(tmp_path), "long", ("prefect",), {})


@pytest.mark.parametrize("part", ["gateway", "gateway-logs", "gateway-relay"])
def test_a_gateway_may_be_on_the_same_machine(tmp_path, part):
    assert of_a_worker_machine(settings(tmp_path), part, ("python", part), {}) == ("python", part)


def test_a_machine_of_workers_has_no_database_of_its_own(tmp_path):
    assert not settings(tmp_path).runs_postgresql
    assert settings(tmp_path).prefect_api_url == WORKER["api_url"]
