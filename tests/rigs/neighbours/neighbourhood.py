"""Sessions on a real host whose disk is small, made as the product makes them: one works, one takes what it can."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from blocks.engine.client import HostEngine
from blocks.engine.probes.probe import PROBE_SECONDS
from pool import marks
from pool.errors import EngineTrouble, HostUnreachable
from pool.records import ContainerSpec, Placement
from pool.sessions.containers import container_spec
from tests.rigs.engines.python_image import python_image
from tests.rigs.hosts.configured_host import Configured
from tests.rigs.pool_data import a_blueprint, an_instance
from tests.rigs.waiting import until

PROGRAMS = Path(__file__).parent / "programs"
NAMESPACE, SESSION = "dd-neighbours", "abuser-1"
VOLUME_MB, MEMORY_MB = 1024, 256
WORLD, WORLD_PORT = "203.0.113.2", 80
FLOOD, BUSY = "connection-flood", "busy"  # the latter is no abuse
#: By its name, how `programs/abuse.py` is told.
ABUSES = {
    name: name
    for name in (
        "disk-filler",
        "file-holder",
        "fork-bomb",
        "inotify-holder",
        "inode-filler",
        "log-spammer",
        "memory-hog",
        "shared-memory-filler",
    )
} | {FLOOD: f"{FLOOD} {WORLD} {WORLD_PORT}"}
ABUSER_PORT, NEIGHBOUR_PORT = 20000, 20001
#: Does nothing before it is let go.
HELD = "until [ -e /tmp/go ]; do sleep 0.1; done; exec python3 /abuse.py $ABUSE"
LIMITS = "cat pids/pids.max pids.max memory/memory.limit_in_bytes memory.max 2>/dev/null; true"
DOCKER = "systemctl reset-failed docker; systemctl start docker"


@dataclass
class Neighbourhood:
    """The host, its engine, and the image of its sessions."""

    configured: Configured
    engine: HostEngine
    image: str

    def spec(self, instance: str, port: int, command: tuple[str, ...], **environment: str) -> ContainerSpec:
        """A session's container by a blueprint that leaves nearly all as it is."""
        blueprint = a_blueprint(
            memory_mb=MEMORY_MB, container_user="session:1000", command=command, environment=environment
        )
        placed = an_instance(instance, placement=Placement(self.configured.host.name, port))
        return container_spec(placed, blueprint, self.image, NAMESPACE)

    @contextmanager
    def abuser(self, abuse: str) -> Iterator[ContainerSpec]:
        """A session that is at it, once its limits were seen in force; `programs/abuse.py` has the names."""
        spec = self.spec(SESSION, ABUSER_PORT, ("sh", "-c", HELD), ABUSE=ABUSES.get(abuse, abuse))
        self.engine.run(spec)
        try:
            self.check_limits(spec)
            assert self.engine.run_inside(spec.name, ("busybox", "touch", "/tmp/go"), 20) == 0
            yield spec
        finally:
            until(lambda: self.removed(spec.name), "it is ended", 120)

    def removed(self, name: str) -> bool:
        """Try to, as the product does: again where five hundred processes take longer to end than an engine waits."""
        with suppress(EngineTrouble):
            self.engine.remove(name)
        return self.engine.find(name) is None

    def check_limits(self, spec: ContainerSpec) -> None:
        """Look from inside at what the kernel holds it to."""
        found = self.configured.root(f"docker exec {spec.name} sh -c 'cd /sys/fs/cgroup; {LIMITS}'").split()
        assert found == [str(spec.pids_limit), str(spec.memory_mb << 20)]

    @contextmanager
    def neighbour(self) -> Iterator[None]:
        """A session that answers."""
        spec = self.spec("neighbour-1", NEIGHBOUR_PORT, ("python3", "/neighbour.py"))
        self.engine.run(spec)
        try:
            until(self.answers, "the neighbour answers", 60)
            yield
        finally:
            self.engine.remove(spec.name)

    def work(self, part: str) -> dict:
        """What the neighbour says of a piece of work: how many "seconds" it took, or what "error" there was."""
        address = f"http://{self.configured.host.address}:{NEIGHBOUR_PORT}/part/{part}"
        return httpx.get(address, timeout=60, trust_env=False).json()

    def answers(self) -> bool:
        """Whether a new connection to it gets an answer."""
        try:
            return "seconds" in self.work("nothing")
        except httpx.TransportError:
            return False

    def shared_memory_mb(self, name: str) -> int:
        """What is used of a container's ``/dev/shm``, by its file system: a file may go while it is looked at."""
        return int(self.configured.root(f"docker exec {name} busybox df -m /dev/shm").split()[-4])

    def log_sizes(self, name: str) -> list[int]:
        """Bytes of each file of a container's log. The engine renames them at any moment: what is gone is left out."""
        path = self.configured.root(f"docker inspect -f '{{{{.LogPath}}}}' {name}")
        look = f"find {path}* -ignore_readdir_race -printf '%s\\n' 2>/dev/null || true"
        return [int(size) for size in self.configured.root(look).split()]

    def pings(self) -> bool:
        """Whether the engine answers within the time that housekeeping gives it."""
        try:
            self.engine.ping(PROBE_SECONDS)
        except HostUnreachable:
            return False
        return True

    def free_mb(self) -> int:
        """What is left on the volume."""
        return int(self.configured.root("df --output=avail --block-size=1M /var/lib/docker").split()[-1])


@contextmanager
def neighbourhood(configured: Configured) -> Iterator[Neighbourhood]:
    """The engine of this host with its data on a volume of 1 GB, and a world outside. All is as before afterwards."""
    programs = {file.name: file.read_bytes() for file in PROGRAMS.glob("*.py")}
    image = python_image("neighbours", programs)
    with _small_volume(configured), outside_world(configured):
        engine = configured.engine()
        engine.load([image.archive()])
        yield Neighbourhood(configured, engine, image.id)
        for state in engine.containers({marks.NAMESPACE: NAMESPACE}):
            engine.remove(state.id)


@contextmanager
def _small_volume(configured: Configured) -> Iterator[None]:
    """In a file of the host. The loop device is let go of at once, and so goes with its mount, whatever happens."""
    configured.root(f"truncate -s {VOLUME_MB}M /volume.img")
    device = configured.loop_device("/volume.img")
    configured.root(
        f"mkfs.ext4 -q -m 0 {device}; systemctl stop docker.socket docker; mount {device} /var/lib/docker;"
        f" losetup -d {device}; {DOCKER}"
    )
    try:
        yield
    finally:
        configured.root(f"systemctl stop docker.socket docker; umount /var/lib/docker; rm /volume.img; {DOCKER}")


@contextmanager
def outside_world(configured: Configured) -> Iterator[None]:
    """A web server outside of the host, as its containers see it."""
    configured.root(
        "ip netns add world; ip link add world0 type veth peer name eth0 netns world; ip link set world0 up;"
        f" ip -n world link set eth0 up; ip -n world addr add {WORLD}/24 dev eth0;"
        " ip addr add 203.0.113.1/24 dev world0;"
        " ip -n world route add default via 203.0.113.1;"
        f" systemd-run --quiet --unit world ip netns exec world python3 -m http.server {WORLD_PORT}"
    )
    try:
        yield
    finally:
        configured.root("systemctl stop world; ip link del world0; ip netns del world")
