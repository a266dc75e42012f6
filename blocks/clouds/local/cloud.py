"""A cloud on one machine: hosts are system containers (systemd, sshd, cloud-init) of its own Docker Engine."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Network

from docker import APIClient, DockerClient
from docker.errors import APIError, NotFound
from docker.models.containers import Container
from pydantic import BaseModel, Field, field_validator

from blocks.clouds.console import last_words
from blocks.clouds.local.data_root import remove_helper
from blocks.clouds.local.network import ensure_network, free_address, remove_network, subnet_of
from blocks.clouds.local.parts import all_parts, remove_from_engine
from blocks.clouds.local.snapshots import commit, images_made, refuse_if_taken, remove_image
from blocks.clouds.local.system_container import (
    STARTING_SECONDS,
    abandoned,
    entries,
    make_container,
    remove_machine,
    seed_archive,
    server_of,
    unfinished,
)
from blocks.clouds.port import Cloud, Server, ServerRequest
from blocks.engine.client import HostEngine
from blocks.settings import process_settings
from blocks.stored.pictures.kinds import picture_of_its_kind
from pool import marks
from pool.errors import CloudRefused, CloudTrouble, EngineTrouble, HostUnreachable
from pool.hosts.host_images import HostImage
from pool.housekeeping.orphans import CloudPart

ENGINE_SECONDS = 60
TRIES = 10
# How the engine refuses to start a container whose address, or whose network, another process took meanwhile.
LOST_RACE = re.compile(r"address already in use|network \S+ not found|no such network", re.IGNORECASE)


class _Lent(DockerClient):
    """The SDK's objects over a client that the engine's connections lend."""

    def __init__(self, api: APIClient) -> None:
        self.api = api


class LocalFlavor(BaseModel):
    """A size of host."""

    memory_mb: int = Field(gt=0, description="Memory of the host, in MB; it gets no swap.", title="Memory, in MB")
    cpus: int = Field(
        0, ge=0, description="Processors that the host may use; 0: all of the machine's.", title="Processors"
    )


class LocalCloud(Cloud):
    """System containers on the machine's own Docker Engine, which look like fresh virtual machines.

    A host keeps its address, its volumes and its keys when its container, the engine or the machine restarts.
    """

    _block_type_name = "Local cloud"
    _block_type_slug = "local-cloud"
    _logo_url = picture_of_its_kind()
    _description = "Hosts are system containers on this machine's own Docker Engine."

    engine_url: str = Field(
        "",
        description="Docker Engine, as in unix:///run/docker.sock; empty: the one that this installation uses.",
        title="Docker Engine",
        examples=["unix:///run/docker.sock"],
    )
    namespace: str = Field(
        "",
        description="Marks containers and network, as in teaching; empty: this installation's own name.",
        title="Namespace",
    )
    address_range: str = Field(
        "10.213.0.0/16", description="The hosts' network takes a free /24 of this range.", title="Address range"
    )
    flavors: dict[str, LocalFlavor] = Field(
        {
            "standard.medium": LocalFlavor(memory_mb=4096, cpus=2),
            "standard.xlarge": LocalFlavor(memory_mb=14336, cpus=8),
        },
        description="Sizes of host by name.",
        title="Flavors",
    )
    images: dict[str, str] = Field(
        {},
        description="Host images: name to reference in the engine, as in Debian-12: dockerdriver/host:12. A reference"
        " itself is a name, too.",
        title="Host images",
    )

    @field_validator("address_range")
    @classmethod
    def _holds_a_subnet(cls, value: str) -> str:
        if IPv4Network(value).prefixlen > 24:
            raise ValueError(f"{value} is too small to hold a /24")
        return value

    def create(self, request: ServerRequest) -> Server:
        """Make the container, give it its user data, start it; or return the one that is there."""
        with self._engine(f"make host {request.host}") as engine:
            image, limits = self._image(engine, request.image), self._limits(engine, request.flavor)
            try:
                return self._made(engine, request, image, limits)
            finally:
                self._drop_unused_network(engine)

    def find(self, host: str) -> Server | None:
        """Return the host's container, in whatever state."""
        with self._engine(f"find host {host}") as engine:
            found = entries(engine, self._namespace, host)
        return server_of(found[0]) if found else None

    def list_servers(self) -> list[Server]:
        """All hosts of the namespace, in one request."""
        with self._engine("list the hosts") as engine:
            return [server_of(entry) for entry in entries(engine, self._namespace)]

    def delete(self, host: str) -> None:  # type: ignore[override]  # see Cloud
        """Remove the container and its volumes, and the network with the last host."""
        with self._engine(f"delete host {host}") as engine:
            remove_helper(engine, f"{self._namespace}-{host}")
            for entry in entries(engine, self._namespace, host):
                remove_machine(engine, entry["Id"])
            self._drop_unused_network(engine)

    def parts(self) -> tuple[CloudPart, ...]:
        """Return the hosts' containers, their volumes, and the network that they share."""
        with self._engine("list its resources") as engine:
            return tuple(all_parts(engine, self._namespace))

    def remove_part(self, part: CloudPart) -> None:
        """Remove a container with its volumes, a volume or the network; absent is success."""
        with self._engine(f"remove {part}") as engine:
            remove_from_engine(engine, self._namespace, part)

    def console_log(self, host: str, lines: int = 20) -> str:
        """Return the last lines of systemd's console output, without colours."""
        with self._engine(f"read the console of host {host}") as engine:
            found = entries(engine, self._namespace, host)
            raw = engine.api.logs(found[0]["Id"], tail=lines) if found else b""
        return last_words(raw.decode(errors="replace"), lines)

    def image_id(self, image: str) -> str:
        """Return the engine's id of the image."""
        with self._engine(f"look for image {image}") as engine:
            return self._image(engine, image)

    def snapshot(self, host: str, name: str, recipe: str) -> HostImage:
        """Commit the host's container, and with it Docker's data root."""
        with self._engine(f"make host image {name}") as engine:
            made = {image.name: image for image in images_made(engine, self._namespace)}
            if name not in made:
                refuse_if_taken(engine, name)
                commit(engine, self._namespace, self._container(engine, host), name, recipe)
                made = {image.name: image for image in images_made(engine, self._namespace)}
            return made[name]

    def snapshots(self) -> list[HostImage]:
        """All host images of the namespace. The engine makes an image whole or not at all."""
        with self._engine("list the host images") as engine:
            return images_made(engine, self._namespace)

    def delete_snapshot(self, image: HostImage) -> None:
        """Delete it, unless a host runs on it."""
        with self._engine(f"delete host image {image.name}") as engine:
            remove_image(engine, image)

    @property
    def _namespace(self) -> str:
        return self.namespace or process_settings().identity

    @contextmanager
    def _engine(self, step: str) -> Iterator[DockerClient]:
        """Lend a client for one call: threads share none. What goes wrong is said in one sentence."""
        url = self.engine_url or process_settings().engine_url or "unix:///var/run/docker.sock"
        try:
            with HostEngine.local(url).client(step, ENGINE_SECONDS) as api:
                yield _Lent(api)
        except HostUnreachable as error:
            raise CloudTrouble(f"no Docker Engine answers at {url} to {step}: {error.__cause__}") from error
        except EngineTrouble as error:
            words = getattr(error.__cause__, "explanation", None) or error.__cause__
            raise CloudTrouble(f"the Docker Engine at {url} could not {step}: {words}") from error

    def _limits(self, engine: DockerClient, name: str) -> dict[str, int | str]:
        if name not in self.flavors:
            raise CloudRefused(f"the local cloud has no flavor {name!r}; it has: {', '.join(sorted(self.flavors))}")
        flavor = self.flavors[name]
        memory = f"{flavor.memory_mb}m"
        cpus = min(flavor.cpus, engine.info()["NCPU"])  # the engine refuses more than there are
        return {"mem_limit": memory, "memswap_limit": memory, "nano_cpus": cpus * 10**9}

    def _image(self, engine: DockerClient, name: str) -> str:
        try:
            return str(engine.images.get(self.images.get(name, name)).id)
        except APIError as error:
            if not error.is_client_error():
                raise
        known = ", ".join(sorted(self.images)) or "none by name"
        raise CloudRefused(f"the local cloud has no image {name!r}; it has: {known}")

    def _made(self, engine: DockerClient, request: ServerRequest, image: str, limits: dict) -> Server:
        for _ in range(TRIES):
            container = self._existing(engine, request.host) or self._new(engine, request, image, limits)
            if container and self._started(engine, container, request):
                return self._described(engine, request.host)
        raise CloudTrouble(f"host {request.host}: {TRIES} times another process took its name or its address first")

    def _existing(self, engine: DockerClient, host: str) -> Container | None:
        """Return the host's container, once the process that makes it has started it, or has had the time to."""
        until = time.monotonic() + STARTING_SECONDS
        while time.monotonic() < until:
            found = entries(engine, self._namespace, host)
            if not found:
                return None
            if not unfinished(found[0]) or abandoned(found[0]):
                return engine.containers.get(found[0]["Id"])
            time.sleep(0.1)
        raise CloudTrouble(f"host {host}: its container was made {STARTING_SECONDS} s ago and was not started")

    def _new(self, engine: DockerClient, request: ServerRequest, image: str, limits: dict) -> Container | None:
        """Return a container that was not started yet; None when another process made it first."""
        network = ensure_network(engine, self._namespace, IPv4Network(self.address_range))
        taken = {entry["Labels"][marks.ADDRESS] for entry in entries(engine, self._namespace)}
        address = free_address(subnet_of(network), taken)
        try:
            return make_container(engine, self._namespace, request, image, address, **limits)
        except APIError as error:
            if error.status_code != 409 and not LOST_RACE.search(str(error.explanation)):
                raise
        self._check_name(engine, request.host)
        return None

    def _check_name(self, engine: DockerClient, host: str) -> None:
        name = f"{self._namespace}-{host}"
        try:
            labels = engine.containers.get(name).labels
        except NotFound:
            return
        if labels.get(marks.NAMESPACE) != self._namespace:
            raise CloudRefused(f"host {host} cannot be made: another owner's container is named {name}")

    def _started(self, engine: DockerClient, container: Container, request: ServerRequest) -> bool:
        """Whether the container runs now; one that lost the race for its address or its network is removed again."""
        if container.status != "created":
            return True
        try:
            container.put_archive("/", seed_archive(request.host, request.user_data))
            container.start()
        except APIError as error:
            remove_machine(engine, str(container.id))
            if not LOST_RACE.search(str(error.explanation)):
                raise
            return False
        return True

    def _container(self, engine: DockerClient, host: str) -> Container:
        found = entries(engine, self._namespace, host)
        if not found:
            raise CloudTrouble(f"host {host} has no container to make an image of")
        return engine.containers.get(found[0]["Id"])

    def _described(self, engine: DockerClient, host: str) -> Server:
        found = entries(engine, self._namespace, host)
        if not found:
            raise CloudTrouble(f"host {host} was deleted by another process as soon as it was made")
        return server_of(found[0])

    def _drop_unused_network(self, engine: DockerClient) -> None:
        if not entries(engine, self._namespace):
            remove_network(engine, self._namespace)
