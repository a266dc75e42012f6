"""What a session wrote into its container, listed without reading it: by a program beside it, not by the session.

An engine of the storage `overlay2` keeps what a container wrote in one folder, also while it does not run. A throwaway
container that may read that folder, and nothing else, lists it with a busybox that is brought along.
"""

import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

import docker
from docker.types import LogConfig, Mount

from blocks.engine.by_id import create_container
from blocks.engine.limits import confined
from blocks.files.small_tar import small_tar

PREFIX = "dd.files-of-"  # no session can be called so
BUSYBOX = ".dd/busybox"  # it looks at its own name
PROGRAM = Path(__file__).with_name("inventory.sh")
MOST_BYTES = 16 << 20  # of a list: some 100,000 files, which take five times as much of the manager's memory
LEFT_SECONDS = 600  # no list takes so long
MEMORY_MB, PROCESSES = 64, 16


@contextmanager
def lister(client: docker.APIClient, seen: dict[str, Any], busybox: bytes, command: list[str]) -> Iterator[str]:
    """Make the throwaway container that lists what another one wrote; it is gone at the end. Its id.

    Args:
        client: of the engine.
        seen: what the engine says of the other one.
        busybox: a static one.
        command: after the program.
    """
    name = PREFIX + seen["Name"].lstrip("/")
    _remove(client, name)
    _forget_those_of_dead_processes(client)
    kept = Mount("/kept", seen["GraphDriver"]["Data"]["UpperDir"], "bind", read_only=True, propagation="rslave")
    limits = client.create_host_config(
        **confined(MEMORY_MB, PROCESSES) | {"cap_add": ["DAC_READ_SEARCH"]},
        network_mode="none",
        mounts=[kept],
        log_config=LogConfig(type="json-file", config={"max-size": "1g"}),
    )
    try:
        container = create_container(
            client,
            seen["Image"],
            name=name,
            entrypoint=[f"/{BUSYBOX}", "sh", "-c", PROGRAM.read_text(), "inventory", f"/{BUSYBOX}", *command],
            user="0:0",
            working_dir="/",
            environment={"TZ": "UTC"},
            healthcheck={"test": ["NONE"]},
            host_config=limits,
        )
        client.put_archive(container, "/", small_tar([(BUSYBOX, busybox, 0o755)]))
        yield container
    finally:
        _remove(client, name)


def can_be_listed(seen: dict[str, Any], paths: Sequence[str]) -> bool:
    """Whether what a container wrote below these paths is in the one folder of its engine's storage.

    Args:
        seen: what its engine says of it.
        paths: absolute.
    """
    driver = seen.get("GraphDriver") or {}
    if driver.get("Name") != "overlay2" or not (driver.get("Data") or {}).get("UpperDir"):
        return False
    mounted = [one["Destination"] for one in seen.get("Mounts") or ()] + [*(seen["HostConfig"].get("Tmpfs") or ())]
    return not any(_meet(path, other) for path in paths for other in mounted)


def arguments(paths: Sequence[str], mark: str) -> list[str]:
    """What the program is told: see inventory.sh."""
    above = {str(folder) for path in paths for folder in PurePosixPath(path).parents} - {"/"}
    return [mark, str(MOST_BYTES), *(f"above:{one[1:]}" for one in sorted(above)), *(one[1:] for one in paths)]


def new_mark() -> str:
    """Make what begins each record of one list."""
    return secrets.token_hex(12)


def _meet(path: str, other: str) -> bool:
    one, two = PurePosixPath(path), PurePosixPath(other)
    return one.is_relative_to(two) or two.is_relative_to(one)


def _forget_those_of_dead_processes(client: docker.APIClient) -> None:
    """They would keep the images that they are of from being removed."""
    for one in client.containers(all=True, filters={"name": PREFIX}):  # somewhere in a name, and with any sign for .
        ours = all(name.startswith(f"/{PREFIX}") for name in one["Names"])
        if ours and time.time() - one["Created"] > LEFT_SECONDS:
            _remove(client, one["Id"])


def _remove(client: docker.APIClient, name: str) -> None:
    try:
        client.remove_container(name, v=True, force=True)
    except docker.errors.NotFound:
        return
