"""What swap buys: how many idle notebooks a host of so much memory holds, without swap and with as much of it.

The host is a container with a limit of memory. Each session is a JupyterLab of the notebook image, and a Python process
beside it that holds data, written once, as a kernel does that waits for its user. One after the other is added, until
one does not answer or the kernel has killed a process of any. After each, a user comes back whose session was idle for
long: all of its data is read. The machine has a swap file meanwhile: root alone may. Run: `make bench NAME=swap`.
"""

import argparse
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from docker import DockerClient
from docker.models.containers import Container

from blocks.engine.limits import confined
from runtime.builds.notebook_image import TAG, build_notebook_image
from tests.rigs.engines.engine import some_engine

MEMORY_MB, HELD_MB = 1536, 128
MOST = 40  # sessions: none is added to so many
PATIENCE = 60  # seconds until a session must answer
FIRST_PORT = 29000  # on this machine's loopback, which the host shares: an own engine has no bridge
PROCESSES = 4000
HOLDER = """
import os, signal, sys, time
held, name = bytearray(os.urandom(int(sys.argv[1]) << 20)), sys.argv[2]
def read(*_):
    begun, _ = time.monotonic(), sum(held[::4096])
    with open(f"/tmp/{name}.new", "w") as file: file.write(str(time.monotonic() - begun))
    os.rename(f"/tmp/{name}.new", f"/tmp/{name}")
signal.signal(signal.SIGUSR1, read)
with open(f"/tmp/{name}.pid", "w") as file: file.write(str(os.getpid()))
read()
while True: signal.pause()
"""
WAKE = "rm /tmp/{0}; kill -USR1 $(cat /tmp/{0}.pid); until [ -e /tmp/{0} ]; do sleep 0.05; done; cat /tmp/{0}"


def main() -> None:
    """Measure, and print the figures: sessions, and seconds."""
    parser = argparse.ArgumentParser(prog="make bench NAME=swap", description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="file that the figures are written to")
    parser.add_argument("--memory", type=int, default=MEMORY_MB, help="of the host, in MB; with swap, as much of it")
    parser.add_argument("--held", type=int, default=HELD_MB, help="MB that the kernel of each session holds")
    said = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="dd-swap-", dir="/var/tmp") as name, some_engine() as url:
        build_notebook_image(url, Path(name) / "work", Path(name) / "images", print)
        with swap_file(Path(name) / "swap", said.memory):
            without, with_swap = (measure(url, said.memory, swap, said.held) for swap in (0, said.memory))
    report = {"memory_mb": said.memory, "held_mb": said.held, "without": without, "with_swap": with_swap}
    report |= {"more": round(with_swap["sessions"] / without["sessions"], 2), "load": os.getloadavg()}
    print(json.dumps(report, indent=2))
    if said.json:
        said.json.write_text(json.dumps(report, indent=2))


@contextmanager
def swap_file(file: Path, megabytes: int) -> Iterator[None]:
    """A file that the machine swaps to, for the length of a with block."""
    for words in (f"fallocate -l {megabytes}M", "chmod 600", "mkswap --quiet"):
        subprocess.run([*words.split(), file], check=True)
    subprocess.run(["swapon", file], check=True)
    try:
        yield
    finally:
        subprocess.run(["swapoff", file], check=True)


def measure(url: str, memory_mb: int, swap_mb: int, held_mb: int) -> dict[str, Any]:
    """Fill a host, and say what it held: sessions, the usual seconds of a start, the most that one's data took."""
    with crowded_host(url, memory_mb, swap_mb, held_mb) as host:
        answers, wakes = list[float](), list[float]()
        while len(answers) < MOST:
            took = host.add()
            if took is None or not host.is_whole():
                break
            answers.append(round(took, 1))
            wakes.append(host.wake(len(answers) // 2))
            print(f"{swap_mb} MB of swap, {len(answers)} sessions: {took:.1f} s, {wakes[-1]:.2f} s", flush=True)
        return {"sessions": len(answers), "answers_s": median(answers or [0]), "data_is_read_s": max([0, *wakes])}


@dataclass
class CrowdedHost:
    """A container that stands for a host, and the sessions in it."""

    container: Container
    held_mb: int
    sessions: int = 0

    def add(self) -> float | None:
        """Start one more; seconds until it answered, None: it did not."""
        number, begun = self.sessions, time.monotonic()
        self.sessions += 1
        port = FIRST_PORT + number
        server = ["jupyter-lab", "--ServerApp.ip=127.0.0.1", f"--port={port}"]
        self._start(server, {"DD_BASE_URL": "/", "JUPYTER_TOKEN": "made-up"})
        self._start(["python3", "-c", HOLDER, str(self.held_mb), f"s{number}"], {})
        while time.monotonic() < begun + PATIENCE:
            if self._answers(f"http://127.0.0.1:{port}/api") and self._has(f"/tmp/s{number}"):
                return time.monotonic() - begun
            time.sleep(0.2)
        return None

    def wake(self, number: int) -> float:
        """Read all that one of them holds; seconds that it took."""
        said: Any = self.container.exec_run(["timeout", str(PATIENCE), "sh", "-c", WAKE.format(f"s{number}")])
        return round(float(said.output), 2) if said.exit_code == 0 else PATIENCE

    def is_whole(self) -> bool:
        """Whether no process of any session was killed."""
        shown = [line for _, line in self.container.top(ps_args="axww -o pid,args")["Processes"]]
        return [sum(word in line for line in shown) for word in ("/jupyter-lab ", "signal.pause")] == [
            self.sessions
        ] * 2

    def _start(self, command: list[str], environment: dict[str, str]) -> None:
        self.container.exec_run(command, detach=True, environment=environment)

    def _has(self, file: str) -> bool:
        return bool(self.container.exec_run(["test", "-e", file]).exit_code == 0)

    def _answers(self, url: str) -> bool:
        try:
            with urlopen(url, timeout=5) as answer:  # noqa: S310 - of our own host
                return bool(answer.status == 200)
        except (URLError, OSError):
            return False


@contextmanager
def crowded_host(url: str, memory_mb: int, swap_mb: int, held_mb: int) -> Iterator[CrowdedHost]:
    """A host without a session; gone afterwards."""
    limits = confined(memory_mb, PROCESSES, swap_mb)
    with closing(DockerClient(base_url=url)) as client:
        container = client.containers.run(
            TAG, ["sleep", "infinity"], detach=True, network_mode="host", init=True, **limits
        )
        try:
            yield CrowdedHost(container, held_mb)
        finally:
            container.remove(force=True, v=True)


if __name__ == "__main__":
    main()
