"""Where a manager is on several machines: does this one reach the others, and has it what its workers need."""

from collections.abc import Iterator

from blocks.gateway.all_gateways import AllGateways
from blocks.gateway.client import Gateway
from blocks.gateway.last_heard import LastHeard, trouble_with
from blocks.gateway.settings import RelaySettings
from blocks.outside import outside
from blocks.settings import ProcessSettings
from pool.errors import DockerDriverError, Refused
from runtime.command.doctor.told import Condition, Told
from runtime.stack.several_machines import check_files, check_machines, trouble_with_api


def examine_machines(settings: ProcessSettings, runs: bool) -> Iterator[Told]:
    """Tell of each of them how it is; nothing on a manager of one machine.

    Args:
        settings: of this installation.
        runs: whether Prefect's API answers.
    """
    if RelaySettings.given().certificate:
        yield from _of_gateway_here(settings)
    if not (settings.api_url or settings.gateway_relays):
        return
    try:
        check_machines(settings)
    except Refused as refusal:
        yield Told(str(refusal), Condition.WRONG, "change dockerdriver.env")
        return
    if settings.api_url:
        yield _of_api(settings, runs)
    gateway = outside().gateway
    if isinstance(gateway, AllGateways):
        for url, trouble in gateway.troubles().items():
            yield _of_relay(url, trouble)
    if settings.api_url and runs:
        yield _of_files(settings)


def _of_gateway_here(settings: ProcessSettings) -> Iterator[Told]:
    """Tell whether the gateway beside a relay answers, and whether it hears of its manager."""
    if Gateway(settings.gateway_socket, settings.gateway_snapshot).alive():
        yield Told("the gateway of this machine answers", Condition.OK)
    else:
        fix = "systemctl status dockerdriver-gateway; as root, for its socket is no other account's"
        yield Told("the gateway of this machine does not answer", Condition.MISSING, fix)
    heard = LastHeard(settings.relay_heard).moment()
    if trouble := trouble_with(heard, outside().clock.now()):
        fix = "systemctl status dockerdriver-gateway-relay here, and `dockerdriver doctor` on the manager"
        yield Told(trouble, Condition.MISSING, fix)
    else:
        yield Told("the gateway's relay hears of its manager", Condition.OK)


def _of_api(settings: ProcessSettings, runs: bool) -> Told:
    trouble = "" if runs else trouble_with_api(settings)
    if not trouble:
        return Told(f"Prefect's API answers: {settings.api_url}", Condition.OK)
    says, _, fix = trouble.partition("; ")
    return Told(says, Condition.MISSING, fix)


def _of_relay(url: str, trouble: str) -> Told:
    if not trouble:
        return Told(f"the gateway's relay answers: {url}", Condition.OK)
    fix = "systemctl status dockerdriver-gateway dockerdriver-gateway-relay, on its machine"
    return Told(trouble, Condition.MISSING, fix)


def _of_files(settings: ProcessSettings) -> Told:
    try:
        check_files(settings, outside().stored)
    except DockerDriverError as refusal:
        says, _, fix = str(refusal).partition(": ")
        return Told(says, Condition.WRONG, fix)
    return Told("no session needs a file of the manager's", Condition.OK)
