"""Verb for looking at every host's engine at once: many at a time, each with its own time limit."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from blocks.outside import log, now, outside
from pool.errors import DockerDriverError
from pool.housekeeping.found import Probe
from pool.records import Host
from tasks.base import blocking

Answer = TypeVar("Answer")

AT_ONCE = 48
ALL_SECONDS = 20  # a host that was not asked by then is not known, this time


async def probe_hosts(hosts: Iterable[Host]) -> dict[str, Probe]:
    """What these hosts' engines say. A host that was not asked in time, or not understood, is left out: unknown."""
    return await ask_each(hosts, _probe, ALL_SECONDS)


async def ask_each(hosts: Iterable[Host], ask: Callable[[Host], Answer | None], seconds: float) -> dict[str, Answer]:
    """Ask all hosts at once, in threads, and return the answers by name; what is late, odd or None is left out.

    Args:
        hosts: to be asked.
        ask: blocks; gives None where there is no answer.
        seconds: that all of them together may take.
    """
    places = asyncio.Semaphore(AT_ONCE)

    async def look(host: Host) -> Answer | None:
        async with places:
            return await blocking(ask, host)

    looks = {asyncio.ensure_future(look(host)): host for host in hosts}
    if not looks:
        return {}
    done, late = await asyncio.wait(looks, timeout=seconds)
    for one in late:
        one.cancel()
    seen = {looks[one].name: _understood(one, looks[one]) for one in done}
    return {name: answer for name, answer in seen.items() if answer}


def _understood(look: asyncio.Future[Answer | None], host: Host) -> Answer | None:
    """What was seen; None where the host's answer has no form that we know: no other host is to suffer for it."""
    try:
        return look.result()
    except Exception:  # noqa: BLE001 - whatever it is, it is this host's alone
        log().exception("unexpected answer from host %s", host.name)
        return None


def _probe(host: Host) -> Probe:
    try:
        return outside().engines.probe(host)
    except DockerDriverError as error:  # no address
        return Probe(answers=False, trouble=str(error))


def note_probes(pool: str, hosts: Iterable[Host], probes: Mapping[str, Probe]) -> None:
    """Tell SQL which hosts of a pool are out of reach, and which are back."""
    store = outside().store
    back = [host.name for host in hosts if host.unreachable_since and host.name in probes and probes[host.name].answers]
    store.hosts.note_reached(back, now())
    silent = {name: seen.trouble for name, seen in probes.items() if not seen.answers}
    if silent:
        store.hosts.note_unreachable(silent, now(), outside().kept_config(pool).DD_HOST_GRACE)
