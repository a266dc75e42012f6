"""A machine that is a container: systemd as PID 1, sshd, cloud-init, on the machine's own Docker Engine."""

import json
import os
import subprocess
from pathlib import Path

IMAGE = os.environ["RIG_HOST_IMAGE"]
NETWORK = os.environ["RIG_NETWORK"]
LABEL = os.environ["RIG_LABEL"]
DRIVES = Path(os.environ["RIG_DRIVES"])
SEED = "/var/lib/cloud/seed/config_drive"
# What --privileged means, less CAP_SYS_RESOURCE, which a machine may not have to give
PRIVILEGES = (
    "--cap-add=ALL",
    "--cap-drop=SYS_RESOURCE",
    "--security-opt=seccomp=unconfined",
    "--security-opt=apparmor=unconfined",
    "--security-opt=systempaths=unconfined",
    "--device-cgroup-rule=a *:* rwm",
    "--cgroupns=private",
    "--tmpfs=/run:exec",
    "--tmpfs=/run/lock",
    "--tmpfs=/tmp:exec",
)


def docker(*words, check=True):
    """Run the engine's client; what it printed."""
    done = subprocess.run(["docker", *words], capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise RuntimeError(f"docker {words[0]}: {done.stderr.strip()}")
    return done.stdout


def name(uuid):
    """The container of an instance."""
    return f"rig-{uuid}"


def image_of(image_ref):
    """The container image behind a Glance image: one of our snapshots, or else the host image."""
    snapshot = f"rig-snapshot:{image_ref}"
    return snapshot if docker("images", "-q", snapshot).strip() else IMAGE


def create(uuid, hostname, address, mac, drive, memory_mb, image, command=()):
    """Make the machine, at the port's own address, and switch it on.

    Args:
        drive: the config drive, path to bytes; cloud-init finds it in its seed directory.
        command: what runs instead of the machine's init.
    """
    seed = DRIVES / uuid
    for path, content in drive.items():
        (seed / path).parent.mkdir(parents=True, exist_ok=True)
        (seed / path).write_bytes(content)
    docker(
        "run",
        "--detach",
        "--tty",
        f"--name={name(uuid)}",
        f"--hostname={hostname}",
        f"--label={LABEL}={uuid}",
        f"--network={NETWORK}",
        f"--ip={address}",
        f"--mac-address={mac}",
        f"--env=NB_NAMESERVERS={' '.join(nameservers())}",
        f"--memory={memory_mb}m",
        f"--memory-swap={memory_mb}m",
        f"--volume={seed}:{SEED}:ro",
        "--volume=/var/lib/docker",
        "--volume=/var/lib/containerd",
        "--log-opt=max-size=1m",
        *PRIVILEGES,
        image,
        *command,
    )


def nameservers():
    """The machine's own; the engine's resolver is out of reach for containers inside the container."""
    lines = [line.split() for line in Path("/etc/resolv.conf").read_text().splitlines()]
    return [words[1] for words in lines if len(words) > 1 and words[0] == "nameserver"]


def start(uuid):
    """Switch it on."""
    docker("start", name(uuid))


def stop(uuid, seconds):
    """Switch it off; by force after so many seconds."""
    docker("stop", f"--time={seconds}", name(uuid))


def destroy(uuid):
    """Remove it with its disks; absent is success."""
    docker("rm", "--force", "--volumes", name(uuid), check=False)


def running(uuid):
    """Whether it is on; None when there is no such machine."""
    found = json.loads(docker("container", "inspect", name(uuid), check=False) or "[]")
    return found[0]["State"]["Running"] if found else None


def uuids():
    """Every machine of the rig."""
    label = f'{{{{.Label "{LABEL}"}}}}'
    return docker("ps", "--all", f"--filter=label={LABEL}", f"--format={label}").split()


def console(uuid):
    """What it wrote to its console: bytes."""
    command = ["docker", "logs", "--tail=500", name(uuid)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.stdout.replace(b"\r", b"")


def commit(uuid, image_ref):
    """Keep the machine's disk as the container image of a Glance image."""
    docker("commit", f"--change=LABEL {LABEL}={image_ref}", name(uuid), f"rig-snapshot:{image_ref}")
