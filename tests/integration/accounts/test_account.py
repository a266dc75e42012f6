"""The account of workers and of Prefect's server: what it gets, what it does not, and what other accounts read."""

import os
import pwd
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from blocks.backups.downloads import Downloads
from blocks.gateway.snapshot import Snapshot
from blocks.settings import ProcessSettings
from blocks.stored.api_password import (
    accepted_pairs,
    api_password,
    begin_rotation,
    keep_password,
    retire_previous,
    use_new_pair,
)
from pool.errors import Refused
from runtime.supervision.account import have_account, let_read, take_over
from runtime.supervision.environment import prefects_home, stack_environment
from runtime.supervision.processes import Processes, Program

pytestmark = pytest.mark.integration

OTHER = "nobody"  # another local account
KEYS = [{"id": "k1", "secret": "s" * 32}]


def put(file: Path, text: str = "secret", mode: int = 0o600) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(mode)
    return file


def test_the_account_is_made_once_and_told_and_has_neither_login_nor_home(settings):
    subprocess.run(["userdel", settings.account], check=True)
    said: list[Any] = []
    for _ in range(2):
        have_account(settings, said.append)
    assert said == [f"made the system account {settings.account}: workers and Prefect's server run as it"]
    made = pwd.getpwnam(settings.account)
    assert (made.pw_uid < 1000, made.pw_dir, made.pw_shell) == (True, "/nonexistent", "/usr/sbin/nologin")


def test_an_account_whose_group_has_another_member_is_refused_with_its_name(settings):
    subprocess.run(["usermod", "-aG", settings.account, "games"], check=True)
    with pytest.raises(Refused, match="shares its group with games"):
        have_account(settings, print)


def test_what_root_made_before_is_the_account_s_afterwards_and_no_other_account_reads_it(settings, may):
    old = [put(settings.data / name) for name in ("images/a.tar", "prefect/storage/r", "backups/data/00", "layers/l")]
    put(settings.data / "gateway" / "routes.json")
    put(settings.data / "static-cloud.sqlite")
    keep_password(settings)
    take_over(settings)
    now = [*old, settings.gateway_snapshot, settings.assignments_file, settings.data / "api-password"]
    assert settings.assignments_file == settings.data / "clouds" / "static.sqlite"
    assert all(may("cat", file) and may("test", "-w", file) for file in now)
    assert not any(may("cat", file, account=OTHER) for file in now)


def test_archives_that_root_puts_there_later_are_read_too(settings, may):
    take_over(settings)
    archive = put(settings.images_dir / "b.tar", mode=0o640)
    assert may("cat", archive)
    assert may("rm", archive)
    assert not may("ls", settings.images_dir, account=OTHER)


def test_the_account_makes_nothing_where_root_writes(settings, may):
    put(settings.data / "logs" / "server.log")
    take_over(settings)
    places = (settings.data, settings.data / "logs", settings.run_dir)
    assert not any(may("touch", place / "planted") for place in places)
    assert not may("cat", settings.data / "logs" / "server.log")
    assert may("touch", settings.playbooks_dir / "mine")


def test_the_folder_of_sockets_lets_in_the_account_and_no_other(settings, may):
    take_over(settings)
    assert may("test", "-x", settings.run_dir)
    assert not may("ls", settings.run_dir)
    assert not may("test", "-x", settings.run_dir, account=OTHER)


def test_a_link_that_the_account_laid_gives_it_nothing(settings, may):
    take_over(settings)
    target = put(settings.data / "of-root")
    (settings.data / "runs" / "link").symlink_to(target)
    (settings.data / "prefect" / "folder").symlink_to(settings.data)
    take_over(settings)
    assert (target.stat().st_uid, settings.data.stat().st_uid) == (0, 0)


