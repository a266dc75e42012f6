"""A "virtual machine" that is a container: how the engine is asked for one, and what it says of it."""

import json
import time
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from docker import DockerClient
from docker.errors import APIError, NotFound
from docker.models.containers import Container
from docker.types import Mount

from blocks.clouds.port import Server, ServerRequest, ServerStatus
from blocks.files.small_tar import small_tar
from pool import marks

SEED = "var/lib/cloud/seed/nocloud"  # where cloud-init's NoCloud data source looks
STARTING_SECONDS = 30  # a container that was made this long ago and never started has lost its maker
RESOLVERS = (Path("/etc/resolv.conf"), Path("/run/systemd/resolve/resolv.conf"))
# What the engine calls privileged, less the one capability that not every machine has to give.
OPTIONS: dict[str, Any] = {
    "cap_add": ["ALL"],
    "cap_drop": ["SYS_RESOURCE"],
    "security_opt": ["seccomp=unconfined", "apparmor=unconfined"],
    "device_cgroup_rules": ["a *:* rwm"],
    "cgroupns": "private",
    "tmpfs": {"/run": "exec", "/run/lock": "", "/tmp": "exec"},  # noqa: S108 - the host's own
    "restart_policy": {"Name": "unless-stopped"},  # hosts come back with the engine and with the machine
    "log_config": {"Type": "json-file", "Config": {"max-size": "1m"}},
}
THAW = ["sh", "-c", "for one in $(find /sys/fs/cgroup/freezer -name freezer.state); do echo THAWED > $one; done"]
#: What the client calls systempaths=unconfined.
UNMASKED: dict[str, list[str]] = {"MaskedPaths": [], "ReadonlyPaths": []}
STATUS = {
    "created": ServerStatus.BUILD,
    "restarting": ServerStatus.BUILD,
    "running": ServerStatus.ACTIVE,
    "paused": ServerStatus.STOPPED,
    "exited": ServerStatus.STOPPED,
    "removing": ServerStatus.DELETING,
    "dead": ServerStatus.ERROR,
}


def make_container(
    engine: DockerClient, namespace: str, request: ServerRequest, image: str, address: str, **limits: Any
) -> Container:
    """Create a container for the host, on the namespace's network at this address; not started.

    Args:
        limits: what the flavor says of memory and processors, in the engine's words.

    Raises:
        docker.errors.APIError: the engine refused; 409 when the name is taken.
    """
    endpoint = engine.api.create_endpoint_config(ipv4_address=address)
    on_network: Any = {namespace: endpoint}  # the stub has the endpoint alone
    made = engine.api.create_container(
        image,
        name=f"{namespace}-{request.host}",
        hostname=request.host,
        tty=True,  # systemd's console
        environment={"NB_NAMESERVERS": " ".join(nameservers())},
        labels=_labels(namespace, request, address),
        networking_config=engine.api.create_networking_config(on_network),
        host_config=engine.api.create_host_config(
            network_mode=namespace, mounts=_volumes(namespace, request, address), **OPTIONS, **limits
        )
        | UNMASKED,
    )
    return engine.containers.get(made["Id"])


def _volumes(namespace: str, request: ServerRequest, address: str) -> list[Mount]:
    """Anonymous ones, which go with their container (overlay2 does not stack on itself); a left one is known."""
    labels = _labels(namespace, request, address)
    return [Mount(folder, None, labels=labels) for folder in ("/var/lib/docker", "/var/lib/containerd")]


def _labels(namespace: str, request: ServerRequest, address: str) -> dict[str, str]:
    return {
        marks.NAMESPACE: namespace,
        marks.POOL: request.pool,
        marks.HOST: request.host,
        marks.ADDRESS: address,
    }


def entries(engine: DockerClient, namespace: str, host: str = "") -> list[dict]:
    """List the engine's entries of all hosts of the namespace, or of one."""
    labels = [f"{marks.NAMESPACE}={namespace}", f"{marks.HOST}={host}" if host else marks.HOST]
    return engine.api.containers(all=True, filters={"label": labels})


def server_of(entry: dict) -> Server:
    """Return the server that an entry of the engine's list describes."""
    labels = entry["Labels"]
    lost = abandoned(entry)
    return Server(
        id=entry["Id"],
        host=labels[marks.HOST],
        pool=labels[marks.POOL],
        status=ServerStatus.ERROR if lost else STATUS[entry["State"]],
        address=labels[marks.ADDRESS],
        fault="its container was made and never started" if lost else "",
    )


def unfinished(entry: dict) -> bool:
    """Whether the container was made and not started yet."""
    return entry["State"] == "created"


def abandoned(entry: dict) -> bool:
    """Whether the process that made the container died before starting it."""
    return unfinished(entry) and time.time() - entry["Created"] > STARTING_SECONDS


def remove_machine(engine: DockerClient, container_id: str) -> None:
    """Remove the container and its volumes; absent, or being removed by another process, is success."""
    _thaw_what_is_in(engine, container_id)
    try:
        engine.api.remove_container(container_id, v=True, force=True)
    except NotFound:
        return
    except APIError as error:
        if "already in progress" not in str(error.explanation):
            raise


def _thaw_what_is_in(engine: DockerClient, container_id: str) -> None:
    """Have frozen standbys inside go on: by cgroups of version 1 they would not even die, nor their host with them."""
    with suppress(APIError):  # it is not there, or does not run: then nothing in it is frozen
        if engine.api.info().get("CgroupVersion") == "1":
            engine.api.exec_start(engine.api.exec_create(container_id, THAW)["Id"])


def seed_archive(host: str, user_data: str) -> bytes:
    """Build the tar that puts the user data where cloud-init looks for it, readable by root alone."""
    files = {"meta-data": json.dumps({"instance-id": host, "local-hostname": host}), "user-data": user_data}
    return small_tar((f"{SEED}/{name}", text.encode(), 0o600) for name, text in files.items())


def nameservers(files: tuple[Path, ...] = RESOLVERS) -> list[str]:
    """Return the name servers of this machine that a container can reach: not those on loopback."""
    for file in files:
        lines = [line.split() for line in file.read_text().splitlines()] if file.exists() else []
        servers = [words[1] for words in lines if words[:1] == ["nameserver"]]
        if reachable := [server for server in servers if not ip_address(server.split("%")[0]).is_loopback]:
            return reachable
    return []
