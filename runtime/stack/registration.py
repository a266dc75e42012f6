"""What Prefect's server and the pool's database must hold before the workers start. All of it may be done again.

What an operator changed in the UI is never overwritten: a block that exists stays as it is, and so does a work pool,
but for its base job template, which says what a worker executes.
"""

from collections.abc import Callable
from functools import partial

from prefect.blocks.core import Block
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.workers.process import ProcessWorker

from blocks.clouds.local.cloud import LocalCloud
from blocks.clouds.openstack_project.cloud import OpenStackCloud
from blocks.clouds.openstack_project.login.credentials import OpenStackCredentials
from blocks.clouds.static import StaticCloud
from blocks.outside import outside
from blocks.settings import process_settings
from blocks.stored.authority import CertificateAuthority
from blocks.stored.backup_store import BackupPlace
from blocks.stored.blueprint import Blueprint
from blocks.stored.change_webhook import ChangeWebhook
from blocks.stored.course import CourseBlock
from blocks.stored.default_blueprints import default_blueprints
from blocks.stored.host_keys import HostLogin
from blocks.stored.link_keys import LinkKeys
from blocks.stored.lookup import load
from blocks.stored.pool_config import PoolConfig
from blocks.stored.registry_login import RegistryLogin
from runtime.stack.deployments import deploy_all
from runtime.stack.initial_config import HOST_IMAGE, first_openstack, first_pool
from runtime.worker.prefect_internals import ISOLATED, share_tls_contexts
from runtime.worker.warm_worker import WarmWorker

POOL = "main"
COMMAND = "python -m runtime.worker.process_run"  # of the work pool `long`
OUR_IMAGES = "dockerdriver/"
KINDS: tuple[type[Block], ...] = (
    CertificateAuthority,
    HostLogin,
    LinkKeys,
    BackupPlace,
    LocalCloud,
    StaticCloud,
    OpenStackCredentials,
    OpenStackCloud,
    PoolConfig,
    RegistryLogin,
    Blueprint,
    CourseBlock,
    ChangeWebhook,
)


def provision(identity: str, cloud: str) -> list[str]:
    """Tables, work pools, blocks, deployments.

    Args:
        identity: name of this installation; the authority's certificate carries it.
        cloud: kind of cloud that the pool's hosts come from: local, static or openstack.

    Returns:
        Names of the deployments.
    """
    outside().store.upgrade()
    share_tls_contexts()  # some hundred clients of Prefect's API follow
    make_work_pools()
    save_blocks(identity, cloud)
    return deploy_all()


def make_work_pools() -> None:
    """``warm`` for what must start at once, ``long`` for what takes minutes and deserves a process of its own.

    With ``DD_ISOLATED_RUNS`` each run of ``warm`` has one, too; the worker reads it from the pool within half a minute.
    """
    isolated = process_settings().isolated_runs
    make_work_pool("warm", WarmWorker.type, closed_template(**{ISOLATED: isolated}))
    make_work_pool("long", ProcessWorker.type, closed_template())


def closed_template(**more: bool) -> dict:
    """Return a base job template without variables: a request for a run cannot change how it is executed.

    A run or deployment that brings job variables is refused. ``env`` must not be fixed: Prefect merges a dictionary
    there, even an empty one, with the ``env`` of the run.
    """
    nothing = {"type": "object", "properties": {}, "additionalProperties": False}
    # Saying the command spares the process worker two seconds of finding it out for every run.
    return {"job_configuration": {"command": COMMAND, **more}, "variables": nothing}


def make_work_pool(name: str, kind: str, template: dict) -> None:
    """Make the work pool, or have the one that exists execute as this version wants it."""
    with get_client(sync_client=True) as client:
        try:
            client.create_work_pool(WorkPoolCreate(name=name, type=kind, base_job_template=template))
        except ObjectAlreadyExists:
            client.update_work_pool(name, WorkPoolUpdate(base_job_template=template))


def save_blocks(identity: str, cloud: str) -> None:
    """Register every kind of block, for the UI's forms, and save the first one of each."""
    for kind in KINDS:
        kind.register_type_and_schema()
    save_if_absent(CertificateAuthority, "main", lambda: CertificateAuthority.create(f"DockerDriver {identity}"))
    save_if_absent(HostLogin, "main", HostLogin.create)
    save_if_absent(LinkKeys, "main", LinkKeys.create)
    save_if_absent(BackupPlace, "main", BackupPlace.create)
    save_if_absent(LocalCloud, "main", LocalCloud)
    save_if_absent(OpenStackCloud, "main", first_openstack)
    save_if_absent(PoolConfig, POOL, lambda: first_pool(cloud))
    blueprints = default_blueprints()
    for name in blueprints:
        save_if_absent(Blueprint, name, partial(blueprints.__getitem__, name))


def save_if_absent(kind: type[Block], name: str, make: Callable[[], Block]) -> None:
    """Save the block ``<kind>/<name>`` unless one has that name."""
    with get_client(sync_client=True) as client:
        try:
            client.read_block_document_by_name(name, kind.get_block_type_slug())
        except ObjectNotFound:
            make().save(name)


def offer_host_image(tag: str) -> None:
    """Have the local cloud boot the image that was built last, unless the operator named another one."""
    cloud = load(LocalCloud, "main", "local-cloud block")
    current = cloud.images.get(HOST_IMAGE, "")
    if current != tag and (not current or current.startswith(OUR_IMAGES)):
        cloud.images = cloud.images | {HOST_IMAGE: tag}
        cloud.save("main", overwrite=True)
