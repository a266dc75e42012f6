"""The gateway's logs, bounded: nginx writes them for ever and rotates nothing itself."""

import os
import signal
from contextlib import suppress
from pathlib import Path

from blocks.gateway.settings import GatewayConfig

KEPT = 5  # old files of each log, beside the one that is written
LOGS = ("gateway-access.log", "gateway-error.log")


def rotate_logs(config: GatewayConfig, largest: int) -> list[str]:
    """Rename each log that is larger than *largest* bytes, and have nginx open a new one; no line is lost.

    nginx goes on writing to the renamed file until it has opened the new one. Of old files ``KEPT`` are left.

    Returns:
        The names of the logs that were rotated.
    """
    rotated = [name for name in LOGS if _size(config.logs / name) > largest]
    for name in rotated:
        _shift(config.logs / name)
    if rotated or any(not (config.logs / name).exists() for name in LOGS):  # or a crash came between the two steps
        _reopen(config)
    return rotated


def _shift(log: Path) -> None:
    for number in range(KEPT - 1, -1, -1):
        older, newer = Path(f"{log}.{number + 1}"), Path(f"{log}.{number}") if number else log
        if newer.exists():
            newer.replace(older)


def _reopen(config: GatewayConfig) -> None:
    """Have nginx's processes open their logs anew, by USR1; by a reload where its workers may not reach the folder.

    On USR1 each worker opens the files itself, as its own user; where it cannot, it would go on with the old ones.
    After a reload new workers have what the master opened.
    """
    reachable = all(folder.stat().st_mode & 0o001 for folder in (config.logs, *config.logs.parents))
    with suppress(OSError, ValueError):  # it does not run, and opens them when it starts
        master = int(config.pid_file.read_text())
        if Path(f"/proc/{master}/comm").read_text().strip() == "nginx":  # the number may be another process's by now
            os.kill(master, signal.SIGUSR1 if reachable else signal.SIGHUP)


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0
