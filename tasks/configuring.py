"""Verbs for making a machine a notebook host: run the playbook, test the result."""

from asyncio import to_thread
from pathlib import Path

from prefect import get_run_logger

from blocks.baking import read_mark, todays_playbook
from blocks.clouds import cloud_of
from blocks.engines import authority, engine_of
from blocks.host_keys import HostLogin
from blocks.lookup import load
from blocks.playbook import BAKED_HOST, NOTEBOOK_HOST, PlaybookReport, PlaybookRun, host_variables, run_playbook
from blocks.pool_config import pool_config
from blocks.settings import process_settings
from pool.records import Host
from pool.states import HostState
from tasks.hosts import LOGIN, open_shell
from tasks.retrying import worth_retrying
from tasks.verb import verb

PLAYBOOK_SECONDS = 1200
CERTIFICATE_DAYS = 365


@verb(
    retries=1, retry_delay_seconds=5, retry_condition_fn=worth_retrying, task_run_name="run the playbook on {host.name}"
)
async def apply_playbook(host: Host) -> PlaybookReport:
    """Run ``playbooks/notebook_host.yml`` on the host; each of its tasks is one line of the run's log.

    A new host that booted from an image of today's playbook needs ``baked_host.yml`` only.

    Raises:
        PlaybookFailed: "host main-01: playbook failed at '<task>': <its message>".
        HostUnreachable: ssh did not answer.
    """
    ours = authority()
    issued = ours.issue_server(host.name, host.address, days=CERTIFICATE_DAYS)
    config = pool_config(host.pool)
    run = PlaybookRun(
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
        ),
        playbook=await to_thread(_playbook_for, host),
    )
    return await to_thread(run_playbook, run, get_run_logger().info, PLAYBOOK_SECONDS, process_settings().run_dir)


def _playbook_for(host: Host) -> Path:
    """An active host gets all of it: what has drifted since it booted is to be put right."""
    if host.state is not HostState.CONFIGURING:
        return NOTEBOOK_HOST
    with open_shell(host) as shell:
        return BAKED_HOST if read_mark(shell) == todays_playbook() else NOTEBOOK_HOST


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
