"""The Docker Engine of this machine: the one that answers, or one of our own."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from blocks.engine.local_api import answers
from blocks.settings import ProcessSettings
from pool.errors import EngineTrouble

FORWARDING = "forward.policy"
DEFAULT = "unix:///var/run/docker.sock"

Say = Callable[[str], None]


def own_engine_url(settings: ProcessSettings) -> str:
    """Where our own engine listens, when there is one."""
    return f"unix://{settings.run_dir}/docker.sock"


def find_engine(settings: ProcessSettings, say: Say) -> str | None:
    """Return the engine that answers on this machine; None: there is none, and our own is to be started.

    Raises:
        EngineTrouble: the one that the settings name does not answer, or none can be had.
    """
    if named := settings.engine_url or os.environ.get("DOCKER_HOST", ""):
        return _answering(named)
    if answers(DEFAULT) or _start_service(say):
        return DEFAULT
    if not shutil.which("dockerd"):
        raise EngineTrouble("no Docker Engine answers on this machine and there is no dockerd: install docker.io")
    return None


def _answering(url: str) -> str:
    if not answers(url):
        raise EngineTrouble(f"no Docker Engine answers at {url}, which DD_ENGINE_URL or DOCKER_HOST names")
    return url


def _start_service(say: Say) -> bool:
    """Where systemd looks after services, the distribution's own engine is the one to use."""
    if not Path("/run/systemd/system").exists() or not shutil.which("dockerd"):
        return False
    say("starts the Docker Engine of this machine (docker.service)")
    started = subprocess.run(["systemctl", "start", "docker.service"], capture_output=True, check=False, timeout=120)
    return started.returncode == 0 and wait_for_engine(DEFAULT, 30)


def own_engine_command(settings: ProcessSettings) -> list[str]:
    """dockerd with everything in our own directories. Containers outlive its restart; bridges are only our own."""
    place = settings.run_dir / "engine"
    return [
        "dockerd",
        "--bridge=none",
        "--live-restore",
        f"--data-root={settings.data / 'engine'}",
        f"--exec-root={place}",
        f"--pidfile={place}.pid",
        f"--host={own_engine_url(settings)}",
    ]


def own_engine_ran(settings: ProcessSettings) -> bool:
    """Whether there was ever an engine of our own here, whose containers may still be on its disk."""
    return (settings.data / "engine").exists()


def wait_for_engine(url: str, seconds: float) -> bool:
    """Ask until it answers or the time is up."""
    deadline = time.monotonic() + seconds
    while not (there := answers(url)) and time.monotonic() < deadline:
        time.sleep(0.2)
    return there


def note_forwarding(settings: ProcessSettings) -> None:
    """Write down what the firewall does with packets that pass through: dockerd is about to have them dropped."""
    note = settings.run_dir / FORWARDING
    if not note.exists():
        listed = subprocess.run(["iptables", "-S", "FORWARD"], capture_output=True, text=True, check=False).stdout
        note.write_text("DROP" if "-P FORWARD DROP" in listed else "ACCEPT")


def _restore_forwarding(settings: ProcessSettings) -> None:
    note = settings.run_dir / FORWARDING
    if note.exists():
        subprocess.run(["iptables", "-P", "FORWARD", note.read_text()], capture_output=True, check=False)
        note.unlink()  # a later change by an operator must not be overwritten by the next clean-up


def clear_after_own_engine(settings: ProcessSettings) -> None:
    """Remove what a stopped dockerd leaves: mounts, and its changes to the firewall when no other one uses them."""
    for mount in _mounts_below((settings.data / "engine").resolve(), settings.run_dir):
        subprocess.run(["umount", "--lazy", mount], capture_output=True, check=False)
    if not running_dockerds():
        for table in ("filter", "nat"):
            _drop_docker_chains(table)
        _restore_forwarding(settings)


def _mounts_below(*places: Path) -> list[str]:
    """Mount points below these places, the deepest first."""
    points = [line.split()[4].replace("\\040", " ") for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return sorted((p for p in points if any(Path(p).is_relative_to(place) for place in places)), reverse=True)


def running_dockerds() -> list[int]:
    """List the process ids of all Docker Engines of this machine."""
    processes = (entry for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return [int(entry.name) for entry in processes if _is_dockerd(entry / "comm")]


def _is_dockerd(name: Path) -> bool:
    try:
        return name.read_text().strip() == "dockerd"
    except OSError:  # it has ended meanwhile
        return False


def _drop_docker_chains(table: str) -> None:
    """Delete the rules that lead to Docker's chains, then the chains."""
    listed = subprocess.run(["iptables", "-t", table, "-S"], capture_output=True, text=True, check=False).stdout
    rules = [line.split() for line in listed.splitlines()]
    ours = [rule for rule in rules if any(word.startswith("DOCKER") for word in rule)]
    orders = [["-D", *rule[1:]] for rule in ours if rule[0] == "-A"]
    chains = [rule[1] for rule in ours if rule[0] == "-N"]
    for order in orders + [["-F", chain] for chain in chains] + [["-X", chain] for chain in chains]:
        subprocess.run(["iptables", "-t", table, *order], capture_output=True, check=False)