def test_the_account_takes_each_step_of_the_password_s_rotation(settings, as_account):
    keep_password(settings, "alice:first")
    with as_account():
        begin_rotation(settings)
        assert accepted_pairs(settings) == ["alice:first"] * 2
        use_new_pair(settings)
        assert accepted_pairs(settings) == [api_password(settings), "alice:first"]
        retire_previous(settings)
        assert accepted_pairs(settings) == [api_password(settings)] != ["alice:first"]


def test_a_table_of_routes_that_root_wrote_is_still_the_account_s_to_change(settings, as_account):
    take_over(settings)
    table = Snapshot(settings.gateway_snapshot)
    with table.locked():
        table.put_keys(KEYS, otherwise=list)
    with as_account(), table.locked():
        table.put_all([])
    assert "k1" in settings.gateway_snapshot.read_text()


def test_what_a_download_is_taken_from_is_the_gateway_s_workers_to_reach_and_no_other_account_s(
    settings, as_account, may
):
    take_over(settings)
    with as_account(), Downloads(settings.downloads_dir, "www-data").offered():
        (socket,) = settings.downloads_dir.glob("*.sock")
        os.seteuid(0)
        assert [may("test", "-w", socket, account=account) for account in ("www-data", OTHER)] == [True, False]


def test_a_clouds_file_that_was_root_s_alone_is_read_by_the_account_and_by_no_other(settings, may):
    said, file = list[Any](), put(settings.data / "clouds.yaml")
    for _ in range(2):
        let_read(settings, {"OS_CLIENT_CONFIG_FILE": str(file)}, said.append)
    assert said == [f"{file} is readable for the account {settings.account}, too"]
    assert may("cat", file)
    assert not may("cat", file, account=OTHER)


def test_a_clouds_file_that_another_group_reads_is_left_alone_and_named(settings):
    file = put(settings.data / "clouds.yaml", mode=0o640)
    with pytest.raises(Refused, match=r"may not read .*clouds\.yaml"):
        let_read(settings, {"OS_CLIENT_CONFIG_FILE": str(file)}, print)
    assert file.stat().st_gid == 0


@pytest.mark.parametrize("said", [{"cloud": "local"}, {"worker_user": "root"}, {"database": "sqlite"}], ids=str)
def test_where_the_workers_are_root_s_nothing_is_given_away(settings, said):
    rooted = ProcessSettings(data=settings.data, **{"cloud": "static"} | said, _env_file=None)
    keep_password(rooted)
    take_over(rooted)
    assert {file.stat().st_uid for file in settings.data.rglob("*")} == {0}


#: What Prefect reads in its home: how to log, which may name any function; settings, which may name that file.
HOW_TO_LOG = """version: 1
handlers: {{planted: {{class: logging.FileHandler, filename: {mark}}}}}
root: {{handlers: [planted]}}
"""
SETTINGS = 'active = "planted"\n[profiles.planted]\nPREFECT_LOGGING_SETTINGS_PATH = "{file}"\n'


def test_what_the_account_puts_into_its_prefect_s_home_is_read_by_no_process_of_root_s(settings, as_account):
    take_over(settings)
    home, mark = settings.data / "prefect", settings.data / "of-root"
    with as_account():
        put(home / "logging.yml", HOW_TO_LOG.format(mark=mark))
        put(home / "profiles.toml", SETTINGS.format(file=home / "logging.yml"))
    roots = stack_environment(settings, "unix:///no/engine.sock")
    accounts = roots | prefects_home(settings, settings.account)
    for environment, made in ((roots, False), (accounts, True)):  # the second: such a file does what it is feared for
        subprocess.run([sys.executable, "-c", "from prefect import flow"], env=environment, check=True)
        assert mark.exists() is made


def test_a_process_that_is_the_account_s_has_a_home_of_prefect_s_that_it_may_write(settings):
    own = prefects_home(settings, settings.account)
    section = Processes(settings).render([Program("warm", ("true",), 1, user=settings.account)])
    assert all(f'{name}="{place}"' in section for name, place in own.items())
    assert own["PREFECT_HOME"] == str(settings.data / "prefect")
