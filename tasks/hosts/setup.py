"""Verbs for making a machine a notebook host: run the playbook, test the result."""

from asyncio import to_thread
from dataclasses import replace

from prefect import get_run_logger

from blocks.clouds.chosen import cloud_of
from blocks.engine.of_host import authority, engine_of
from blocks.host_setup.playbook import DISKS, PlaybookReport, PlaybookRun, host_variables, run_playbook
from blocks.host_setup.sysprep import give_certificate, read_mark, todays_playbook, trust_registry
from blocks.settings import process_settings
from blocks.stored.authority import CertificateAuthority, Issued
from blocks.stored.host_keys import HostLogin
from blocks.stored.lookup import load
from blocks.stored.pool_config import pool_config
from pool.records import Host
from pool.states import HostState
from tasks.base import verb
from tasks.hosts.lifecycle import LOGIN, open_shell
from tasks.retrying import worth_retrying

PLAYBOOK_SECONDS = 1200
CERTIFICATE_DAYS = 365


@verb(
    retries=1, retry_delay_seconds=5, retry_condition_fn=worth_retrying, task_run_name="run the playbook on {host.name}"
)
async def apply_playbook(host: Host) -> PlaybookReport:
    """Run ``playbooks/notebook_host.yml`` on the host; each of its tasks is one line of the run's log.

    Raises:
        PlaybookFailed: "host main-01: playbook failed at '<task>': <its message>".
        HostUnreachable: ssh did not answer.
    """
    return await _run(_playbook_run(host, authority(), _certificate(host)))


@verb(retries=1, retry_delay_seconds=2, retry_condition_fn=worth_retrying, task_run_name="look how {host.name} is made")
async def is_baked(host: Host) -> bool:
    """Whether the host booted from an image that today's playbook was run on. An active host counts as any other.

    Raises:
        HostUnreachable: ssh did not answer.
    """
    if host.state is not HostState.CONFIGURING:
        return False  # what has drifted since it booted is to be put right
    with open_shell(host) as shell:
        mark = await to_thread(read_mark, shell)
    return mark == await to_thread(todays_playbook)


@verb(
    retries=1,
    retry_delay_seconds=5,
    retry_condition_fn=worth_retrying,
    task_run_name="give {host.name} what its image cannot hold",
)
async def finish_baked(host: Host) -> None:
    """Set up the disks of its own, if it gets any; give it its certificate and start its engine.

    Raises:
        PlaybookFailed, HostUnreachable, CommandFailed: as the step says that failed.
    """
    ours, issued = authority(), _certificate(host)
    run = replace(_playbook_run(host, ours, issued), playbook=DISKS)
    if run.variables["storage_device"] or run.variables["storage_swap_mb"]:
        await _run(run)
    with open_shell(host) as shell:
        await to_thread(give_certificate, shell, ours.certificate, issued.certificate, issued.private_key)
        if registry := run.variables["docker_registry"]:
            await to_thread(trust_registry, shell, registry, ours.certificate)


def _certificate(host: Host) -> Issued:
    return authority().issue_server(host.name, host.address, days=CERTIFICATE_DAYS)


def _playbook_run(host: Host, ours: CertificateAuthority, issued: Issued) -> PlaybookRun:
    config = pool_config(host.pool)
    return PlaybookRun(
        host=host.name,
        address=host.address,
        host_key=host.host_key,
        login=load(HostLogin, LOGIN, "login key"),
        variables=host_variables(
            host=host.name,
            ca_certificate=ours.certificate,
            server_certificate=issued.certificate,
            server_key=issued.private_key,
            data_device=cloud_of(config).data_device if host.slots * config.DD_HOST_DATA_VOLUME_FACTOR else "",
            swap_mb=config.DD_HOST_SWAP_MB,
            registry=config.DD_IMAGE_REGISTRY,
        ),
    )


async def _run(run: PlaybookRun) -> PlaybookReport:
    return await to_thread(run_playbook, run, get_run_logger().info, PLAYBOOK_SECONDS, process_settings().run_dir)


@verb(retries=5, retry_delay_seconds=1, retry_condition_fn=worth_retrying, task_run_name="test {host.name}")
async def test_host(host: Host, image_ids: list[str]) -> None:
    """Prove that the host can run a session: its engine answers and a container of an image ends well.

    Raises:
        EngineTrouble: an image is missing, or the container did not run.
    """
    engine = engine_of(host)
    await to_thread(engine.ping)
    for image_id in image_ids[:1]:
        await to_thread(engine.try_image, image_id)


test_host.__test__ = False  # pytest: a verb, not a test
