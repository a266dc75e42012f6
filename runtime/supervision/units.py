"""What systemd keeps of an installation that Ansible brought, by the units in deploy/systemd."""

import subprocess

from blocks.env_file import read_env_file
from blocks.settings import ProcessSettings

SHOW = ("systemctl", "show", "--property=Id,SubState,EnvironmentFiles", "dockerdriver-*.service")
SECONDS = 5  # for systemd to answer


def unit_states(settings: ProcessSettings) -> dict[str, str]:
    """State of each unit of this installation, e.g. {"warm@1": "running"}; empty: systemd keeps none of it."""
    try:
        shown = subprocess.run(SHOW, capture_output=True, text=True, check=False, timeout=SECONDS).stdout
    except (OSError, subprocess.TimeoutExpired):
        return {}
    units = [dict(line.split("=", 1) for line in unit.splitlines() if "=" in line) for unit in shown.split("\n\n")]
    return {_name(unit): unit.get("SubState", "") for unit in units if _is_ours(unit, settings)}


def _name(unit: dict[str, str]) -> str:
    return unit["Id"].removeprefix("dockerdriver-").removesuffix(".service")


def _is_ours(unit: dict[str, str], settings: ProcessSettings) -> bool:
    """Whether its settings name this data directory: an installation of another one may be on the same machine."""
    file = unit.get("EnvironmentFiles", "").split(" (")[0]
    try:
        data = read_env_file(file).get("DD_DATA") if file else None
    except OSError:  # it is root's and the account's to read
        return False
    return "Id" in unit and data == str(settings.data)
