"""In which network of its engine a session is that may not reach all of what is outside."""

from typing import Any

import docker
import pytest
from docker.errors import APIError, NotFound

from blocks.engine.networks import list_label, make_network, network_config
from pool.blame import NO_NETWORK
from pool.errors import EngineTrouble
from pool.records import ContainerSpec

pytestmark = pytest.mark.unit

CLOSED = {"com.docker.network.bridge.name": "nb-closed", "com.docker.network.driver.mtu": "1400"}


class PaperClient(docker.APIClient):
    """Knows networks by name."""

    def __init__(self, **networks: dict[str, str]) -> None:
        self.there = {name.replace("_", "-"): options for name, options in networks.items()}
        self.made_meanwhile = False

    def inspect_network(self, net_id: Any, *_: Any, **__: Any) -> Any:
        if net_id not in self.there:
            raise NotFound("no such network")
        return {"Options": self.there[net_id]}

    def create_network(self, name: str, driver: Any = None, options: Any = None, *_: Any, **__: Any) -> dict[str, str]:
        self.there[name] = options
        if self.made_meanwhile:
            raise APIError("a network of this name is there")
        return {"Id": name}


def spec(network: str, *listed: str) -> ContainerSpec:
    return ContainerSpec("dd-alice", "sha256:aa", 8888, 20001, 64, network=network, network_list=listed)


def test_a_session_that_may_reach_all_is_where_the_engine_puts_it():
    assert (network_config(spec("open")), list_label(spec("open"))) == ({}, {})
    make_network(PaperClient(), spec("open"), "main-01")


def test_a_session_that_may_reach_nothing_asks_no_name_server_either():
    assert network_config(spec("closed")) == {"network_mode": "dd-closed", "dns": ["127.0.0.1"]}


@pytest.mark.parametrize("one", [spec("closed"), spec("list", "10.0.0.0/8")])
def test_on_a_host_that_does_not_hold_it_closed_no_such_session_begins(one):
    with pytest.raises(EngineTrouble, match="host main-01: it has no network dd-closed") as found:
        make_network(PaperClient(), one, "main-01")
    assert found.value.blame is NO_NETWORK


def test_the_network_of_a_list_is_made_once_like_the_closed_one_with_a_bridge_of_its_own():
    client, one = PaperClient(dd_closed=CLOSED), spec("list", "10.0.0.0/8", "192.0.2.7/32:443")
    for _ in range(2):
        make_network(client, one, "main-01")
    [name] = client.there.keys() - {"dd-closed"}
    assert network_config(one) == {"network_mode": name}
    bridge = client.there[name]["com.docker.network.bridge.name"]
    assert (bridge, len(bridge)) == (f"nb-{name.removeprefix('dd-list-')}", 13)
    assert client.there[name]["com.docker.network.driver.mtu"] == "1400"
    assert list_label(one) == {"dockerdriver.network_list": "10.0.0.0/8 192.0.2.7/32:443"}


def test_two_sessions_that_make_the_network_of_one_list_at_once_both_have_it():
    client = PaperClient(dd_closed=CLOSED)
    client.made_meanwhile = True
    make_network(client, spec("list", "10.0.0.0/8"), "main-01")
    assert network_config(spec("list", "10.0.0.0/8"))["network_mode"] in client.there


def test_lists_that_differ_are_networks_that_differ():
    assert network_config(spec("list", "10.0.0.0/8")) != network_config(spec("list", "10.0.0.0/9"))
