"""A light host: a network namespace with a Docker Engine of its own, reached over mutual TLS. No sshd, no playbook.

The engine is the machine's own dockerd with its own data, bridge and /run; it and its containers live in one pid
namespace, so ending that is a power cut. Nothing of another engine on the machine is touched. Needs root, iproute2,
iptables and dockerd.
"""

import json
import os
import random
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from itertools import count
from pathlib import Path

from blocks.engine.client import HostEngine
from blocks.engine.connection import EngineIdentity
from blocks.stored.authority import CertificateAuthority
from pool.errors import DockerDriverError

LINK_PREFIX = "ddl"
_numbers = (number % 250 for number in count(random.randrange(250)))
_START = """
set -e
mount -t tmpfs tmpfs /run
mkdir -p /run/lock
mkdir -p {root}/certs.d /etc/docker/certs.d
mount --bind {root}/certs.d /etc/docker/certs.d
PATH={path}$PATH
exec dockerd --data-root {root}/data --exec-root /run/docker --pidfile /run/docker.pid --bridge br0 \
    {store} --userland-proxy=false --live-restore={live} \
    -H unix://{root}/docker.sock -H tcp://{address}:2376 --tlsverify \
    --tlscacert {root}/ca.pem --tlscert {root}/server.pem --tlskey {root}/server.key {options}
"""
_OWN_NAMESPACES = ("unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc")


def run(*command: str, check: bool = True) -> None:
    subprocess.run(command, check=check, stdout=subprocess.DEVNULL, stderr=None if check else subprocess.DEVNULL)


def in_use(number: int) -> bool:
    """Whether a host of this number is there: one of another run, or of one that was killed."""
    return Path(f"/sys/class/net/{LINK_PREFIX}{number}a").exists()


