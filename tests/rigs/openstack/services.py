"""The services' processes, on databases whose tables were made once. Only the compute needs a Docker Engine."""

import fcntl
import hashlib
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from functools import partial
from pathlib import Path
from typing import IO, Any

import openstack
from openstack.connection import Connection

from tests.rigs.openstack import base_services, configuration, seeding
from tests.rigs.openstack.configuration import EPMD, HOST, PORTS, RABBIT, RABBIT_PEERS, url
from tests.rigs.openstack.installing import HERE, LOCK, check_packages, install_services
from tests.rigs.openstack.processes import Processes

BUILD = Path(__file__).parents[3] / "build" / "openstack"
RUN = Path("/run/dockerdriver-openstack-rig")  # always the same: the databases of the seed name their sockets
VENV, KEEP = BUILD / "venv", RUN / "keep"
PLUGINS = HERE / "plugins"
TURN_SECONDS = 900
ENTRY_POINT = "[neutron.ml2.mechanism_drivers]\nbridge_binding = bridge_binding:BridgeBinding\n"
MODULES = {
    "keystone": "keystone.wsgi.api",
    "glance": "glance.wsgi.api",
    "placement": "placement.wsgi.api",
    "neutron": "neutron.wsgi.api",
    "nova": "nova.wsgi.osapi_compute",
    "cinder": "cinder.wsgi.api",
}
WITHOUT_VOLUMES = tuple(name for name in MODULES if name != "cinder")
ENVIRONMENT = {
    "PATH": f"{VENV}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": str(RUN),
    "PYTHONPATH": f"{PLUGINS}:{RUN}/entry-point",
    "PYTHONWARNINGS": "ignore",
    "OS_PLACEMENT_CONFIG_DIR": f"{RUN}/etc/placement",
    "ERL_EPMD_PORT": str(EPMD),
    "ERL_EPMD_ADDRESS": HOST,
}


