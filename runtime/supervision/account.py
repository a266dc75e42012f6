"""The account of the workers and of Prefect's server: made where it is missing, and given what it needs.

Where the account may write, it could lay a link that leads root astray. So each thing below the data directory is
root's or in a folder of ``OF_THE_ACCOUNT``, and there root makes new files and follows no link.
"""

import grp
import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from blocks.env_file import ENV_FILE
from blocks.files.private_files import guard_folder
from blocks.gateway.settings import GatewaySettings
from blocks.host_setup.run_directory import clear_abandoned
from blocks.resources import ROOT, home
from blocks.settings import ProcessSettings
from pool.errors import Refused

Say = Callable[[str], None]
#: Below the data directory. Root's new files there get the account's group, for reading: archives of images.
OF_THE_ACCOUNT = (
    "backups",
    "clouds",
    "images",
    "layers",
    "prefect",
    "prefect/storage",
    "prefect/ui",
    "routes",
    "runs",
    "tmp",
)
#: Where several processes serve Prefect's API.
OF_SEVERAL_SERVERS = ("prefect/front", "redis")
MODE = 0o2750
WAY_OUT = "or set DD_WORKER_USER=root, which has them run as root"
OPERATORS_FILES = ("OS_CLIENT_CONFIG_FILE", "OS_CLIENT_SECURE_FILE")


def have_account(settings: ProcessSettings, say: Say) -> None:
    """Make the system account unless it is there. It is never removed.

    Raises:
        Refused: it cannot be the workers'; the sentence says why, and what to do.
    """
    name = settings.account
    if not name:
        if settings.cloud != "local" and settings.worker_user != "root":
            say("workers run as root, for the pool's database is SQLite; `dockerdriver move-to-postgresql` ends that")
        return
    if not _is_there(name):
        _make(name)
        say(f"made the system account {name}: workers and Prefect's server run as it")
    _check(name)


def _is_there(name: str) -> bool:
    return any(entry.pw_name == name for entry in pwd.getpwall())


