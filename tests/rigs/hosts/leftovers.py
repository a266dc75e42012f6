"""What an installation leaves on the machine: processes, containers, networks, mounts, links and routes."""

import os
import subprocess
from pathlib import Path

from runtime.databases.own_database import processes_in
from tests.rigs.engines.engine import KEPT
from tests.rigs.engines.light_host import LINK_PREFIX
from tests.rigs.stacks.stack import Stack


def _lines(*command: str) -> set[str]:
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines())


def network_state() -> set[str]:
    """Names of links, routes of the main table, and what the firewall does with packets that pass through.

    Links of light hosts, and routes over them, are left out: other tests have such hosts beside these.
    """
    links = {line.split(":")[1].strip().split("@")[0] for line in _lines("ip", "-o", "link")}
    routes = {f"route {line.strip()}" for line in _lines("ip", "route")}
    seen = {f"link {name}" for name in links} | routes
    policies = {rule for rule in _lines("iptables", "-S") if rule.startswith("-P")}
    return policies | {line for line in seen if f" {LINK_PREFIX}" not in line}


def processes_of(data: Path) -> set[str]:
    """Processes that were started for this data directory: their environment or command line names it."""
    found = set()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            command = (entry / "cmdline").read_bytes()
            told = command + (entry / "environ").read_bytes()
        except OSError:
            continue
        if str(data).encode() in told:
            found.add(f"{entry.name}: {command.replace(bytes(1), b' ').decode(errors='replace')[:120]}")
    return found | {f"{pid}: postgres" for pid in processes_in(data / "postgres" / "cluster")}


def mounts_of(*parts: str) -> set[str]:
    """Mount points whose path holds one of *parts*."""
    points = {line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()}
    return {point for point in points if any(part in point for part in parts)}


def mounts_of_stack(stack: Stack, namespace: str) -> set[str]:
    """Mount points of an installation; of an engine of its own, too, which has its images where the tests have theirs.

    An engine that it was given has containers of other runs of tests, and their mounts are no leftovers.
    """
    own_engine = () if "DD_ENGINE_URL" in stack.settings else (str(KEPT / "engine"),)
    return mounts_of(str(stack.data), f"/run/dockerdriver/{namespace}", *own_engine)


def containers_of(namespace: str, engine: str) -> set[str]:
    """Containers and networks on an engine that carry the installation's namespace."""
    label = f"label=dockerdriver.namespace={namespace}"
    containers = _lines("docker", "-H", engine, "ps", "-aq", "--filter", label)
    return containers | _lines("docker", "-H", engine, "network", "ls", "-q", "--filter", label)
