"""The Docker Engine of this machine: the one that answers, or one of our own.

Also the few questions about everything that carries our namespace, asked of its API directly: they must work when
nothing else of the stack does.
"""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from blocks.engine.container_name import listed_name
from blocks.settings import ProcessSettings
from pool import marks
from pool.errors import EngineTrouble

FORWARDING = "forward.policy"
DEFAULT = "unix:///var/run/docker.sock"

Say = Callable[[str], None]


def own_engine_url(settings: ProcessSettings) -> str:
    """Where our own engine listens, when there is one."""
    return f"unix://{settings.run_dir}/docker.sock"


def find_engine(settings: ProcessSettings, say: Say) -> str | None:
    """The engine that answers on this machine; None: there is none, and our own is to be started.

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


def answers(url: str, seconds: float = 5) -> bool:
    """Whether an engine answers there."""
    try:
        with _client(url, seconds) as client:
            return client.get("/_ping").is_success
    except (httpx.HTTPError, OSError):
        return False


def wait_for_engine(url: str, seconds: float) -> bool:
    """Ask until it answers or the time is up."""
    deadline = time.monotonic() + seconds
    while not (there := answers(url)) and time.monotonic() < deadline:
        time.sleep(0.2)
    return there


def sweep(url: str, namespace: str) -> list[str]:
    """Remove every container, network and volume of the namespace; what was removed, by name. Absent is success.

    Raises:
        EngineTrouble: the engine does not do it.
    """
    label = {"filters": json.dumps({"label": [f"{marks.NAMESPACE}={namespace}"]})}
    try:
        with _client(url, 120) as engine:
            containers = _got(engine.get("/containers/json", params=label | {"all": "true"}))
            removed = [_remove(engine, f"/containers/{c['Id']}?force=true&v=true", listed_name(c)) for c in containers]
            networks = _got(engine.get("/networks", params=label))
            removed += [_remove(engine, f"/networks/{n['Id']}", n["Name"]) for n in networks]
            volumes = _got(engine.get("/volumes", params=label))["Volumes"] or []
            return removed + [_remove(engine, f"/volumes/{v['Name']}", v["Name"]) for v in volumes]
    except httpx.HTTPError as error:
        raise EngineTrouble(f"the Docker Engine at {url} did not remove what belongs to {namespace}: {error}") from None


def _remove(engine: httpx.Client, path: str, name: str) -> str:
    answer = engine.delete(path)
    if answer.status_code not in (404, 409):  # gone already, or being removed by somebody else
        answer.raise_for_status()
    return name


def _got(answer: httpx.Response) -> list | dict:
    return answer.raise_for_status().json()


def _client(url: str, seconds: float) -> httpx.Client:
    """A client for unix:// and tcp:// engines. Proxies of the environment are not for the engine."""
    scheme, _, place = url.partition("://")
    if scheme == "unix":
        transport = httpx.HTTPTransport(uds=place, verify=False)  # spare loading the CAs
        return httpx.Client(transport=transport, base_url="http://engine", timeout=seconds, trust_env=False)
    return httpx.Client(base_url=f"http://{place}", timeout=seconds, trust_env=False)


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
        note.unlink()  # whoever changes it from now on is not to be overruled by the next one who clears up


def clear_after_own_engine(settings: ProcessSettings) -> None:
    """Remove what a stopped dockerd leaves: mounts, and its changes to the firewall when no other one uses them."""
    for mount in _mounts_below(settings.data / "engine", settings.run_dir):
        subprocess.run(["umount", "--lazy", mount], capture_output=True, check=False)
    if not _any_dockerd():
        for table in ("filter", "nat"):
            _drop_docker_chains(table)
        _restore_forwarding(settings)


def _mounts_below(*places: Path) -> list[str]:
    """Mount points below these places, the deepest first."""
    points = [line.split()[4].replace("\\040", " ") for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return sorted((p for p in points if any(Path(p).is_relative_to(place) for place in places)), reverse=True)


def _any_dockerd() -> bool:
    names = (entry / "comm" for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return any(name.exists() and name.read_text().strip() == "dockerd" for name in names)


def _drop_docker_chains(table: str) -> None:
    """Delete the rules that lead to Docker's chains, then the chains."""
    listed = subprocess.run(["iptables", "-t", table, "-S"], capture_output=True, text=True, check=False).stdout
    rules = [line.split() for line in listed.splitlines()]
    ours = [rule for rule in rules if any(word.startswith("DOCKER") for word in rule)]
    orders = [["-D", *rule[1:]] for rule in ours if rule[0] == "-A"]
    chains = [rule[1] for rule in ours if rule[0] == "-N"]
    for order in orders + [["-F", chain] for chain in chains] + [["-X", chain] for chain in chains]:
        subprocess.run(["iptables", "-t", table, *order], capture_output=True, check=False)
