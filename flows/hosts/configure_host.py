"""Configure a host: playbook, images, self-test, active."""

from asyncio import gather

from prefect import flow

from flows.steps.forms import HostName
from flows.steps.outcome import pipeline
from flows.steps.queue import serve_queue
from pool.blame import BAD_IMAGE
from pool.errors import ContainerGetsOut, DockerDriverError, EngineTrouble, RefusedMove
from pool.records import Fault, Host, Image
from pool.states import HostState
from tasks.base import log, this_run
from tasks.hosts.lifecycle import clear_errors, get_host, move_host
from tasks.hosts.setup import apply_playbook, check_escapes, check_host, finish_baked, is_baked
from tasks.images.catalogue import pull_references, read_catalogue
from tasks.images.delivery import send_images
from tasks.leases import Held, lease


@flow(name="configure-host", flow_run_name="configure {host}")
@pipeline
async def configure_host(host: HostName) -> str:
    """Make a host ready for sessions. On an active host it repairs what drifted; a second run changes nothing.

    Args:
        host: Name of the host, for example main-01.

    Returns:
        The host's name. It is `active`: playbook green, engine answers, every wanted image there and verified,
        self-test passed, no way out of a container open. An active host whose containers get out is drained.
    """
    record = await get_host(host)
    if record.state not in (HostState.CONFIGURING, HostState.ACTIVE):
        raise RefusedMove(f"host {host} is {record.state}: only a configuring or active host is configured")
    try:
        async with lease(f"configuring of {host}", holder=this_run()):
            await make_ready(record)
    except (Held, RefusedMove):
        raise  # another run goes on with it, or it was drained meanwhile: nothing is wrong with the host
    except DockerDriverError as error:
        if record.state is HostState.CONFIGURING:
            await move_host(host, HostState.FAILED, reason=str(error), fault=Fault.CONFIGURING)
        elif isinstance(error, ContainerGetsOut):
            await move_host(host, HostState.DRAINING, reason=str(error))
        raise
    return host


async def make_ready(host: Host) -> None:
    """Everything between "ssh answers" and "takes sessions"."""
    if await is_baked(host):
        await finish_baked(host)
    else:
        await apply_playbook(host)
    tried = await try_out(host)
    if host.state is HostState.CONFIGURING:
        await move_host(
            host.name,
            HostState.ACTIVE,
            reason=f"configured and tested; of {tried} ways out of a container none is open",
        )
    await clear_errors(host.name)
    await serve_queue(host.pool)


async def try_out(host: Host) -> int:
    """Try ways out of a container while the host gets its images and runs one; how many ways were tried.

    A way that does not answer is waited for: a host that has its images is active hardly later for it. Both have ended
    when the trouble of one is told; a way out comes first, for it drains a host in service.
    """
    tried, equipped = await gather(check_escapes(host), equip_from_catalogue(host), return_exceptions=True)
    if isinstance(tried, BaseException):
        raise tried
    if isinstance(equipped, BaseException):
        raise equipped
    return tried


async def equip_from_catalogue(host: Host) -> None:
    """Bring the host what its pool offers now, and test it with that."""
    await pull_references(host.pool)
    await equip(host, await read_catalogue(host.pool))


async def equip(host: Host, images: list[Image]) -> None:
    """Send what the host lacks of these images, and test it with them. An image that no engine takes is left out."""
    try:
        await send_images(host, images)
    except EngineTrouble as refusal:
        if refusal.blame is not BAD_IMAGE:
            raise
        log().error("%s; the host goes on without this image", refusal)
    await check_host(host, [image.id for image in images])
