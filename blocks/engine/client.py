"""A host's Docker Engine: load images, run the containers of sessions, see what is there.

Every method looks first, so each can be run again after a crash at any point. All calls block, and many threads may use
one engine at once.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict
from functools import lru_cache
from typing import Any

import docker
from docker.errors import APIError, NotFound

from blocks.engine.by_id import create_container
from blocks.engine.connection import Connections, EngineIdentity
from blocks.engine.containers.files import ContainerFiles
from blocks.engine.containers.freezing import FreezableContainers, start_or_thaw
from blocks.engine.containers.state import ContainerState, state_of
from blocks.engine.images import EngineImages
from blocks.engine.limits import confined, limits_of, network_label
from blocks.engine.networks import list_label, make_network, network_config
from blocks.engine.shared import SharedConnections
from pool import marks
from pool.blame import BAD_REQUEST, CONTAINER_GONE, NAME_TAKEN, OTHERS_NAME, blame_for
from pool.errors import EngineTrouble
from pool.records import ContainerSpec

ENGINE_PORT = 2376
STEP_SECONDS = 60
SELF_TEST = "dd.self-test"  # no session can be called so
NO_QUOTAS = "storage-opt"  # stands in what an engine says whose storage cannot limit what a container writes


class HostEngine(EngineImages, ContainerFiles, FreezableContainers):
    """The client of one engine. Make it with `connect` or `local`, which share connections inside this process."""

    def __init__(self, connections: Connections, publish_on: str) -> None:
        self._connections = connections
        self._publish_on = publish_on

    @classmethod
    def connect(
        cls,
        address: str,
        identity: EngineIdentity,
        host: str = "",
        port: int = ENGINE_PORT,
        publish_on: str = "",
        look_again: Callable[[], EngineIdentity] | None = None,
    ) -> "HostEngine":
        """Return the engine at *address*, over mutual TLS; nothing is sent before the first step.

        Args:
            address: IPv4 or IPv6 of the host; its server certificate must name it.
            host: the host's name, for messages; the address where it is empty.
            publish_on: address on the host that session ports are opened on; *address* where it is empty.
            look_again: asked for the identity where the engine and we do not believe each other: it may have changed.
        """
        url = f"https://[{address}]:{port}" if ":" in address else f"https://{address}:{port}"
        return cls(_shared.of(url, host or address, identity, look_again), publish_on or address)

    @classmethod
    def local(cls, url: str) -> "HostEngine":
        """Return the engine of this machine at a URL such as "unix:///var/run/docker.sock"."""
        return _local_engine(url)

    def client(self, step: str, timeout: float = STEP_SECONDS) -> AbstractContextManager[docker.APIClient]:
        """Lend the SDK's client for one step, see `Connections.client`."""
        return self._connections.client(step, timeout)

    def close(self) -> None:
        """Close the idle connections; the next step opens new ones."""
        self._connections.close()

    def ping(self, timeout: float = 5) -> None:
        """Return when the engine answers.

        Raises:
            HostUnreachable: it does not within *timeout* seconds, or what answers is not the host.
        """
        with self.client("answer a ping", timeout) as client:
            client.ping()

    def run(self, spec: ContainerSpec, created: Callable[[], None] = lambda: None, prepared: str = "") -> str:
        """Have a container of this description run, and return its id.

        One of the same name and description is left as it is, and started if it does not run; if it is frozen, it goes
        on. One of the same name and labels but another description (an earlier try with another port) is replaced, and
        so is one that never ran: what was to be put into it may have come in part. The engine looks for the name when
        it creates: only where it has one already is it asked what that is.

        Args:
            spec: what it is made of.
            created: called when a new one exists, before it is started.
            prepared: id of one that :meth:`prepare` made and that is ready: this one runs, or none.

        Raises:
            EngineTrouble: the image is not there, the port is taken, or another owner's container has the name; or the
                prepared one is gone.
        """
        container = self._still_there(spec, prepared) if prepared else self._created_or_found(spec)
        created()
        self._start(spec, container)
        return container

    def prepare(self, spec: ContainerSpec) -> str:
        """Create a container that does not run yet, in the place of one that never ran, or of another description.

        Returns:
            Its id; empty: one of this description has run already.

        Raises:
            EngineTrouble: the image is not there, or another owner's container has the name.
        """
        found = self.find(spec.name)
        return "" if found and _stays(found, spec) else self._in_place_of(found, spec)

    def _still_there(self, spec: ContainerSpec, prepared: str) -> str:
        found = self.find(spec.name)
        if found is None or found.id != prepared:
            words = f"the container {spec.name} that was made ready is gone"
            raise EngineTrouble(f"host {self._connections.host}: {words}", CONTAINER_GONE)
        return found.id

    def _created_or_found(self, spec: ContainerSpec) -> str:
        try:
            return self._create(spec)
        except EngineTrouble as trouble:
            if trouble.blame is not NAME_TAKEN:
                raise
        found = self.find(spec.name)
        return found.id if found and _stays(found, spec) else self._in_place_of(found, spec)

    def _in_place_of(self, found: ContainerState | None, spec: ContainerSpec) -> str:
        if found:
            self._replace(found, spec)
        return self._create(spec)

    def try_image(self, image_id: str) -> None:
        """Prove that the engine runs containers: one of this image runs ``true`` under the limits of a session.

        Raises:
            EngineTrouble: it did not run, or ended with another code than 0.
        """
        self.remove(SELF_TEST)
        try:
            with self.client("run a test container") as client:
                limits = client.create_host_config(**confined(memory_mb=64, pids_limit=16))
                create_container(client, image_id, entrypoint=["true"], name=SELF_TEST, host_config=limits)
                client.start(SELF_TEST)
                code = client.wait(SELF_TEST, timeout=STEP_SECONDS)["StatusCode"]
        finally:
            self.remove(SELF_TEST)
        if code:
            raise EngineTrouble(f"host {self._connections.host}: the test container ended with exit code {code}")

    def find(self, name: str) -> ContainerState | None:
        """Return the container of this name or id, or None when the engine says that there is none."""
        with self.client(f"look for container {name}") as client:
            try:
                return state_of(client.inspect_container(name))
            except NotFound:
                return None

    def containers(self, labels: Mapping[str, str]) -> list[ContainerState]:
        """All containers, running or not, that carry these labels; an empty value asks for the label alone."""
        wanted = [f"{key}={value}" if value else key for key, value in labels.items()]
        with self.client("list its containers") as client:
            listed = client.containers(all=True, filters={"label": wanted})
        states = [self.find(one["Id"]) for one in listed]
        return [state for state in states if state]  # one that went in between is not there

    def start(self, name: str) -> None:
        """Start a container that is there; one that runs is left as it is, and one that is frozen goes on."""
        with self.client(f"start container {name}") as client:
            start_or_thaw(client, name)

    def remove(self, name: str) -> None:
        """Stop and remove a container and its anonymous volumes; absent is success."""
        with self.client(f"remove container {name}") as client:
            try:
                client.remove_container(name, v=True, force=True)
            except NotFound:
                return
            except APIError as error:
                if "already in progress" not in str(error.explanation):
                    raise

    def logs(self, name: str, lines: int = 100) -> str:
        """Return the last lines that the container wrote, both streams together."""
        with self.client(f"read the log of container {name}") as client:
            return client.logs(name, stdout=True, stderr=True, tail=lines).decode(errors="replace")

    def dated_logs(self, name: str, lines: int, since: int = 0) -> str:
        """Return the last lines that the container wrote, each with its moment before it, of nine decimals and in UTC.

        Args:
            name: of the container.
            lines: at the most.
            since: seconds since 1970; what was written before that is left out.
        """
        with self.client(f"read the log of container {name}") as client:
            said = client.logs(name, stdout=True, stderr=True, tail=lines, timestamps=True, since=since or None)
            return said.decode(errors="replace")

    def _replace(self, found: ContainerState, spec: ContainerSpec) -> None:
        if any(found.labels.get(key) != value for key, value in spec.labels.items()):
            words = f"another owner's container is named {spec.name}"
            raise EngineTrouble(f"host {self._connections.host}: {words}", OTHERS_NAME)
        self.remove(spec.name)

    def _create(self, spec: ContainerSpec) -> str:
        with self.client(f"create container {spec.name}") as client:
            if spec.disk_mb and self._connections.has_quotas:
                try:
                    return self._created(client, spec, storage_opt={"size": f"{spec.disk_mb}m"})
                except APIError as error:
                    words = str(error.explanation)
                    if NO_QUOTAS not in words or blame_for(error.status_code, words) is BAD_REQUEST:
                        raise  # a session must not switch the limits of its host off by its environment
                    self._connections.has_quotas = False
            return self._created(client, spec)

    def _created(self, client: docker.APIClient, spec: ContainerSpec, **options: Any) -> str:
        make_network(client, spec, self._connections.host)
        return create_container(
            client,
            spec.image,
            name=spec.name,
            command=list(spec.command) or None,
            environment=dict(spec.environment),
            labels={**spec.labels, **network_label(spec.network_mbit), **list_label(spec), marks.SPEC: _digest(spec)},
            user=spec.user or None,
            ports=[spec.port],
            host_config=client.create_host_config(**self._host_config(spec), **options),
            use_config_proxy=False,  # the proxy settings of the manager's environment are not the session's
        )

    def _host_config(self, spec: ContainerSpec) -> dict:
        return {
            **limits_of(spec),
            **network_config(spec),
            "shm_size": f"{spec.shm_mb}m",
            "cap_add": list(spec.capabilities),
            "init": spec.init,
            "port_bindings": {spec.port: (self._publish_on, spec.host_port)},
            # After a crash, or a reboot of the host, the session comes back with its files; a notebook that its user
            # shut down (exit code 0) stays down, and one that cannot start is given up.
            "restart_policy": {"Name": "on-failure", "MaximumRetryCount": 3},
            "log_config": {"Type": "json-file", "Config": {"max-size": "1m", "max-file": "2"}},
        }

    def _start(self, spec: ContainerSpec, container: str) -> None:
        try:
            with self.client(f"start container {spec.name}") as client:
                start_or_thaw(client, container)
        except EngineTrouble:
            self.remove(spec.name)
            raise


_shared = SharedConnections()


@lru_cache(maxsize=8)
def _local_engine(url: str) -> HostEngine:
    return HostEngine(Connections(url, url), publish_on="127.0.0.1")


def _stays(found: ContainerState, spec: ContainerSpec) -> bool:
    """Whether a container is what is wanted, and nothing was still to be put into it."""
    return found.has_run and found.labels.get(marks.SPEC) == _digest(spec)


def _digest(spec: ContainerSpec) -> str:
    return hashlib.sha256(json.dumps(asdict(spec), sort_keys=True).encode()).hexdigest()
