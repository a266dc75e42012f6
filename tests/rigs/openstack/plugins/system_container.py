"""A machine that is a container: systemd as PID 1, sshd, cloud-init, on the machine's own Docker Engine."""

import os
from pathlib import Path

import docker
from docker.errors import NotFound

from blocks.clouds.local.data_root import take_data_root_along

IMAGE = os.environ["RIG_HOST_IMAGE"]
NETWORK = os.environ["RIG_NETWORK"]
LABEL = os.environ["RIG_LABEL"]
DRIVES = Path(os.environ["RIG_DRIVES"])
SEED = "/var/lib/cloud/seed/config_drive"
SNAPSHOTS = "rig-snapshot"
# What the engine calls privileged, less CAP_SYS_RESOURCE, which not every machine has to give
OPTIONS = {
    "cap_add": ["ALL"],
    "cap_drop": ["SYS_RESOURCE"],
    "security_opt": ["seccomp=unconfined", "apparmor=unconfined"],
    "device_cgroup_rules": ["a *:* rwm"],
    "tmpfs": {"/run": "exec", "/run/lock": "", "/tmp": "exec"},
    "log_config": {"Type": "json-file", "Config": {"max-size": "1m"}},
}
UNMASKED = {"MaskedPaths": [], "ReadonlyPaths": [], "CgroupnsMode": "private"}


def engine():
    """A client for one call. This version of the API takes a MAC address on every engine."""
    return docker.DockerClient(base_url=os.environ["DOCKER_HOST"], version="1.41", timeout=600)


def name(uuid):
    """The container of an instance."""
    return f"rig-{uuid}"


def image_of(image_ref):
    """The container image behind a Glance image: one of our snapshots, or else the host image."""
    snapshot = f"{SNAPSHOTS}:{image_ref}"
    return snapshot if engine().images.list(snapshot) else IMAGE


def create(uuid, hostname, address, mac, drive, memory_mb, image, command=None):
    """Make the machine, with the port's own addresses, and switch it on.

    Args:
        drive: the config drive, path to bytes; cloud-init finds it in its seed directory.
        command: what runs instead of the machine's init.
    """
    seed = DRIVES / uuid
    for path, content in drive.items():
        (seed / path).parent.mkdir(parents=True, exist_ok=True)
        (seed / path).write_bytes(content)
    api = engine().api
    limits = {"mem_limit": f"{memory_mb}m", "memswap_limit": f"{memory_mb}m"}
    host = api.create_host_config(binds=[f"{seed}:{SEED}:ro"], network_mode=NETWORK, **limits, **OPTIONS) | UNMASKED
    made = api.create_container(
        image,
        command,
        name=name(uuid),
        hostname=hostname,
        labels={LABEL: uuid},
        tty=True,
        environment={"NB_NAMESERVERS": " ".join(nameservers())},
        volumes=["/var/lib/docker", "/var/lib/containerd"],
        mac_address=mac,
        networking_config={"EndpointsConfig": {NETWORK: api.create_endpoint_config(ipv4_address=address)}},
        host_config=host,
    )
    api.start(made["Id"])


def nameservers():
    """The machine's own; the engine's resolver is out of reach for containers inside the container."""
    lines = [line.split() for line in Path("/etc/resolv.conf").read_text().splitlines()]
    return [words[1] for words in lines if len(words) > 1 and words[0] == "nameserver"]


def start(uuid):
    """Switch it on."""
    engine().containers.get(name(uuid)).start()


def stop(uuid, seconds):
    """Switch it off; by force after so many seconds."""
    engine().containers.get(name(uuid)).stop(timeout=seconds)


def destroy(uuid):
    """Remove it with its disks; absent is success."""
    try:
        engine().containers.get(name(uuid)).remove(force=True, v=True)
    except NotFound:
        return


def running(uuid):
    """Whether it is on; None when there is no such machine."""
    try:
        return engine().containers.get(name(uuid)).status == "running"
    except NotFound:
        return None


def uuids():
    """Every machine of the rig."""
    return [found.labels[LABEL] for found in engine().containers.list(all=True, filters={"label": LABEL})]


def console(uuid):
    """What it wrote to its console: bytes."""
    return engine().containers.get(name(uuid)).logs(tail=500).replace(b"\r", b"")


def commit(uuid, image_ref):
    """Keep the machine's disk as the container image of a Glance image; and its data root, which lies in a volume."""
    client = engine()
    machine = client.containers.get(name(uuid))
    take_data_root_along(client, machine, {LABEL: uuid})
    machine.commit(repository=SNAPSHOTS, tag=image_ref, changes=[f"LABEL {LABEL}={image_ref}"])
