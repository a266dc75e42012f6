"""A throwaway container that tries to get out: at ports that no session may reach, and by rights that none may have.

Its image is a busybox alone, which is brought along and removed again, so that a host without images can be tested.
"""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import docker
from docker.errors import ImageNotFound

from blocks.engine.client import HostEngine
from blocks.engine.containers.busybox import static_busybox
from blocks.engine.limits import confined, network_label
from blocks.files.small_tar import small_tar
from pool.errors import DockerDriverError, EngineTrouble
from pool.hosts.escapes import Door, found_open

NAME = "dd.escape-test"  # of the container and of its image; no session can be called so
TEST_SECONDS = 30
TRIED_MBIT = 100  # any rate will do
BUSYBOX = "bin/busybox"
PROGRAM = Path(__file__).with_name("escape.sh")
PROCESSES = 2  # for each door
ENDED_WELL = "tested"


def open_doors(engine: HostEngine, doors: Sequence[Door], limited: bool = False) -> list[str]:
    """Try all doors at once from inside a container that is confined as a session is; the ways that were open.

    Args:
        engine: of the host.
        doors: that must be shut.
        limited: whether the host must also hold the container to a rate of the network.

    Raises:
        HostUnreachable: the engine did not answer.
        EngineTrouble: the container did not run to its end.
        DockerDriverError: there is no static busybox on this machine.
    """
    archive = _image(_busybox())
    _clear(engine)
    try:
        with engine.client("try to get out of a container", TEST_SECONDS) as client:
            said = _run(client, archive, doors, limited)
    finally:
        _clear(engine)
    if ENDED_WELL not in said.splitlines():
        raise EngineTrouble(f"the test whether a container gets out did not end; it said: {said[-200:].strip()!r}")
    return found_open(said, doors)


def _run(client: docker.APIClient, archive: bytes, doors: Sequence[Door], limited: bool) -> str:
    client.import_image_from_data(archive, repository=NAME)
    limits = client.create_host_config(**confined(memory_mb=64, pids_limit=PROCESSES * len(doors) + 32))
    command = [f"/{BUSYBOX}", "sh", "-c", PROGRAM.read_text(), "escape", *(f"{d.address}/{d.port}" for d in doors)]
    labels = network_label(TRIED_MBIT if limited else 0)
    told = {"LIMITED": "yes" if limited else ""}
    client.create_container(NAME, command, name=NAME, host_config=limits, labels=labels, environment=told)
    client.start(NAME)
    client.wait(NAME, timeout=TEST_SECONDS)
    return client.logs(NAME).decode(errors="replace")


def _clear(engine: HostEngine) -> None:
    engine.remove(NAME)
    with engine.client("remove an image") as client, suppress(ImageNotFound):
        client.remove_image(NAME, force=True)


def _busybox() -> bytes:
    if content := static_busybox():
        return content
    raise DockerDriverError("no static busybox is here to test hosts with: apt-get install busybox-static")


def _image(busybox: bytes) -> bytes:
    """Pack a root file system with one program in it."""
    folders = [(folder, None, 0o755) for folder in ("bin", "tmp", "proc", "sys", "dev", "etc")]
    return small_tar([*folders, (BUSYBOX, busybox, 0o755)])