def _make(name: str) -> None:
    how = ("--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin")
    done = subprocess.run(["useradd", *how, name], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Refused(f"the account {name} of the workers cannot be made: {done.stderr.strip()}; {WAY_OUT}")


def _check(name: str) -> None:
    """Refuse an account whose rights are others', too.

    Raises:
        Refused: it is root, or has its group not for itself alone.
    """
    entry = pwd.getpwnam(name)
    if entry.pw_uid == 0:
        raise Refused(f"the account {name} of the workers is root by another name: name another one, {WAY_OUT}")
    in_group = {one.pw_name for one in pwd.getpwall() if one.pw_gid == entry.pw_gid}
    if others := sorted(in_group.union(grp.getgrgid(entry.pw_gid).gr_mem) - {name}):
        raise Refused(
            f"the account {name} of the workers shares its group with {', '.join(others)}, who could read as it does:"
            f" give it a group of its own, {WAY_OUT}"
        )


def check_reach(settings: ProcessSettings) -> None:
    """See that the account can run the code and enter the data directory, before anything is stopped or started.

    Raises:
        Refused: it cannot; the sentence says what to do.
    """
    name = settings.account
    if not name:
        return
    code = (sys.executable, "-P", "-c", "import runtime.supervision")
    if not (_may(name, "test", "-x", str(home())) and _may(name, *code)):
        raise Refused(
            f"the account {name}, which workers run as, cannot run {sys.executable} with the code in {ROOT}: have both"
            " where every account may enter and read (a checkout in /opt; where Python is root's own, .venv removed and"
            f" made anew by `PYTHONS=/usr/bin/python3 make up`), {WAY_OUT}"
        )
    settings.data.mkdir(parents=True, exist_ok=True)
    if not settings.data.stat().st_mode & 0o077:
        guard_folder(settings.data, name)
    if not _may(name, "test", "-x", str(settings.data)):
        raise Refused(
            f"the account {name}, which workers run as, cannot enter {settings.data}: open the folders above, {WAY_OUT}"
        )


def _may(name: str, *command: str) -> bool:
    become = ("setpriv", f"--reuid={name}", f"--regid={pwd.getpwnam(name).pw_gid}", "--init-groups", "--")
    # The shell looks the command up: setpriv still has root's way into any folder when it does.
    words = [*become, "sh", "-c", 'exec "$@"', "sh", *command]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


def take_over(settings: ProcessSettings) -> None:
    """Give the account what it works on, also what root made; what an older version kept elsewhere is moved.

    Again is harmless, also while the workers run. Without an account of their own, it only moves.
    """
    _move(settings.data / "gateway" / "routes.json", settings.gateway_snapshot)
    _move(settings.old_assignments_file, settings.new_assignments_file)
    if not settings.account:
        return
    guard_folder(settings.run_dir, settings.account)
    clear_abandoned(settings.run_dir)  # of an older version
    names = (*OF_THE_ACCOUNT, *(OF_SEVERAL_SERVERS if settings.several_servers else ()))
    sockets = [settings.redis_socket.parent] if settings.several_servers else []
    for folder in (*(settings.data / name for name in names), settings.playbooks_dir, *sockets):
        _give_tree(folder, settings.account)
    _give_downloads(settings.downloads_dir, settings.account)
    for file in (settings.gateway_snapshot.with_suffix(".lock"), settings.new_assignments_file):
        _give_file(file, settings.account)


def _move(old: Path, new: Path) -> None:
    if old.is_file() and not new.exists():
        new.parent.mkdir(parents=True, exist_ok=True)
        new.parent.chmod(0o700)
        shutil.move(old, new)


def _give_tree(top: Path, account: str) -> None:
    """Have all of it belong to the account; by descriptors, so that a link that the account lays leads nowhere else."""
    top.mkdir(parents=True, exist_ok=True)
    own = pwd.getpwnam(account)
    for _, folders, files, here in os.fwalk(top, follow_symlinks=False):
        os.fchown(here, own.pw_uid, own.pw_gid)
        os.fchmod(here, MODE)
        for name in (*folders, *files):
            os.chown(name, own.pw_uid, own.pw_gid, dir_fd=here, follow_symlinks=False)


def _give_downloads(folder: Path, account: str) -> None:
    """Have the sockets that the account makes there be of the group of the gateway's workers, who alone connect."""
    folder.mkdir(parents=True, exist_ok=True)
    os.chown(folder, pwd.getpwnam(account).pw_uid, pwd.getpwnam(GatewaySettings.given().user).pw_gid)
    folder.chmod(0o2711)


def _give_file(file: Path, account: str) -> None:
    """Have the file be there, so that root does not make it first: it would be root's."""
    own, handle = pwd.getpwnam(account), os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    os.fchown(handle, own.pw_uid, own.pw_gid)
    os.close(handle)


def let_read(settings: ProcessSettings, environment: Mapping[str, str], say: Say) -> None:
    """Have the account read the operator's own files: ``dockerdriver.env``, and ``clouds.yaml`` where there is one.

    Raises:
        Refused: one of them is not for it to read; the sentence names it.
    """
    if not settings.account:
        return
    group = pwd.getpwnam(settings.account).pw_gid
    for file in filter(Path.is_file, _of_the_operator(environment)):
        if _may(settings.account, "test", "-r", str(file)):
            continue
        if not file.stat().st_mode & 0o070:  # its owner's alone until now
            os.chown(file, -1, group)
            file.chmod(file.stat().st_mode & 0o700 | 0o040)
            say(f"{file} is readable for the account {settings.account}, too")
        if not _may(settings.account, "test", "-r", str(file)):
            raise Refused(
                f"the account {settings.account}, which workers run as, may not read {file}: let it, {WAY_OUT}"
            )


def _of_the_operator(environment: Mapping[str, str]) -> Iterable[Path]:
    named = (environment[variable] for variable in OPERATORS_FILES if variable in environment)
    return (home() / ENV_FILE, *map(Path, named))
