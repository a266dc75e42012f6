"""Bring the cloud up, and take it down without a trace."""

import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import yaml
from openstack.connection import Connection

from tests.rigs.openstack import seeding
from tests.rigs.openstack.configuration import BRIDGE, GATEWAY, SUBNET
from tests.rigs.openstack.services import BUILD, RUN, Services, connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

LABEL = "dockerdriver.rig"
NETWORK = "dockerdriver-rig"
DRIVES = RUN / "drives"


class OpenStackRig:
    """One cloud on this machine; a run that wants it at the same time waits."""

    def __init__(self, host_image: str, engine_url: str):
        """Nothing is started yet.

        Args:
            host_image: the container image that its servers boot.
            engine_url: the Docker Engine that they run on.
        """
        self.engine = {"DOCKER_HOST": engine_url}
        self.clouds_yaml = RUN / "clouds.yaml"
        self._clients: dict[str, Connection] = {}
        self._has_volumes = False
        machines = {"HOST_IMAGE": host_image, "NETWORK": NETWORK, "LABEL": LABEL, "DRIVES": str(DRIVES)}
        self.services = Services(**self.engine, **{f"RIG_{name}": value for name, value in machines.items()})

    def up(self) -> None:
        """Start everything; from the databases where an earlier run has kept them."""
        self.services.take_turn()
        self._clean()
        self._make_network()
        self.services.start()

    def start_volumes(self) -> None:
        """Have the region with volumes answer for volumes, from now on."""
        self.services.start_volumes()
        self._has_volumes = True

    def down(self) -> None:
        """End everything, unless it never was our turn. The logs stay in ``build/openstack/log``."""
        if not self.services.is_our_turn:
            return
        shutil.rmtree(BUILD / "log", ignore_errors=True)
        if (RUN / "log").exists():
            shutil.copytree(RUN / "log", BUILD / "log")
        self._clean()
        self.services.end_turn()

    def connect(self, cloud: str = "rig-admin") -> Connection:
        """The client of ``rig-admin``, or of the pool's project, ``rig``; one each: a login is a dozen requests."""
        if cloud not in self._clients:
            self._clients[cloud] = connect(cloud)
        return self._clients[cloud]

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
        asked: dict[str, Callable[[], Iterable]] = {
            "server": pool.compute.servers,
            "image": lambda: pool.image.images(owner=pool.current_project_id),
            "port": lambda: pool.network.ports(**mine),
            "security group": lambda: (g for g in pool.network.security_groups(**mine) if g.name not in seeded),
            "keypair": pool.compute.keypairs,
            "server group": pool.compute.server_groups,
        }
        if self._has_volumes:
            asked["volume"] = self.connect("rig-volumes").block_storage.volumes
        with ThreadPoolExecutor(len(asked)) as threads:  # each waits for another service
            found = dict(zip(asked, threads.map(lambda ask: list(ask()), asked.values()), strict=True))
        named = {f"{kind} {thing.name}" for kind, things in found.items() for thing in things}
        return named | {f"container {container}" for container in self.containers()}

    def hosts(self) -> set[str]:
        """Names of all hosts that the pool's project holds anything of: each has, or had, a port of its own."""
        pool = self.connect("rig")
        return {
            thing.name for thing in (*pool.compute.servers(), *pool.network.ports(project_id=pool.current_project_id))
        }

    def forgive(self, forgiven: bool = True) -> None:
        """Whether servers of the flavor ``rig.undying`` can be destroyed now."""
        mark = DRIVES / "forgive"
        mark.touch() if forgiven else mark.unlink(missing_ok=True)

    def containers(self) -> list[str]:
        """The machines behind the servers: ids."""
        return self._docker("ps", "-aq", "--filter", f"label={LABEL}").split()

    def _clean(self) -> None:
        self.services.clear()
        for container in self.containers():
            self._docker("rm", "--force", "--volumes", container)
        for image in self._docker("images", "-q", "--filter", f"label={LABEL}").split():
            self._docker("rmi", "--force", image)
        for network in self._docker("network", "ls", "-q", "--filter", f"label={LABEL}").split():
            self._docker("network", "rm", network)

    def _make_network(self) -> None:
        self._docker(
            "network",
            "create",
            f"--label={LABEL}",
            f"--subnet={SUBNET}",
            f"--gateway={GATEWAY}",
            f"--opt=com.docker.network.bridge.name={BRIDGE}",
            NETWORK,
        )

    def _docker(self, *words: str) -> str:
        command = ("docker", *words)
        done = subprocess.run(command, env=os.environ | self.engine, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)} failed: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout
