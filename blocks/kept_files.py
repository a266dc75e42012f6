"""Files on this machine: those that would grow without end, the gateway's certificate, the password of the API."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from prefect.settings import get_current_settings

from blocks.gateway.config import gateway_config
from blocks.gateway.logs import rotate_logs
from blocks.gateway.renewal import keep_certificate, waits
from blocks.settings import ProcessSettings
from blocks.stored import api_password
from pool.keys.rotation import RotationStep

MB = 1_000_000


class KeptFiles:
    """The gateway's logs and certificate, what Prefect keeps of results of flow runs, the password of Prefect's API."""

    def __init__(self, settings: ProcessSettings) -> None:
        self._settings = settings

    def rotate_gateway_logs(self) -> list[str]:
        """Rotate each log of the gateway that has outgrown ``DD_GATEWAY_LOG_MB``; the names of those that were.

        Where workers are not root, a process of the stack does it (runtime/supervision/gateway_logs.py).
        """
        if self._settings.account:
            return []
        config = gateway_config(self._settings)
        return rotate_logs(config, config.settings.log_mb * MB)

    def certificate_waits(self, now: datetime) -> bool:
        """Whether the gateway's certificate is to be renewed, or to be read anew; where workers are root, as above."""
        return not self._settings.account and waits(gateway_config(self._settings), now)

    def keep_certificate(self, now: datetime) -> str:
        """Do so; says what was done."""
        return keep_certificate(gateway_config(self._settings), now)

    def drop_old_results(self, now: datetime) -> int:
        """Delete results of flow runs that are older than ``DD_KEPT_RESULTS_HOURS``; how many files.

        Launch links are among them. They are on the machine of the worker that ran the flow.
        """
        before, dropped = now - timedelta(hours=self._settings.kept_results_hours), 0
        for file in _files(get_current_settings().results.local_storage_path):
            with suppress(FileNotFoundError):  # another housekeeper was faster
                if file.stat().st_mtime < before.timestamp():
                    file.unlink()
                    dropped += 1
        return dropped

    def progress_of_password(self) -> tuple[bool, bool]:
        """Whether its rotation was begun and no new one is in use yet, and whether an old one is taken."""
        pairs = api_password.accepted_pairs(self._settings)
        begun = len(pairs) > 1 and pairs[0] == pairs[1]
        return begun, len(pairs) > 1 and not begun

    def change_password(self, step: RotationStep) -> None:
        """Take one step of its rotation. Prefect's server takes what is on file at its next request.

        Raises:
            NotFound: there is none yet.
        """
        steps = {
            RotationStep.BEGIN: api_password.begin_rotation,
            RotationStep.PROMOTE: api_password.use_new_pair,
            RotationStep.RETIRE: api_password.retire_previous,
        }
        steps[step](self._settings)


def _files(folder: Path) -> Iterator[Path]:
    return (file for file in folder.rglob("*") if file.is_file() and not file.is_symlink())
