"""The rotation of one key, from what is stored to its end."""

from asyncio import Semaphore, gather, sleep
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import replace

from flows.steps.session_tokens import rotate_session_tokens
from pool.errors import DockerDriverError, Refused
from pool.keys.rotation import HELD_OUTSIDE, Progress, RotatedKey, RotationStep, ends_old, next_step, words_of
from pool.records import Host
from pool.states import HostState
from tasks.base import log, this_run
from tasks.hosts.setup import give_authorities, renew_certificate
from tasks.keys.machines import give_login, hosts_to_tell, operators_machines
from tasks.keys.stored import read_progress, registries_of_previous, take_step, tell_gateway, tell_repository
from tasks.leases import Hold, lease

AT_ONCE = 32
LOOK_SECONDS = 5
ROUNDS = 180  # of looks, before hosts that could not be told are given up: a quarter of an hour and more
SERVING = (HostState.ACTIVE, HostState.DRAINING)

Tell = Callable[[Host], Awaitable[None]]


async def rotate(key: RotatedKey, retire: bool, hold: Hold) -> str:
    """Rotate one key, or end a rotation of it that was begun; a sentence on how it ended.

    Args:
        key: which.
        retire: end what browsers and platforms hold of the old one, and begin nothing.
        hold: the lease under which keys are rotated.

    Raises:
        DockerDriverError: it is not done; what was done stays, and the same again goes on from there.
    """
    if key == RotatedKey.CERTIFICATES:
        await tell_hosts(renew_certificate)
        return f"{key}: every host has a new one"
    if key == RotatedKey.TOKENS:
        return f"{key}: {'there is nothing to retire' if retire else await rotate_session_tokens(hold)}"
    progress = await read_progress(key)
    ends = ends_old(key, progress, retire)
    while (step := next_step(progress, ends, begins=not retire)) is not RotationStep.END:
        hold.check()
        log().info("%s: %s", key, step)
        progress = await _after(key, step, progress)
    return words_of(key, progress)


async def still_taken(keys: Iterable[RotatedKey]) -> list[RotatedKey]:
    """List those of the keys of which a retirement would end one that others may still hold."""
    found = list[RotatedKey]()
    for key in keys:
        with suppress(DockerDriverError):  # its rotation says what is wrong with it
            if key in HELD_OUTSIDE and (progress := await read_progress(key)).has_previous:
                found += [key] if ends_old(key, progress, retire=True) else []
    return found


async def _after(key: RotatedKey, step: RotationStep, progress: Progress) -> Progress:
    """Take one step; how far it came by then."""
    if step is RotationStep.SPREAD:
        await _SPREAD[key]()
        return replace(progress, is_known=True, is_begun=True)
    await take_step(key, step)
    return replace(await read_progress(key), is_begun=True)


async def _spread_authority() -> None:
    """Have all hosts believe what they are to believe, if their registries show what they then believe."""
    if registries := await registries_of_previous():
        commands = ", ".join(f"`dockerdriver registry {address}`" for address in registries)
        raise Refused(f"the authority before signed certificates of registries: run {commands} with --listen as before")
    await tell_hosts(give_authorities)


async def _spread_login() -> None:
    for machine in await operators_machines():
        await give_login(f"machine {machine.id}", machine.address, machine.host_key)
    await tell_hosts(_give_login)


async def _give_login(host: Host) -> None:
    await give_login(f"host {host.name}", host.address, host.host_key)


async def _nothing() -> None:
    """Prefect's server reads the files at each request."""


_SPREAD: dict[RotatedKey, Callable[[], Awaitable[None]]] = {
    RotatedKey.AUTHORITY: _spread_authority,
    RotatedKey.LOGIN: _spread_login,
    RotatedKey.LINKS: tell_gateway,
    RotatedKey.PASSWORD: _nothing,
    RotatedKey.BACKUPS: tell_repository,
}


async def tell_hosts(tell: Tell) -> None:
    """Tell every host, also those that are being made meanwhile: they may have been given what was stored before.

    Raises:
        DockerDriverError: a host could not be told in all that time; says which, and why.
    """
    told: set[str] = set()
    places = Semaphore(AT_ONCE)
    for _ in range(ROUNDS):
        hosts = [host for host in await hosts_to_tell() if host.name not in told]
        whys = await gather(*(_told(host, tell, places) for host in hosts))
        told |= {host.name for host, why in zip(hosts, whys, strict=True) if not why}
        left = [f"{host.name}: {why}" for host, why in zip(hosts, whys, strict=True) if why]
        if not left:
            return
        await sleep(LOOK_SECONDS)
    raise DockerDriverError(f"it is not known to all hosts yet; rotate it again to go on. {'; '.join(left)}")


async def _told(host: Host, tell: Tell, places: Semaphore) -> str:
    """Tell one host; empty, or why that was not possible."""
    if host.state not in SERVING:
        return f"it is {host.state}"
    try:
        async with places, lease(f"configuring of {host.name}", holder=this_run()):
            await tell(host)
    except DockerDriverError as error:
        return str(error)
    return ""
