"""The block on the rig's cloud, as the tests open it, and what they ask of it."""

import time

from blocks.cloud import Server, ServerRequest, ServerStatus
from blocks.openstack_cloud import OpenStackCloud
from blocks.openstack_credentials import OpenStackCredentials
from blocks.user_data import cloud_config
from tests.rigs.clouds import KEY, LOGIN

NAMESPACE = "dd-contract"


def request(host: str = "main-01", flavor: str = "rig.tiny", image: str = "Debian-12", **more) -> ServerRequest:
    user_data = cloud_config(host, LOGIN.public_key, KEY.private, KEY.public)
    return ServerRequest(host, more.pop("pool", "main"), flavor, image, user_data, **more)


def opened(cloud: str = "rig", **fields) -> OpenStackCloud:
    """The block as an operator would fill it in who has a ``clouds.yaml``."""
    return OpenStackCloud(credentials=OpenStackCredentials(cloud=cloud), **({"namespace": NAMESPACE} | fields))


def settled(cloud: OpenStackCloud, host: str = "main-01", seconds: float = 60) -> Server:
    """The host's server once it is no longer being built."""
    end = time.monotonic() + seconds
    while (server := cloud.find(host)) and server.status is ServerStatus.BUILD and time.monotonic() < end:
        time.sleep(0.2)
    return server


def kinds(cloud: OpenStackCloud) -> list[str]:
    return sorted(part.kind for part in cloud.parts())
