"""Which parts of a manager a machine has: what it has not is examined elsewhere, and said to be left out."""

from collections.abc import Iterator
from dataclasses import dataclass

from blocks.gateway.settings import RelaySettings
from blocks.settings import ProcessSettings
from pool.errors import Refused
from runtime.command.doctor.told import Condition, Told


@dataclass(frozen=True)
class Parts:
    """What is on this machine."""

    manager: bool
    workers: bool  # of a manager that is on another machine
    gateway: bool


def parts_of(settings: ProcessSettings) -> Parts:
    """Tell them by what the machine was told: a machine of workers asks an API, and one of a gateway has a relay."""
    has_relay = RelaySettings.given().certificate is not None
    manager = not settings.api_url and bool(settings.gateway_relays or not has_relay)
    return Parts(manager, bool(settings.api_url), has_relay or (manager and not settings.gateway_relays))


def check_gateway_is_here(settings: ProcessSettings) -> None:
    """Refuse what is done to a gateway, or told of its files, where none is on this machine.

    Raises:
        Refused: says where they are.
    """
    if not parts_of(settings).gateway:
        relays = ", ".join(settings.gateway_relays)
        raise Refused(f"no gateway is on this machine: run this where one is, behind the relays {relays} (DD_GATEWAYS)")


def left_out(parts: Parts) -> Iterator[Told]:
    """Say what is not examined here, and why."""
    if not parts.manager and not parts.workers:
        says = "this machine has a gateway alone: Prefect's API, databases and pools are examined on the manager"
        yield Told(says, Condition.UNKNOWN)
    if parts.workers:
        says = "this machine has workers of another one's manager: clouds and certificates are examined there"
        yield Told(says, Condition.UNKNOWN)
    if not parts.gateway:
        yield Told("no gateway is on this machine: its settings are examined where one is", Condition.UNKNOWN)
