"""One look at a host's engine: does it answer, which containers of ours has it, what does its clock say.

One request when all is well, two with the look for memory that ran out; more only for containers that ended.
"""

import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import docker
from docker.errors import NotFound
from requests import Response

from blocks.engine.client import HostEngine
from blocks.engine.containers.name import listed_name
from blocks.engine.containers.state import FROZEN
from pool import marks
from pool.errors import DockerDriverError, HostDistrusted
from pool.hosts.certificates import Validity
from pool.housekeeping.found import ContainerOutcome, Probe, SeenContainer

PROBE_SECONDS = 5
MEMORY_WINDOW = 90  # seconds that a look for memory trouble goes back: two ticks may be missed
ENDED = ("exited", "dead")


def probe(engine: HostEngine, namespace: str) -> Probe:
    """Look at the engine; what goes wrong is part of the answer.

    Args:
        engine: of one host.
        namespace: of this installation; only containers that carry it are looked at.
    """
    try:
        with engine.client("say what it runs", PROBE_SECONDS) as client:
            return _look(client, namespace)
    except DockerDriverError as error:
        return Probe(answers=False, trouble=str(error), distrusted=isinstance(error, HostDistrusted))


def _look(client: docker.APIClient, namespace: str) -> Probe:
    ours = {"label": [f"{marks.NAMESPACE}={namespace}", marks.INSTANCE]}
    with _noting(client) as connection:
        listed = client.containers(all=True, filters=ours)
    ahead = connection.ahead
    containers = tuple(_seen(client, entry) for entry in listed)
    return Probe(True, containers, ahead, _out_of_memory(client, ours, ahead), certificate=connection.certificate)


@dataclass
class _Connection:
    """What the connection to an engine tells beside its answers."""

    ahead: float = 0.0  # seconds that the engine's clock is, by the date of its answer (whole seconds)
    certificate: Validity | None = None  # of the engine's certificate

    def note(self, response: Response, *_args: object, **_more: object) -> None:
        """Look at an answer whose body was not read yet: the connection is still with it."""
        if date := response.headers.get("Date"):
            self.ahead = parsedate_to_datetime(date).timestamp() + 0.5 - time.time()
        socket = getattr(getattr(response.raw, "connection", None), "sock", None)
        if isinstance(socket, ssl.SSLSocket):
            self.certificate = _validity(socket.getpeercert() or {})


def _validity(certificate: Mapping[str, Any]) -> Validity | None:
    try:
        since, until = (ssl.cert_time_to_seconds(certificate[name]) for name in ("notBefore", "notAfter"))
    except (KeyError, ValueError):
        return None
    return Validity(datetime.fromtimestamp(since, UTC), datetime.fromtimestamp(until, UTC))


@contextmanager
def _noting(client: docker.APIClient) -> Iterator[_Connection]:
    connection = _Connection()
    client.hooks["response"].append(connection.note)
    try:
        yield connection
    finally:
        client.hooks["response"].remove(connection.note)


def _seen(client: docker.APIClient, entry: dict) -> SeenContainer:
    name, instance = listed_name(entry), entry["Labels"][marks.INSTANCE]
    if entry["State"] == FROZEN:
        return SeenContainer(name, instance, ContainerOutcome.FROZEN)
    if entry["State"] not in ENDED:
        return SeenContainer(name, instance)
    try:
        state = client.inspect_container(entry["Id"])["State"]
        return SeenContainer(name, instance, _outcome(client, state), state["ExitCode"])
    except NotFound:  # it went in between
        return SeenContainer(name, instance, ContainerOutcome.RUNS)
    except (KeyError, TypeError, ValueError):  # of no form that we know: the host's other containers are seen
        return SeenContainer(name, instance, ContainerOutcome.UNKNOWN)


def _outcome(client: docker.APIClient, state: dict) -> ContainerOutcome:
    if state["OOMKilled"]:
        return ContainerOutcome.OUT_OF_MEMORY
    if state["ExitCode"]:
        return ContainerOutcome.FAILED
    started = _engine_started(client)
    rebooted = started is not None and datetime.fromisoformat(state["FinishedAt"]) < started
    return ContainerOutcome.STOPPED_WITH_ENGINE if rebooted else ContainerOutcome.SHUT_DOWN


def _engine_started(client: docker.APIClient) -> datetime | None:
    """When the engine started: it makes its default bridge anew each time. None where it has none."""
    try:
        return datetime.fromisoformat(client.inspect_network("bridge")["Created"])
    except NotFound:
        return None


def _out_of_memory(client: docker.APIClient, ours: dict, ahead: float) -> frozenset[str]:
    """Instances in which the kernel killed a process for memory. The container itself does not show it."""
    theirs = int(time.time() + ahead)  # by the engine's clock; a moment to come would be waited for
    wanted = ours | {"type": ["container"], "event": ["oom"]}
    events = client.events(since=theirs - MEMORY_WINDOW, until=theirs, filters=wanted, decode=True)
    attributes = [(event.get("Actor") or {}).get("Attributes") or {} for event in events]
    return frozenset(given[marks.INSTANCE] for given in attributes if marks.INSTANCE in given)
