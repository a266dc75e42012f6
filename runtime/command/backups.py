"""`dockerdriver backup …`: what was kept of sessions. Imports wait, as in `cli`."""

import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from blocks.settings import ProcessSettings
from pool.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Callable

    from pool.backups.backup import Backup

RUN_SECONDS = 3600
AS_JSON = {"--json": {"dest": "as_json", "action": "store_true", "help": "for a program"}}
_ID = {"backup": {"help": "its id, as in alice-1.1"}}
_PATH = {"path": {"nargs": "?", "default": "", "help": "one file or folder, its whole path; all when none is named"}}


def commands() -> dict[Any, dict[str, dict]]:
    """All of them, with their arguments."""
    session = {"session": {"help": "id of a running session of the same user and blueprint"}}
    return {
        show_list: {"--user": {"default": "", "help": "only of this user"}, **AS_JSON},
        show: {**_ID, **AS_JSON},
        files: {**_ID, **_PATH, **AS_JSON},
        restore: {**_ID, **session, **_PATH, **AS_JSON},
        rotate_key: {
            "--retire": {"action": "store_true", "help": "end the key before; first put a copy of the new one away"},
            "--yes": {"action": "store_true", "help": "do not ask for a confirmation"},
            **AS_JSON,
        },
        download: {
            **_ID,
            "--minutes": {"type": int, "default": 30, "help": "that the link is good, 720 at most (30)"},
        },
    }


def show_list(settings: ProcessSettings, user: str = "", as_json: bool = False) -> int:
    """List backups, the newest first.

    Example: dockerdriver backup list --user ada

    Raises:
        DockerDriverError: the pool's database does not answer.
    """
    from runtime.verbs import output  # noqa: PLC0415 - fast answers first

    names = ("backup", "user", "blueprint", "files as of", "state", "MB", "files", "why")
    columns = {name: name[:1].upper() + name[1:] for name in names}
    output.show([_row(one) for one in _backups(settings, user)], columns, "no backup is on record", as_json)
    return 0


def show(settings: ProcessSettings, backup: str, as_json: bool = False) -> int:
    """Tell all that is on record about one backup.

    Example: dockerdriver backup show ada-1.1

    Raises:
        NotFound: there is none of this name.
        DockerDriverError: the pool's database does not answer.
    """
    from dataclasses import asdict  # noqa: PLC0415 - as above

    from runtime.verbs import output  # noqa: PLC0415 - as above

    found = next((one for one in _backups(settings) if one.id == backup), None)
    if found is None:
        raise NotFound(f"no backup is named {backup!r}; `dockerdriver backup list` shows all")
    if as_json:
        output.show_json(asdict(found))
    else:
        rows = [{"what": name, "value": value} for name, value in asdict(found).items()]
        output.show(rows, {"what": "What", "value": "Value"}, "")
    return 0


def files(settings: ProcessSettings, backup: str, path: str = "", as_json: bool = False) -> int:
    """List the files of a backup, the first thousand.

    Example: dockerdriver backup files ada-1.1 /home/jovyan/work

    Raises:
        DockerDriverError: there is none of this name, it cannot be read, or the stack is down.
    """
    from blocks.stored.api_password import prefect_api  # noqa: PLC0415 - as above
    from pool.backups.rules import files_key  # noqa: PLC0415 - as above
    from runtime.verbs import output  # noqa: PLC0415 - as above

    api = prefect_api(settings)
    api.run_to_its_end("list-files/on-demand", RUN_SECONDS, backup=backup, path=path)
    columns = {"changed": "Changed", "bytes": "Bytes", "file": "File"}
    output.show(api.table(files_key(backup)), columns, "no file is in it that fits", as_json)
    return 0


def restore(settings: ProcessSettings, backup: str, session: str, path: str = "", as_json: bool = False) -> int:
    """Put files of a backup into a new folder of a running session; nothing that is there is replaced.

    Example: dockerdriver backup restore ada-1.1 ada-2 /home/jovyan/work

    Raises:
        DockerDriverError: there is no such backup, session or file, the session does not run, or the stack is down.
    """
    from blocks.stored.api_password import prefect_api  # noqa: PLC0415 - as above
    from runtime.verbs.output import show_json  # noqa: PLC0415 - as above

    flow = "restore-files/on-demand"
    wanted: dict[str, Any] = {"instance_id": session, "backup": backup, "path": path}
    prefect_api(settings).run_to_its_end(flow, RUN_SECONDS, **wanted)
    said = f"done: look for a folder restored-… in the home of session {session}"
    show_json({"deployment": flow, "parameters": wanted, "message": said}) if as_json else print(said)
    return 0


def download(settings: ProcessSettings, backup: str, minutes: int = 30) -> int:
    """Print a link by which all of a backup is downloaded, once, as a .tar; wait until it is used or over.

    Example: dockerdriver backup download ada-1.1 --minutes 60

    Raises:
        DockerDriverError: there is no such backup, it cannot be read, the download broke off, or the stack is down.
    """
    from blocks.stored.api_password import prefect_api  # noqa: PLC0415 - as above
    from pool.backups.rules import download_key  # noqa: PLC0415 - as above
    from runtime.verbs.output import say  # noqa: PLC0415 - as above

    api, flow = prefect_api(settings), "download-backup/on-demand"
    shown = _Shown(lambda: api.table(download_key(backup)))
    said = api.run_to_its_end(flow, minutes * 60 + RUN_SECONDS, watch=shown.look, backup=backup, minutes=minutes)
    say(said)
    return 0


def rotate_key(settings: ProcessSettings, retire: bool = False, yes: bool = False, as_json: bool = False) -> int:
    """Give the repository of backups a new key; all backups can be read by it and, until --retire, by the one before.

    Example: dockerdriver backup rotate-key

    Raises:
        DockerDriverError: it is not done, or the stack is down; the same again goes on from there.
    """
    from blocks.stored.api_password import prefect_api  # noqa: PLC0415 - as above
    from runtime.verbs.rotation import rotate  # noqa: PLC0415 - as above

    rotate(prefect_api(settings), ["backup-key"], retire, yes, as_json)
    return 0


class _Shown:
    """Prints the link of a run as soon as there is one; again where the run was made again, for that is another."""

    def __init__(self, table: "Callable[[], list[dict]]") -> None:
        self._table, self._last = table, ""

    def look(self, run: str) -> None:
        """Look for the link of this run."""
        with suppress(NotFound):
            link = self._table()[0]
            if link["run"] == run and link["download_url"] != self._last:
                self._last = link["download_url"]
                sys.stdout.write(f"{self._last}\nworks once, until {link['until']}; stop waiting with Ctrl-C\n")
                sys.stdout.flush()


def _backups(settings: ProcessSettings, user: str = "") -> "list[Backup]":
    from runtime.databases.records import records  # noqa: PLC0415 - as above

    with records(settings) as store:
        return store.backups.all(user=user) if store else []


def _row(one: "Backup") -> dict[str, object]:
    return {
        "backup": one.id,
        "user": one.user,
        "blueprint": one.blueprint,
        "files as of": f"{one.begun_at:%Y-%m-%d %H:%M}",
        "state": str(one.state),
        "MB": f"{one.size / (1 << 20):.1f}" if one.snapshot else "",
        "files": one.files if one.snapshot else "",
        "why": one.reason,
    }
