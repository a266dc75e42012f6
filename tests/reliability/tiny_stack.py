"""A real stack whose sessions are as small as can be; it starts without a memory of earlier ones."""

import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pool.states import InstanceState
from tests.rigs.engines.tiny_image import busybox_image
from tests.rigs.ports import free_ports
from tests.rigs.stacks.stack import Stack

BLUEPRINT = "tiny"
SERVE = ["httpd", "-f", "-p", "8888", "-h", "/"]

#: Two hosts hold what a campaign needs at its busiest and at rest: the pool neither grows nor shrinks all the time.
POOL = {"DD_HOST_FLAVOR_SLOTS_SMALL": "12", "DD_HOST_FLAVOR_SLOTS_LARGE": "12", "DD_FREE_SLOT_TARGET": "12"}

OURS = {"DD_STANDBY_PROCESSES": "true"}  # as an installation has it; other tests go without

#: The blueprint, where it differs from that of jupyter-minimal. A campaign takes less than two hours.
TINY = {
    "image": BLUEPRINT,
    "port": 8888,
    "command": SERVE,
    "memory_mb": 64,
    "lifetime": 7200,
    "sign_in": "open",
    "strip_prefix": True,
    **{"environment": {}, "capabilities": [], "container_user": "", "ready_path": ""},
}


@contextmanager
def tiny_stack(data: Path, hosts: int, **settings: str) -> Iterator[Stack]:
    """Bring a stack up, with an image and a blueprint for tiny sessions; bring it down, whatever happened meanwhile.

    Args:
        data: its directory; the images that are built there once need not be built again.
        hosts: that its pool has at most.
        settings: of its environment, beside those of every stack of the tests.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("was asked to end"))  # or what follows would be left running
    gateway_port, prefect_port = free_ports(2)
    stack = Stack(data, gateway_port, prefect_port, settings=POOL | OURS | {"DD_MAX_HOSTS": str(hosts)} | settings)
    stack.take_away()
    for remembers in ("prefect", "postgres", "backups"):  # a pool that is no more, and what its lost key encrypted
        shutil.rmtree(data / remembers, ignore_errors=True)
    (data / "images").mkdir(parents=True, exist_ok=True)
    page = {"index.html": b"here"}
    (data / "images" / "tiny.tar").write_bytes(busybox_image(BLUEPRINT, tuple(SERVE), page).archive())
    try:
        if (up := stack.command("up")).returncode != 0:  # a busy machine: what it began goes on
            up = stack.command("up")
        assert up.returncode == 0, f"{up.stdout}\n{stack.logs()}"
        stack.save_blueprint(BLUEPRINT, **TINY)
        for first in stack.records.instances.all(states=[InstanceState.RUNNING]):  # a notebook, which is large
            stack.run("deprovision-instance/on-demand", instance_id=first.id)
        yield stack
    finally:
        stack.take_away()
