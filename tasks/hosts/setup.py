"""Tasks that make a machine a notebook host: run the playbook, test the result."""

from dataclasses import replace

from blocks.engine.client import ENGINE_PORT
from blocks.host_setup import sysprep
from blocks.host_setup.playbook import DISKS, PlaybookReport, PlaybookRun, host_variables
from blocks.host_setup.shell import HostShell
from blocks.host_setup.sysprep import block_networks, give_certificate, trust_registry
from blocks.outside import log, outside
from blocks.settings import process_settings
from blocks.stored.authority import CertificateAuthority, Issued
from pool.blame import BAD_BLUEPRINT, BAD_IMAGE
from pool.errors import ContainerGetsOut, EngineTrouble
from pool.hosts.escapes import doors, doors_of_others
from pool.records import Host, Instance
from pool.states import HostState, InstanceState
from tasks.base import pool_task

PLAYBOOK_SECONDS = 1200
CERTIFICATE_DAYS = 365
MOST_RUNNING = 200  # sessions that are looked through for one of another host


@pool_task(retries=1, retry_delay_seconds=5, task_run_name="run the playbook on {host.name}")
def apply_playbook(host: Host) -> PlaybookReport:
    """Run ``playbooks/notebook_host.yml`` on the host; each of its tasks is one line of the run's log.

    Raises:
        PlaybookFailed: "host main-01: playbook failed at '<task>': <its message>".
        HostUnreachable: ssh did not answer.
    """
    setup = _setup_version(host)
    report = _run(_playbook_run(host, outside().stored.authority(), _certificate(host)))
    outside().store.hosts.note(host.name, setup=setup)
    return report


@pool_task(retries=1, retry_delay_seconds=2, task_run_name="look how {host.name} is made")
def is_baked(host: Host) -> bool:
    """Whether the host booted from an image that today's playbook was run on. An active host counts as any other.

    Raises:
        HostUnreachable: ssh did not answer.
    """
    if host.state is not HostState.CONFIGURING:
        return False  # what has drifted since it booted is to be put right
    with outside().hosts.shell(host) as shell:
        mark = outside().hosts.baked_by(shell)
    return mark == outside().hosts.playbook_digest(outside().config(host.pool).settings(host.pool))


@pool_task(
    retries=1,
    retry_delay_seconds=5,
    task_run_name="give {host.name} what its image cannot hold",
)
def finish_baked(host: Host) -> None:
    """Set up the disks of its own, if it gets any; give it its certificate and start its engine.

    Raises:
        PlaybookFailed, HostUnreachable, CommandFailed: as the step says that failed.
    """
    setup, ours, issued = _setup_version(host), outside().stored.authority(), _certificate(host)
    run = replace(_playbook_run(host, ours, issued), playbook=DISKS)
    if run.variables["storage_device"] or run.variables["storage_swap_mb"]:
        _run(run)
    with outside().hosts.shell(host) as shell:
        block_networks(shell, _blocked_networks(host))
        give_certificate(shell, ours.for_hosts, issued.certificate, issued.private_key)
        if registry := str(run.variables["docker_registry"]):
            trust_registry(shell, registry, ours.for_hosts)
    outside().store.hosts.note(host.name, setup=setup)


def _setup_version(host: Host) -> str:
    """Read it before the work: settings that change meanwhile then lead to another run."""
    return outside().config(host.pool).settings(host.pool).setup_version


def _blocked_networks(host: Host) -> list[str]:
    """List what sessions on the host may not reach: this machine, and what the operator lists."""
    listed = outside().config(host.pool).settings(host.pool).blocked_networks
    return [*outside().hosts.own_addresses(), *listed]


@pool_task(retries=1, retry_delay_seconds=5, task_run_name="renew the certificate of {host.name}")
def renew_certificate(host: Host) -> None:
    """Give the host's engine a fresh certificate, over ssh; the engine restarts, and the host's sessions go on.

    Raises:
        HostUnreachable: ssh did not answer.
        CommandFailed: the engine did not come back.
    """
    with outside().hosts.shell(host) as shell:
        _renew_over(shell, host, outside().stored.authority())


