"""What a container may use of its host, in the words of an engine's API."""

from collections.abc import Sequence
from typing import Any

from docker.types import DeviceRequest, Ulimit

from pool import marks
from pool.records import ContainerSpec

WRITABLE = ("/tmp", "/var/tmp", "/run")  # noqa: S108 - of a container
CPU_PERIOD, LEAST_QUOTA = 100_000, 1_000  # microseconds; what the kernel takes at least


def limits_of(spec: ContainerSpec) -> dict[str, Any]:
    """Return the limits of a session's container, as arguments of the SDK's ``create_host_config``."""
    confinement = confined(spec.memory_mb, spec.pids_limit, spec.swap_mb, spec.open_files)
    return confinement | _cpu_limit(spec.cpus) | _devices(spec.gpus) | _writable(spec)


def confined(memory_mb: int, pids_limit: int, swap_mb: int = 0, open_files: int = 0) -> dict[str, Any]:
    """Return what holds for every container: limits, and no way to more rights."""
    return {
        "mem_limit": f"{memory_mb}m",
        "memswap_limit": f"{memory_mb + swap_mb}m",  # memory and swap together
        "pids_limit": pids_limit,
        "ulimits": [
            Ulimit(name="core", soft=0, hard=0),  # it would be written where no limit of the session counts
            *([Ulimit(name="nofile", soft=open_files, hard=open_files)] if open_files else []),
        ],
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
    }


def network_label(mbit: int) -> dict[str, str]:
    """Return the label by which a host's ``notebook-network.service`` limits a container's network: no engine can."""
    return {marks.NETWORK_MBIT: str(mbit)} if mbit else {}


def _cpu_limit(cpus: float) -> dict[str, Any]:
    """Limit by quota: a host with fewer CPUs takes it too, which it would not as a number of CPUs."""
    return {"cpu_period": CPU_PERIOD, "cpu_quota": max(LEAST_QUOTA, round(cpus * CPU_PERIOD))} if cpus else {}


def _writable(spec: ContainerSpec) -> dict[str, Any]:
    """Have a session change nothing of its image's files: what programs must write is in memory, and counts as that."""
    folders = dict.fromkeys(WRITABLE, f"rw,exec,nosuid,nodev,mode=1777,size={spec.shm_mb}m")
    return {"read_only": True, "tmpfs": folders} if spec.read_only else {}


def _devices(gpus: Sequence[int]) -> dict[str, Any]:
    """Ask for these GPUs and no others; the engine finds the toolkit that hands them out by the capability."""
    ids = [str(gpu) for gpu in gpus]
    return {"device_requests": [DeviceRequest(device_ids=ids, capabilities=[["gpu"]])]} if ids else {}