class Services:
    """All services of one cloud. One test run of a machine at a time has them; others wait for their turn."""

    def __init__(self, **environment: str):
        """Nothing is started yet.

        Args:
            environment: what the compute's driver must know.
        """
        self.processes = Processes(RUN, ENVIRONMENT | environment)
        self._lock: IO | None = None

    def take_turn(self) -> None:
        """Wait until no other run has the services. The lock's file stays: a run that waits for it has it open."""
        lock = RUN.with_suffix(".lock").open("w")
        until = time.monotonic() + TURN_SECONDS
        while not _locked(lock):
            if time.monotonic() > until:
                raise RuntimeError(f"another test run has had the OpenStack rig up for {TURN_SECONDS} s")
            time.sleep(0.5)
        self._lock = lock

    @property
    def is_our_turn(self) -> bool:
        """Whether what runs is ours to end."""
        return self._lock is not None

    def end_turn(self) -> None:
        """Let the next run have them."""
        assert self._lock, "it is not our turn"
        self._lock.close()
        self._lock = None

    def prepare(self) -> Path:
        """Install what is missing and make the databases, unless an earlier run has; the databases' files."""
        seed = BUILD / f"seed-{_digest()}"
        check_packages()
        install_services(VENV)
        if not seed.exists():
            self._make(seed)
        return seed

    def start(self) -> None:
        """Start everything, and fill it: that takes some seconds, and to start all only for it would take a minute."""
        seed = self.prepare()
        self._lay_out()
        subprocess.run(("cp", "-a", seed, KEEP), check=True)
        base_services.start_mariadb(self.processes, RUN, KEEP)
        base_services.start_rabbitmq(self.processes, RUN)
        self._wait_for_mariadb()
        self._begin_apis(*WITHOUT_VOLUMES)
        self._wait_for_apis("keystone")
        seeding.make_identity(connect())
        self.processes.wait("rabbitmq", lambda: self.processes.wrote("rabbitmq", "completed with"))
        self._wait_for_apis(*WITHOUT_VOLUMES)
        seeding.make_resources(connect(), connect("rig"))
        self._start_workers()

    def start_volumes(self) -> None:
        """Start Cinder, too, on tables that are made now: three processes and long migrations, for few tests."""
        options = f"--config-dir={RUN}/etc/cinder"
        self.processes.finish("cinder-sync", ("cinder-manage", options, "db", "sync"))
        self._begin_apis("cinder")
        self._wait_for_apis("cinder")
        for name in ("cinder-scheduler", "cinder-volume"):
            self.processes.start(name, name, options)
        volumes: Any = connect("rig-admin-volumes").block_storage
        self.processes.wait("cinder-volume", lambda: _is_up(volumes, "cinder-volume"))
        seeding.make_volume_type(volumes)

    def clear(self) -> None:
        """End every process, also those of a run that was killed, and remove all files but the seed."""
        self.processes.kill_all()
        shutil.rmtree(RUN, ignore_errors=True)

    def _begin_apis(self, *names: str) -> None:
        """Start these APIs, all at once."""
        files = {"keystone": "keystone.conf", "neutron": "neutron.conf", "nova": "api-paste.ini;nova.conf"}
        for name in names:
            environment = {f"OS_{name.upper()}_CONFIG_DIR": f"{RUN}/etc/{name}"}
            if name in files:
                environment[f"OS_{name.upper()}_CONFIG_FILES"] = files[name]
            serve: list[str | Path | int] = ["python", PLUGINS / "serve_api.py", MODULES[name], PORTS[name]]
            if name == "cinder":  # it takes no file from the environment
                serve.append(f"--config-dir={RUN}/etc/cinder")
            self.processes.start(name, *serve, **environment)

    def _wait_for_apis(self, *names: str) -> None:
        for name in names:
            self.processes.wait(name, partial(_answers, url(name)))

    def _wait_for_mariadb(self) -> None:
        self.processes.wait("mariadb", base_services.socket(RUN).exists)

    def _lay_out(self) -> None:
        _refuse_taken_ports()
        for folder in ("log", "etc", "lock", "drives", "staging", "tasks", "rabbit", "cinder"):
            (RUN / folder).mkdir(parents=True)
        RUN.chmod(0o755)  # MariaDB goes through it as its own user
        (RUN / "socket").mkdir()
        shutil.chown(RUN / "socket", "mysql")
        told = RUN / "entry-point/rig-1.dist-info"
        told.mkdir(parents=True)
        (told / "METADATA").write_text("Metadata-Version: 2.1\nName: rig\nVersion: 1\n")
        (told / "entry_points.txt").write_text(ENTRY_POINT)
        configuration.write(RUN, VENV)

    def _make(self, seed: Path) -> None:
        """Make the databases' tables and keep a copy of the files: it is most of the time of a first start."""
        self._lay_out()
        for folder in ("images", "nova"):
            (KEEP / folder).mkdir(parents=True)
        base_services.make_database_files(KEEP)
        base_services.start_mariadb(self.processes, RUN, KEEP)
        self._wait_for_mariadb()
        seeding.make_databases(self.processes, RUN)
        self.processes.stop("mariadb")  # in good order: its files are copied
        for old in BUILD.glob("seed-*"):
            shutil.rmtree(old)
        subprocess.run(("cp", "-a", KEEP, f"{seed}.new"), check=True)
        Path(f"{seed}.new").rename(seed)
        self.clear()

    def _start_workers(self) -> None:
        """Conductor and scheduler need identity and placement; a compute that comes before the conductor waits long."""
        for name in ("nova-conductor", "nova-scheduler"):
            self.processes.start(name, name, f"--config-dir={RUN}/etc/nova")
        self.processes.wait("nova-conductor", lambda: self.processes.wrote("nova-conductor", "Starting conductor node"))
        self.processes.start(
            "nova-compute", "python", PLUGINS / "nova_compute.py", f"--config-dir={RUN}/etc/nova-compute"
        )
        compute: Any = connect().compute
        self.processes.wait("nova-compute", lambda: _is_up(compute, "nova-compute"))
        self.processes.finish("discover", ("nova-manage", f"--config-dir={RUN}/etc/nova", "cell_v2", "discover_hosts"))


def connect(cloud: str = "rig-admin") -> Connection:
    """A client of this cloud: ``rig-admin``, or ``rig`` for the pool's own project."""
    return openstack.connect(load_envvars=False, load_yaml_config=False, **configuration.clouds()["clouds"][cloud])


def _locked(file: IO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_up(service: Any, binary: str) -> bool:
    """Whether it has reported after its start, at whose beginning it is called up already."""
    return any(one.state == "up" and one.updated_at for one in service.services(binary=binary))


def _answers(address: str) -> bool:
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(address, timeout=5):
            return True
    except urllib.error.HTTPError as answer:
        return answer.code < 500
    except OSError:
        return False


def _refuse_taken_ports() -> None:
    for port in (*PORTS.values(), RABBIT, RABBIT_PEERS, EPMD):
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) == 0:
                raise RuntimeError(f"port {port} of {HOST}, which the OpenStack rig needs, is taken by another program")


def _digest() -> str:
    """Names the seed: it is made anew when the services, their configuration or what is seeded changes."""
    made_of = [LOCK, HERE / "configuration.py", HERE / "seeding.py"]
    return hashlib.sha256(b"".join(file.read_bytes() for file in made_of)).hexdigest()[:12]