@pool_task(retries=1, retry_delay_seconds=5, task_run_name="have {host.name} believe the authority")
def give_authorities(host: Host) -> None:
    """Have the host's engine believe what it is to believe now, and nothing else. Looks first; sessions go on.

    Raises:
        HostUnreachable: ssh did not answer.
        CommandFailed: the engine did not come back.
    """
    ours, registry = outside().stored.authority(), outside().config(host.pool).DD_IMAGE_REGISTRY
    with outside().hosts.shell(host) as shell:
        if registry:
            trust_registry(shell, registry, ours.for_hosts)
        if not sysprep.knows_authorities(shell, ours.for_hosts):
            _renew_over(shell, host, ours)


def _renew_over(shell: HostShell, host: Host, ours: CertificateAuthority) -> None:
    issued = ours.issue_server(host.name, host.get_address(), days=CERTIFICATE_DAYS)
    sysprep.renew_certificate(shell, ours.for_hosts, issued.certificate, issued.private_key)


def _certificate(host: Host) -> Issued:
    return outside().stored.authority().issue_server(host.name, host.get_address(), days=CERTIFICATE_DAYS)


def _playbook_run(host: Host, ours: CertificateAuthority, issued: Issued) -> PlaybookRun:
    config = outside().config(host.pool)
    return PlaybookRun(
        host=host.name,
        address=host.get_address(),
        host_key=host.get_host_key(),
        login=outside().stored.login(),
        variables=host_variables(
            host=host.name,
            ca_certificate=ours.for_hosts,
            server_certificate=issued.certificate,
            server_key=issued.private_key,
            data_device=outside().cloud(host.pool).data_device
            if host.slots * config.DD_HOST_DATA_VOLUME_FACTOR
            else "",
            swap_mb=config.DD_HOST_SWAP_MB,
            gpus=config.DD_HOST_GPUS,
            network=config.settings(host.pool).host_network,
            blocked_networks=_blocked_networks(host),
            registry=config.DD_IMAGE_REGISTRY,
        ),
    )


def _run(run: PlaybookRun) -> PlaybookReport:
    return outside().hosts.run_playbook(run, log().info, PLAYBOOK_SECONDS)


@pool_task(retries=2, retry_delay_seconds=2, task_run_name="try to get out of a container of {host.name}")
def check_escapes(host: Host) -> int:
    """Prove that a container of the host reaches nothing that no session may; how many doors were tried.

    Raises:
        ContainerGetsOut: it does; each way is named.
        HostUnreachable, EngineTrouble: it was not tried to the end.
    """
    settings = process_settings()
    ports = (settings.gateway_port, settings.prefect_port)
    others = doors_of_others(host.name, *_in_service(), ENGINE_PORT)
    tried = doors(host.get_address(), ENGINE_PORT, outside().hosts.own_addresses(), ports, others)
    limited = outside().stored.blueprints().limits_network(host.pool)
    if found := outside().engines.open_doors(host, tried, limited):
        raise ContainerGetsOut(
            f"host {host.name}: from inside a container there is a way to {'; '.join(found)}. It takes no session:"
            " look whether its notebook-firewall.service and notebook-network.service are active, and what else sets"
            " rules there; networks of other hosts that are neither private nor its own belong in DD_BLOCKED_NETWORKS"
        )
    return len(tried)


def _in_service() -> tuple[list[Host], list[Instance]]:
    store = outside().store
    running = store.instances.all(states=[InstanceState.RUNNING], limit=MOST_RUNNING)
    return store.hosts.all(states=[HostState.ACTIVE]), running


@pool_task(retries=5, retry_delay_seconds=1, task_run_name="test {host.name}")
def check_host(host: Host, image_ids: list[str]) -> None:
    """Prove that the host can run a session: its engine answers and a container of an image ends well.

    What it holds no session to is said in the log.

    An image that cannot be tested with (no command ``true`` in it, made for another processor) says nothing of the
    host: the next one is tried.

    Raises:
        EngineTrouble: an image is missing, or the container did not run.
    """
    engine, there = outside().engines.of(host), outside().store.images.on_host(host.name)
    engine.ping()
    for image_id in filter(there.__contains__, image_ids):
        try:
            engine.try_image(image_id)
            break
        except EngineTrouble as error:
            if error.blame not in (BAD_BLUEPRINT, BAD_IMAGE):
                raise
            log().warning("host %s cannot be tested with image %s: %s", host.name, image_id[:19], error)
    if why_not := outside().engines.no_disk_limit(host):
        log().info("host %s does not hold sessions to disk_mb of their blueprints: %s", host.name, why_not)
