"""What a session's container is made of: pure functions from blueprint and instance to a ContainerSpec."""

import hashlib
from collections.abc import Iterable
from math import ceil

from pool import marks
from pool.records import BlueprintSpec, ContainerSpec, Instance
from pool.sessions.filling import fill, words_of

OWN_UID = "session"  # in the place of a uid: one for each session
FIRST_UID, UIDS = 1_879_048_192, 268_304_384  # a range that no distribution, and nothing of systemd's, gives out
#: By which numeric libraries and languages choose how many threads or processes they begin; else one for each CPU.
THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_MAX_THREADS",
    "JULIA_NUM_THREADS",
    "RAYON_NUM_THREADS",
    "MC_CORES",  # R's parallel
    "PYTHON_CPU_COUNT",  # Python from 3.13 on
)
OTHERS_ZONE = "UTC"  # of a pool whose operator chose none: then the image's own stays
LEAST_SHM_MB = 64  # what engines give; data loaders die of a bus error where it is full


def container_spec(
    instance: Instance, blueprint: BlueprintSpec, image_id: str, namespace: str, timezone: str = OTHERS_ZONE
) -> ContainerSpec:
    """Return the container that runs this instance. Its environment holds the token: never log it.

    Args:
        instance: holds room on a host, so its port is known.
        blueprint: how it is made.
        image_id: "sha256:…" as it was verified on the host.
        namespace: of the installation; with the labels it tells whose the container is.
        timezone: of the pool, like Europe/Berlin.
    """
    words = words_of(instance, blueprint, timezone)
    own = blueprint.environment | instance.options.get("environment", {})
    return ContainerSpec(
        name=instance.container,
        image=image_id,
        port=blueprint.port,
        host_port=instance.get_placement().port,
        memory_mb=blueprint.memory_mb,
        gpus=instance.get_placement().gpus,
        swap_mb=blueprint.memory_swap_mb,
        cpus=blueprint.cpus,
        shm_mb=blueprint.shm_mb or max(LEAST_SHM_MB, blueprint.memory_mb // 2),
        command=tuple(fill(word, words) for word in blueprint.command),
        environment=told(blueprint, timezone) | {name: fill(value, words) for name, value in own.items()},
        labels=container_labels(instance, namespace),
        capabilities=blueprint.capabilities,
        user=container_user(instance.made_as, blueprint.container_user),
        pids_limit=blueprint.pids_limit,
        init=blueprint.init,
        disk_mb=blueprint.disk_mb,
        network_mbit=blueprint.network_mbit,
        network=blueprint.network,
        network_list=blueprint.network_list,
        open_files=blueprint.open_files,
        read_only=blueprint.read_only,
    )


def told(blueprint: BlueprintSpec, timezone: str) -> dict[str, str]:
    """Return the variables by which a session knows its limits and its time zone; its blueprint may set others.

    MEM_LIMIT (bytes) and CPU_LIMIT are those that JupyterHub sets, so that the same extensions show them.
    """
    limits = {"MEM_LIMIT": str(blueprint.memory_mb * 1024 * 1024)}
    if blueprint.cpus:
        limits |= {"CPU_LIMIT": f"{blueprint.cpus:g}"} | dict.fromkeys(THREADS, str(ceil(blueprint.cpus)))
    return limits | ({"TZ": timezone} if timezone != OTHERS_ZONE else {})


def container_user(instance_id: str, user: str) -> str:
    """Return who runs the container, as the engine is told: "session:1000" is a uid of its own in group 1000."""
    uid, _, gid = user.partition(":")
    return f"{own_uid(instance_id)}:{gid or 0}" if uid == OWN_UID else user


def uid_of(user: str) -> int | None:
    """Return the uid of what :func:`container_user` returned; None: it is a name, or the image's own."""
    uid = user.partition(":")[0]
    return int(uid) if uid.isdigit() else None


def lifts_network_limit(capabilities: Iterable[str]) -> str:
    """Return the capability with which a session could take away what its host limits its network by; empty: none."""
    over = {"ALL", "NET_ADMIN"}
    return next((one for one in capabilities if one.upper().removeprefix("CAP_") in over), "")


def own_uid(instance_id: str) -> int:
    """Return a uid that no other session of any host has but by chance: kernels count much by uid alone."""
    digest = hashlib.sha256(instance_id.encode()).digest()
    return FIRST_UID + int.from_bytes(digest[:8]) % UIDS


def container_labels(instance: Instance, namespace: str) -> dict[str, str]:
    """Labels by which a container is found again after any crash."""
    return {
        marks.NAMESPACE: namespace,
        marks.POOL: instance.pool,
        marks.INSTANCE: instance.made_as,
    }