class LightHost:
    """One light host; `start` and `stop` may be called again and again, `destroy` leaves nothing behind."""

    def __init__(
        self,
        authority: CertificateAuthority,
        named: str = "",
        live_restore: bool = False,
        options: str = "",
        disk_mb: int = 0,
        programs: str = "",
    ):
        number = next(number for number in _numbers if not in_use(number))
        self.netns = f"ddl{os.getpid()}-{number}"
        self.address = f"10.231.{number}.2"
        self.root = Path(tempfile.mkdtemp(prefix="ddl-"))
        self._gateway = f"10.231.{number}.1"
        self._links = f"{LINK_PREFIX}{number}a", f"{LINK_PREFIX}{number}b"
        self._live, self._options, self._disk_mb, self._programs = live_restore, options, disk_mb, programs
        self._process: subprocess.Popen | None = None
        self.authority = authority
        self._write_certificates(named or self.address)

    @cached_property
    def identity(self) -> EngineIdentity:
        client = self.authority.issue_client("manager", days=1)
        return EngineIdentity(self.authority.certificate, client.certificate, client.private_key)

    @property
    def engine(self) -> HostEngine:
        return HostEngine.connect(self.address, self.identity, host=self.netns)

    @property
    def gateway(self) -> str:
        """This machine's address, as the host reaches it."""
        return self._gateway

    def received(self) -> int:
        """Bytes that this machine has sent to the host, with all headers."""
        return int(Path(f"/sys/class/net/{self._links[0]}/statistics/tx_bytes").read_text())

    @property
    def disk_percent(self) -> int:
        """How full the disk of its data is."""
        usage = shutil.disk_usage(self.root / "data")
        return round(100 * usage.used / usage.total)

    def mount_disk(self) -> None:
        """Give its data a disk of its own, where its size is limited."""
        (self.root / "data").mkdir()
        if self._disk_mb:
            run("mount", "-t", "tmpfs", "-o", f"size={self._disk_mb}m", "tmpfs", str(self.root / "data"))

    def trust(self, registry: str) -> None:
        """Have the engine believe this registry by our authority, as the playbook does."""
        folder = self.root / "certs.d" / registry
        folder.mkdir(parents=True)
        (folder / "ca.crt").write_text(self.authority.certificate)

    def connect_network(self) -> None:
        outside, inside = self._links
        run("ip", "netns", "add", self.netns)
        run("ip", "link", "add", outside, "type", "veth", "peer", "name", inside, "netns", self.netns)
        run("ip", "addr", "add", f"{self._gateway}/30", "dev", outside)
        run("ip", "link", "set", outside, "up")
        for step in (
            ("link", "set", "lo", "up"),
            ("addr", "add", f"{self.address}/30", "dev", inside),
            ("link", "set", inside, "up"),
            ("route", "add", "default", "via", self._gateway),
            ("link", "add", "br0", "type", "bridge"),
            ("addr", "add", "10.232.0.1/24", "dev", "br0"),
            ("link", "set", "br0", "up"),
        ):
            run("ip", "-n", self.netns, *step)

    def start(self) -> None:
        """Start the engine and wait until it answers."""
        live = str(self._live).lower()
        given = {"path": f"{self._programs}:" if self._programs else "", "store": self._store(), "live": live}
        script = _START.format(root=self.root, address=self.address, options=self._options, **given)
        enter = ["nsenter", f"--net=/run/netns/{self.netns}", *_OWN_NAMESPACES]
        with (self.root / "log").open("ab") as log:
            self._process = subprocess.Popen([*enter, "sh", "-c", script], stdout=log, stderr=log)
        self._wait_until_up()

    def _store(self) -> str:
        """Where the engine keeps images: an engine of its own programs in containerd's store."""
        if not self._programs:
            return "--storage-driver overlay2"
        (self.root / "daemon.json").write_text(json.dumps({"features": {"containerd-snapshotter": True}}))
        return f"--config-file {self.root}/daemon.json"

    def answer(self, script: str) -> str:
        """What a script of the shell says that looks at the host, as root."""
        enter = ["nsenter", f"--target={self._first_process}", "--mount", "--pid"]
        return subprocess.run([*enter, "sh", "-c", script], capture_output=True, text=True, check=True).stdout

    @property
    def _started(self) -> subprocess.Popen:
        assert self._process, "the engine does not run"
        return self._process

    @property
    def _first_process(self) -> str:
        """The engine's id, as this machine counts."""
        pid = self._started.pid
        (child,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return child

    def stop(self) -> None:
        """End the engine as a shutdown does."""
        run("kill", "-TERM", self._first_process)
        self._started.wait(timeout=60)
        self._process = None

    def cut_power(self) -> None:
        """End the engine and all its containers at once, also those that are frozen."""
        frozen = self._frozen()
        self._started.kill()
        for state in frozen:
            state.write_text("THAWED")
        self._started.wait(timeout=60)
        self._process = None

    def _frozen(self) -> list[Path]:
        """What keeps processes of the host frozen by cgroups of version 1: so they would not even die."""
        inside = self.answer("sed -n 's/^[0-9]*:freezer://p' /proc/[0-9]*/cgroup").split()
        states = {Path(f"/sys/fs/cgroup/freezer{group}/freezer.state") for group in inside}
        return [state for state in states if state.exists() and state.read_text().strip() == "FROZEN"]

    def destroy(self) -> None:
        """Leave nothing behind, whatever state it is in."""
        if self._process:
            self._remove_containers()
            self.cut_power()
        run("ip", "netns", "del", self.netns, check=False)
        run("ip", "link", "del", self._links[0], check=False)
        if self._disk_mb:
            run("umount", "--lazy", str(self.root / "data"), check=False)
        shutil.rmtree(self.root)

    def _remove_containers(self) -> None:
        local = HostEngine.local(f"unix://{self.root}/docker.sock")
        with suppress(DockerDriverError):
            for state in local.containers({}):
                local.remove(state.id)
        local.close()

    def _write_certificates(self, named: str) -> None:
        server = self.authority.issue_server("light-host", named, days=1)
        (self.root / "ca.pem").write_text(self.authority.certificate)
        (self.root / "server.pem").write_text(server.certificate)
        (self.root / "server.key").write_text(server.private_key)

    def _wait_until_up(self) -> None:
        deadline = time.monotonic() + 30
        local = HostEngine.local(f"unix://{self.root}/docker.sock")
        while True:
            try:
                return local.ping()
            except DockerDriverError:
                if self._started.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError(f"dockerd did not start:\n{(self.root / 'log').read_text()[-2000:]}") from None
                time.sleep(0.1)


@contextmanager
def light_host(
    authority: CertificateAuthority,
    named: str = "",
    live_restore: bool = False,
    options: str = "",
    disk_mb: int = 0,
    programs: str = "",
) -> Iterator[LightHost]:
    """A light host whose engine answers, for the length of a with block.

    Args:
        authority: signs its certificate.
        named: the address in its certificate; its own where it is empty.
        live_restore: containers outlive the engine.
        options: more of dockerd's own.
        disk_mb: size of the disk of its data, in memory; 0: the machine's own disk.
        programs: what stands before the PATH of an engine of other programs, which keeps images in containerd's store.
    """
    host = LightHost(authority, named, live_restore, options, disk_mb, programs)
    try:
        host.mount_disk()
        host.connect_network()
        host.start()
        yield host
    finally:
        host.destroy()
