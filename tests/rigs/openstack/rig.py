"""Bring the cloud up, and take it down without a trace."""

import fcntl
import hashlib
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import openstack
import yaml

from tests.rigs.openstack import base_services, configuration, seeding
from tests.rigs.openstack.configuration import BRIDGE, EPMD, GATEWAY, HOST, PORTS, RABBIT, RABBIT_PEERS, SUBNET, url
from tests.rigs.openstack.installing import HERE, LOCK, install_packages, install_services
from tests.rigs.openstack.processes import Processes

BUILD = Path(__file__).parents[3] / "build" / "openstack"
RUN = Path("/run/dockerdriver-openstack-rig")  # always the same: the databases of the seed name their sockets
PLUGINS = HERE / "plugins"
LABEL = "dockerdriver.rig"
NETWORK = "dockerdriver-rig"
ENTRY_POINT = "[neutron.ml2.mechanism_drivers]\nbridge_binding = bridge_binding:BridgeBinding\n"
MODULES = {
    "keystone": "keystone.wsgi.api",
    "glance": "glance.wsgi.api",
    "placement": "placement.wsgi.api",
    "neutron": "neutron.wsgi.api",
    "nova": "nova.wsgi.osapi_compute",
    "cinder": "cinder.wsgi.api",
}


class OpenStackRig:
    """One cloud on this machine; a second one at the same time is refused."""

    def __init__(self, host_image: str, engine_url: str):
        """Nothing is started yet.

        Args:
            host_image: the container image that its servers boot.
            engine_url: the Docker Engine that they run on.
        """
        self.engine = {"DOCKER_HOST": engine_url}
        self.venv = BUILD / "venv"
        self.clouds_yaml = RUN / "clouds.yaml"
        self.keep = RUN / "keep"
        self.drives = RUN / "drives"
        self.processes = Processes(RUN, self._environment(host_image))
        self._lock = None

    def up(self) -> None:
        """Start everything; from the seeded databases where an earlier run has kept them."""
        self._take_lock()
        self._clean()
        _refuse_taken_ports()
        install_packages()
        install_services(self.venv)
        seed = BUILD / f"seed-{_digest()}"
        if not seed.exists():
            self._make_seed(seed)
        self._prepare()
        _run("cp", "-a", str(seed), str(self.keep))
        self._start_base()
        self._start_apis(*MODULES)
        self._start_workers()

    def down(self) -> None:
        """End everything. The logs stay in ``build/openstack/log``."""
        shutil.rmtree(BUILD / "log", ignore_errors=True)
        if self.processes.logs.exists():
            shutil.copytree(self.processes.logs, BUILD / "log")
        self._clean()
        Path(self._lock.name).unlink()
        self._lock.close()

    def connect(self, cloud: str = "rig-admin") -> openstack.connection.Connection:
        """A client of this cloud: ``rig-admin``, or ``rig`` for the pool's own project."""
        return openstack.connect(load_envvars=False, load_yaml_config=False, **configuration.clouds()["clouds"][cloud])

    def add_cloud(self, name: str, **changes: object) -> None:
        """Another entry of ``clouds.yaml``: as ``rig``, with these changes."""
        told = yaml.safe_load(self.clouds_yaml.read_text())
        told["clouds"][name] = told["clouds"]["rig"] | changes
        self.clouds_yaml.write_text(yaml.safe_dump(told))

    def project_holds(self) -> set[str]:
        """Whatever the pool's project holds beyond what was seeded, as "port main-01"; and the machines."""
        pool = self.connect("rig")
        mine = {"project_id": pool.current_project_id}
        seeded = ("default", *seeding.SECURITY_GROUPS)
        found = {
            "server": pool.compute.servers(),
            "port": pool.network.ports(**mine),
            "security group": (g for g in pool.network.security_groups(**mine) if g.name not in seeded),
            "keypair": pool.compute.keypairs(),
            "server group": pool.compute.server_groups(),
            "volume": self.connect("rig-volumes").block_storage.volumes(),
        }
        named = {f"{kind} {thing.name}" for kind, things in found.items() for thing in things}
        return named | {f"container {container}" for container in self.containers()}

    def forgive(self, forgiven: bool = True) -> None:
        """Whether servers of the flavor ``rig.undying`` can be destroyed now."""
        mark = self.drives / "forgive"
        mark.touch() if forgiven else mark.unlink(missing_ok=True)

    def stop_service(self, name: str) -> None:
        """End one process, as "neutron" or "nova-compute"."""
        self.processes.stop(name)

    def start_service(self, name: str) -> None:
        """Start a process again that was stopped, and wait until it works."""
        if name in MODULES:
            self._start_apis(name)
        else:
            self._start_compute()

    def containers(self) -> list[str]:
        """The machines behind the servers: ids."""
        return self._docker("ps", "-aq", "--filter", f"label={LABEL}").split()

    def _environment(self, host_image: str) -> dict[str, str]:
        return self.engine | {
            "PATH": f"{self.venv}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(RUN),
            "PYTHONPATH": f"{PLUGINS}:{RUN}/entry-point",
            "PYTHONWARNINGS": "ignore",
            "OS_PLACEMENT_CONFIG_DIR": f"{RUN}/etc/placement",
            "RIG_HOST_IMAGE": host_image,
            "RIG_NETWORK": NETWORK,
            "RIG_LABEL": LABEL,
            "RIG_DRIVES": str(self.drives),
            "ERL_EPMD_PORT": str(EPMD),
            "ERL_EPMD_ADDRESS": HOST,
        }

    def _take_lock(self) -> None:
        self._lock = RUN.with_suffix(".lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RuntimeError("another test run on this machine has the OpenStack rig up; wait for its end") from None

    def _clean(self) -> None:
        self.processes.kill_all()
        for container in self.containers():
            self._docker("rm", "--force", "--volumes", container)
        for image in self._docker("images", "-q", "--filter", f"label={LABEL}").split():
            self._docker("rmi", "--force", image)
        for network in self._docker("network", "ls", "-q", "--filter", f"label={LABEL}").split():
            self._docker("network", "rm", network)
        shutil.rmtree(RUN, ignore_errors=True)

    def _prepare(self) -> None:
        for folder in ("log", "etc", "lock", "drives", "staging", "tasks", "rabbit", "cinder"):
            (RUN / folder).mkdir(parents=True)
        RUN.chmod(0o755)  # MariaDB goes through it as its own user
        (RUN / "socket").mkdir()
        shutil.chown(RUN / "socket", "mysql")
        told = RUN / "entry-point/rig-1.dist-info"
        told.mkdir(parents=True)
        (told / "METADATA").write_text("Metadata-Version: 2.1\nName: rig\nVersion: 1\n")
        (told / "entry_points.txt").write_text(ENTRY_POINT)
        configuration.write(RUN, self.venv)

    def _make_seed(self, seed: Path) -> None:
        """Make the databases from nothing and keep a copy: it is most of the time of a first start."""
        self._prepare()
        for folder in ("images", "nova"):
            (self.keep / folder).mkdir(parents=True)
        base_services.make_database_files(self.keep)
        self._start_base()
        seeding.make_databases(self.processes, RUN)
        self._start_apis("keystone")
        seeding.make_identity(self.connect())
        self._start_apis(*(name for name in MODULES if name != "keystone"))
        seeding.make_resources(self.connect(), self.connect("rig"))
        seeding.make_volume_type(self.connect("rig-admin-volumes"))
        self._start_workers()
        self.processes.finish("discover", ("nova-manage", f"--config-dir={RUN}/etc/nova", "cell_v2", "discover_hosts"))
        self.processes.stop("nova-compute")
        self.processes.stop("mariadb")  # in good order: its files are copied
        BUILD.mkdir(parents=True, exist_ok=True)
        for old in BUILD.glob("seed-*"):
            shutil.rmtree(old)
        _run("cp", "-a", str(self.keep), f"{seed}.new")
        Path(f"{seed}.new").rename(seed)
        self._clean()

    def _start_base(self) -> None:
        self._docker(
            "network",
            "create",
            f"--label={LABEL}",
            f"--subnet={SUBNET}",
            f"--gateway={GATEWAY}",
            f"--opt=com.docker.network.bridge.name={BRIDGE}",
            NETWORK,
        )
        base_services.start_mariadb(self.processes, RUN, self.keep)
        base_services.start_rabbitmq(self.processes, RUN)
        self.processes.wait("mariadb", base_services.socket(RUN).exists)
        self.processes.wait("rabbitmq", lambda: self.processes.wrote("rabbitmq", "completed with"))

    def _docker(self, *words: str) -> str:
        return _run("docker", *words, **self.engine)

    def _start_apis(self, *names: str) -> None:
        files = {"keystone": "keystone.conf", "neutron": "neutron.conf", "nova": "api-paste.ini;nova.conf"}
        for name in names:
            environment = {f"OS_{name.upper()}_CONFIG_DIR": f"{RUN}/etc/{name}"}
            if name in files:
                environment[f"OS_{name.upper()}_CONFIG_FILES"] = files[name]
            serve = ["python", PLUGINS / "serve_api.py", MODULES[name], PORTS[name]]
            if name == "cinder":  # it takes no file from the environment
                serve.append(f"--config-dir={RUN}/etc/cinder")
            self.processes.start(name, *serve, **environment)
        for name in names:
            self.processes.wait(name, lambda name=name: _answers(url(name)))

    def _start_workers(self) -> None:
        """Conductor and scheduler need identity and placement; a compute that comes before the conductor waits long."""
        for name in ("nova-conductor", "nova-scheduler", "cinder-scheduler", "cinder-volume"):
            self.processes.start(name, name, f"--config-dir={RUN}/etc/{name.partition('-')[0]}")
        self.processes.wait("nova-conductor", lambda: self.processes.wrote("nova-conductor", "Starting conductor node"))
        self._start_compute()

    def _start_compute(self) -> None:
        command = ("python", PLUGINS / "nova_compute.py", f"--config-dir={RUN}/etc/nova-compute")
        since = time.time()
        self.processes.start("nova-compute", *command)
        compute = self.connect().compute
        self.processes.wait("nova-compute", lambda: _reported(compute, since))


def _reported(compute, since: float) -> bool:
    found = list(compute.services(binary="nova-compute"))
    return bool(found) and found[0].state == "up" and _stamp(found[0].updated_at) > since


def _stamp(text: str | None) -> float:
    """Seconds of a time that Nova writes: UTC, without a zone."""
    return time.mktime(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone if text else 0


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


def _run(*command: str, **environment: str) -> str:
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout
