"""The networks of an engine that sessions are in which may reach nothing outside, or what is listed.

What holds is the bridge of such a network, by rules that are in force before the engine starts a container: see
`playbooks/roles/firewall` and `playbooks/roles/network`. Nothing that a session does to its own address changes it.
"""

import hashlib
from typing import Any

import docker
from docker.errors import APIError, NotFound

from pool import marks
from pool.blame import NO_NETWORK
from pool.errors import EngineTrouble
from pool.records import ContainerSpec
from pool.sessions.networks import CLOSED, LIST

#: Made by its host, where the rules are in force that hold what is in it; the networks of lists are made like it.
CLOSED_NETWORK = "dd-closed"
LIST_NETWORK, LIST_BRIDGE = "dd-list-", "nb-"  # and a digest of the list; such a bridge reaches what its list says
BRIDGE = "com.docker.network.bridge.name"
#: Asked by the engine for a container's names, from inside of it: nothing is there. Else it asks what its host asks.
NO_NAMES = ["127.0.0.1"]


def network_config(spec: ContainerSpec) -> dict[str, Any]:
    """Return in which network a session's container is, as arguments of the SDK's ``create_host_config``."""
    if spec.network == CLOSED:
        return {"network_mode": CLOSED_NETWORK, "dns": NO_NAMES}
    return {"network_mode": LIST_NETWORK + _digest(spec)} if spec.network == LIST else {}


def list_label(spec: ContainerSpec) -> dict[str, str]:
    """Return the label by which a host's ``notebook-network.service`` opens what is listed."""
    return {marks.NETWORK_LIST: " ".join(spec.network_list)} if spec.network == LIST else {}


def make_network(client: docker.APIClient, spec: ContainerSpec, host: str) -> None:
    """Have the network there that a session's container is to be in. One that is there is left as it is.

    Raises:
        EngineTrouble: the host has none that it holds closed.
    """
    if spec.network not in (CLOSED, LIST):
        return
    try:
        closed = client.inspect_network(CLOSED_NETWORK)
    except NotFound:
        words = f"it has no network {CLOSED_NETWORK} for sessions that may not reach all"
        raise EngineTrouble(f"host {host}: {words}, see its notebook-network.service", NO_NETWORK) from None
    if spec.network == LIST and not _is_there(client, LIST_NETWORK + _digest(spec)):
        _make_like(client, closed["Options"], spec)


def _make_like(client: docker.APIClient, options: dict[str, str], spec: ContainerSpec) -> None:
    digest = _digest(spec)
    own = options | {BRIDGE: LIST_BRIDGE + digest}
    try:
        client.create_network(LIST_NETWORK + digest, driver="bridge", options=own, check_duplicate=True)
    except APIError:
        if not _is_there(client, LIST_NETWORK + digest):  # else another session was faster
            raise


def _is_there(client: docker.APIClient, network: str) -> bool:
    try:
        client.inspect_network(network)
    except NotFound:
        return False
    return True


def _digest(spec: ContainerSpec) -> str:
    """Return ten digits: a name of an interface has fifteen characters at most."""
    return hashlib.sha256(" ".join(spec.network_list).encode()).hexdigest()[:10]
