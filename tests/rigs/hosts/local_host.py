"""A bare host of the local cloud, as spawn-host makes it: sshd answers, nothing is configured yet."""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import gettempdir

from docker import DockerClient

from blocks.clouds.local.cloud import LocalCloud, LocalFlavor
from blocks.clouds.port import ServerRequest
from blocks.clouds.user_data import cloud_config
from blocks.host_setup.shell import HostShell
from blocks.stored.host_keys import HostKey, HostLogin, new_host_key
from runtime.builds.host_image import build_host_image


@dataclass(frozen=True)
class LocalHost:
    """What the manager knows of the host, and its cloud."""

    name: str
    address: str
    key: HostKey
    login: HostLogin
    cloud: LocalCloud

    @property
    def host_key(self) -> str:
        """By which it proves itself."""
        return self.key.public

    @property
    def container(self) -> str:
        """What it is to the engine."""
        return f"{self.cloud.namespace}-{self.name}"

    def shell(self) -> HostShell:
        return HostShell(self.address, self.host_key, self.login)

    def reboot(self) -> None:
        """Have it end, in good order where ten seconds are enough for that, and start again."""
        with closing(DockerClient(base_url=self.cloud.engine_url)) as client:
            client.containers.get(self.container).restart(timeout=10)


@contextmanager
def local_host(name: str, engine_url: str, memory_mb: int = 2048) -> Iterator[LocalHost]:
    """A host that lets us in; removed afterwards with all that came with it."""
    cloud = LocalCloud(
        engine_url=engine_url,
        namespace=f"dd-test-{name}-{os.getpid()}",
        flavors={"test": LocalFlavor(memory_mb=memory_mb)},
        images={"test": build_host_image(engine_url, Path(gettempdir()), print)},
    )
    with booted(cloud, name) as host:
        yield host


@contextmanager
def booted(cloud: LocalCloud, name: str, image: str = "test") -> Iterator[LocalHost]:
    """A host of this cloud and this image, with keys of its own."""
    login, key = HostLogin.create(), new_host_key()
    user_data = cloud_config(name, login.public_keys, key.private, key.public)
    try:
        server = cloud.create(ServerRequest(name, "test", "test", image, user_data))
        assert server.address, f"{name} got no address"
        host = LocalHost(name, server.address, key, login, cloud)
        with host.shell() as shell:
            shell.wait_for_ssh(120)
        yield host
    finally:
        cloud.delete(name)
