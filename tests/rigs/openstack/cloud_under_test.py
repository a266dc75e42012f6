"""The block on the rig's cloud, as the tests open it, and what they ask of it."""

import time
from multiprocessing.synchronize import Barrier
from typing import Any

from blocks.clouds.openstack_project.cloud import OpenStackCloud
from blocks.clouds.openstack_project.login.credentials import OpenStackCredentials
from blocks.clouds.port import Server, ServerRequest, ServerStatus
from blocks.clouds.user_data import cloud_config
from pool.errors import CloudTrouble
from tests.rigs.hosts.clouds import KEY, LOGIN

NAMESPACE = "dd-contract"


def request(host: str = "main-01", flavor: str = "rig.tiny", image: str = "Debian-12", **more: Any) -> ServerRequest:
    user_data = cloud_config(host, LOGIN.public_keys, KEY.private, KEY.public)
    return ServerRequest(host, more.pop("pool", "main"), flavor, image, user_data, KEY.public, **more)


def opened(cloud: str = "rig", **fields: Any) -> OpenStackCloud:
    """The block as an operator would fill it in who has a ``clouds.yaml``."""
    return OpenStackCloud(credentials=OpenStackCredentials(cloud=cloud), **({"namespace": NAMESPACE} | fields))


def settled(cloud: OpenStackCloud, host: str = "main-01", seconds: float = 60) -> Server | None:
    """The host's server once it is no longer being built; None: there is none."""
    end = time.monotonic() + seconds
    while (server := cloud.find(host)) and server.status is ServerStatus.BUILD and time.monotonic() < end:
        time.sleep(0.2)
    return server


def make_when_all_are_ready(line: Barrier, host: str) -> None:
    """Make the host at the same moment as others, each in a process of its own. Trouble is tried again, as flows do."""
    cloud = opened()
    cloud.list_servers()  # logged in
    line.wait(60)
    for _ in range(10):
        try:
            cloud.create(request(host))
            return
        except CloudTrouble:
            time.sleep(1)
    raise AssertionError(f"host {host} could not be made in ten tries")


def kinds(cloud: OpenStackCloud) -> list[str]:
    return sorted(part.kind for part in cloud.parts())
