"""What the playbook's firewall lets through on a real host, with all around it that a cloud may have."""

import socket
from contextlib import suppress
from dataclasses import replace
from ipaddress import ip_interface
from itertools import product

import pytest

from blocks.addresses.own_addresses import reachable_addresses
from pool.errors import EngineTrouble
from pool.records import ContainerSpec
from tests.rigs.hosts.configured_host import ANSWERING, RESTART, SESSION_PORT
from tests.rigs.hosts.playbook_host import NEIGHBOUR
from tests.rigs.waiting import until

pytest_plugins = ("tests.rigs.hosts.playbook_host",)
pytestmark = pytest.mark.integration

METADATA = "169.254.169.254"
RESOLVER = "198.18.0.3"  # blocked like NEIGHBOUR; no variable of the playbook names it
OTHER_HOST = "10.99.0.2"  # in a private network
WORLD, WORLD_6 = "203.0.113.2", "2001:db8:9::2"
PORTS = (80, 53, SESSION_PORT)
FIREWALL = "/usr/local/sbin/notebook-firewall"


@pytest.fixture
def cloud(configured):
    """All that may be around a host; the host itself reaches each of them, on three ports."""
    places = {METADATA: 16, NEIGHBOUR: 15, RESOLVER: 15, OTHER_HOST: 24, WORLD: 24}
    serve = "systemd-run --quiet --unit cloud-{port} ip netns exec cloud python3 -m http.server --bind :: {port}"
    configured.root(
        "ip netns add cloud; ip link add cloud0 type veth peer name eth0 netns cloud; ip link set cloud0 up;"
        " ip -n cloud link set eth0 up;"
        + "".join(f" ip -n cloud addr add {address}/{size} dev eth0;" for address, size in places.items())
        + "".join(f" ip addr add {ip_interface(f'{a}/{s}').network[1]}/{s} dev cloud0;" for a, s in places.items())
        + " ip -n cloud route add default via 169.254.0.1;"
        + "".join(serve.format(port=port) + ";" for port in PORTS)
    )
    urls = " ".join(f"http://{address}:{port}/" for address, port in product(places, PORTS))
    configured.root(f"python3 - {urls}", stdin=ANSWERING)
    yield
    stop = " ".join(f"cloud-{port}" for port in PORTS)
    configured.root(f"systemctl stop {stop}; ip link del cloud0; ip netns del cloud; {FIREWALL}")


def reach_from_host(configured, addresses, port):
    connect = "import socket, sys; [socket.create_connection((one, int(sys.argv[1])), 2) for one in sys.argv[2:]]"
    configured.root(f'python3 -c "{connect}" {port} {" ".join(addresses)}')


def test_the_manager_reaches_a_session(configured, containers):
    until(lambda: b"here" in fetch_session(configured.host.address), "the session answers", 60)


def fetch_session(address, port=SESSION_PORT):
    """What it answers; nothing while its program does not listen yet."""
    with suppress(OSError), socket.create_connection((address, port), timeout=5) as connection:
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        return b"".join(iter(lambda: connection.recv(4096), b""))
    return b""


def test_a_container_reaches_the_world_outside(configured, containers, cloud):
    doors = [(WORLD, 80), (WORLD, SESSION_PORT)]
    assert sorted(configured.reached("one", doors)) == doors


def test_a_container_reaches_no_address_of_the_manager(configured, containers):
    there = set(reachable_addresses())  # other tests of this machine come and go
    ours = [one for one in configured.run.variables["firewall_networks"] if one in there and ":" not in one]
    with socket.create_server(("0.0.0.0", 0)) as canary:  # noqa: S104 - what is tried is each address of this machine
        port = canary.getsockname()[1]
        reach_from_host(configured, ours, port)
        assert configured.reached("one", [(one, port) for one in ours]) == []


def test_a_container_reaches_other_hosts_but_not_their_sessions_and_engines(configured, containers, cloud):
    assert configured.reached("one", [(OTHER_HOST, 80), (OTHER_HOST, SESSION_PORT)]) == [(OTHER_HOST, 80)]


def test_the_network_that_the_host_is_in_counts_as_one_of_other_hosts(configured, containers, cloud):
    assert configured.root(FIREWALL) == "changed"
    assert configured.reached("one", [(WORLD, 80), (WORLD, SESSION_PORT)]) == [(WORLD, 80)]


def test_a_network_that_is_listed_later_is_blocked_by_the_next_run_and_opened_by_the_one_after(
    configured, containers, cloud, playbook_of
):
    networks, firewall = configured.run.variables["firewall_networks"], playbook_of("firewall")
    report, _ = configured.again(firewall, firewall_networks=[*networks, "203.0.113.0/24", "2001:db8::/32"])
    assert (report.changed, configured.reaches("one", WORLD, 80)) == (2, False)
    configured.again(firewall)
    assert configured.reaches("one", WORLD, 80)


def test_a_container_that_makes_itself_an_ipv6_address_gets_nowhere(configured, containers, cloud):
    pid = configured.root("docker inspect -f '{{.State.Pid}}' one")
    on = " ".join(f"net.ipv6.conf.{link}.disable_ipv6=0" for link in ("all", "docker0", "cloud0"))
    configured.root(
        f"sysctl -q -w {on}; ip netns exec cloud sysctl -q -w {on.split()[0]};"
        f" ip -n cloud addr add {WORLD_6}/64 dev eth0 nodad; ip addr add 2001:db8:9::1/64 dev cloud0 nodad;"
        " ip -n cloud route add default via 2001:db8:9::1; sysctl -q -w net.ipv6.conf.all.forwarding=1;"
        " ip addr add 2001:db8:8::1/64 dev docker0 nodad;"
        f" nsenter -t {pid} -n sysctl -q -w net.ipv6.conf.eth0.disable_ipv6=0;"
        f" nsenter -t {pid} -n ip addr add 2001:db8:8::2/64 dev eth0 nodad;"
        f" nsenter -t {pid} -n ip route add default via 2001:db8:8::1"
    )
    assert not configured.reaches("one", WORLD_6, 80)
    configured.root("ip6tables -F NOTEBOOK-INPUT; ip6tables -P FORWARD ACCEPT")
    until(lambda: configured.reaches("one", WORLD_6, 80), "it is reached without the rule", 60)
    configured.root(f"ip addr del 2001:db8:8::1/64 dev docker0; {FIREWALL}")


def test_a_container_does_not_reach_its_host(configured, containers):
    bridge = configured.root("docker inspect -f '{{.NetworkSettings.Gateway}}' one")
    doors = [(address, port) for address in (configured.host.address, bridge) for port in (22, 2376)]
    assert configured.reached("one", doors) == []


def test_a_container_does_not_reach_the_metadata_service(configured, containers, cloud):
    assert not configured.reaches("one", METADATA, 80)


def test_containers_do_not_reach_each_other(configured, containers):
    inside = configured.root("docker inspect -f '{{.NetworkSettings.IPAddress}}' one")
    assert configured.reached("two", [(inside, 8888), (configured.host.address, SESSION_PORT)]) == []


def test_a_container_reaches_a_blocked_network_only_for_names(configured, containers, cloud):
    assert configured.reached("one", [(NEIGHBOUR, 80), (NEIGHBOUR, 53)]) == [(NEIGHBOUR, 53)]


def test_a_container_reaches_the_name_servers_that_the_host_asks(configured, containers, cloud):
    assert not configured.reaches("one", RESOLVER, 53)
    configured.root(f"cp /etc/resolv.conf /root/; echo nameserver {RESOLVER} >> /etc/resolv.conf; {FIREWALL}")
    assert configured.reached("one", [(RESOLVER, 80), (RESOLVER, 53)]) == [(RESOLVER, 53)]
    configured.root("cat /root/resolv.conf > /etc/resolv.conf")


def test_rules_that_were_lost_are_back_when_the_engine_is_restarted(configured, containers):
    configured.root("iptables -F INPUT; iptables -F DOCKER-USER")
    assert configured.reaches("one", configured.host.address, 22)
    configured.root(RESTART)
    assert not configured.reaches("one", configured.host.address, 22)


@pytest.fixture
def started(configured, session_image):
    """Begins sessions as the manager does; they are removed at the end."""
    engine, image = configured.engine(), configured.root(f"docker image inspect -f '{{{{.Id}}}}' {session_image}")
    names: list[str] = []

    def start(name: str, network: str, *listed: str) -> str:
        names.append(name)
        spec = ContainerSpec(name, image, 8888, SESSION_PORT + len(names), 64, network=network, network_list=listed)
        engine.run(replace(spec, labels={"dockerdriver.namespace": "dd-test"}))
        return name

    yield start
    for name in names:
        engine.remove(name)


def test_a_closed_session_reaches_nothing_outside_name_servers_neither_and_is_reached(configured, started, cloud):
    closed = started("dd-closed-one", "closed")
    assert configured.reached(closed, product((WORLD, OTHER_HOST, NEIGHBOUR, METADATA), PORTS)) == []
    lookup = f"docker exec {closed} /bin/busybox timeout 20 /bin/busybox nslookup example.org || echo none"
    assert configured.root(lookup).endswith("none")
    until(lambda: b"here" in fetch_session(configured.host.address, SESSION_PORT + 1), "it answers the gateway", 60)


def test_a_session_with_a_list_reaches_what_is_listed_and_names_and_is_closed_until_then(configured, started, cloud):
    configured.root("systemctl stop notebook-network")
    listed = started("dd-listed", "list", f"{WORLD}/32:80", f"{NEIGHBOUR}/32")
    doors = [*product((WORLD, OTHER_HOST), (80, SESSION_PORT)), (NEIGHBOUR, 80), (NEIGHBOUR, 53)]
    assert configured.reached(listed, doors) == [(NEIGHBOUR, 53)]
    configured.root("systemctl start notebook-network")
    until(lambda: configured.reaches(listed, WORLD, 80), "what is listed is open", 60)
    assert sorted(configured.reached(listed, doors)) == [(NEIGHBOUR, 53), (WORLD, 80)]  # a blocked network stays so
    configured.root(FIREWALL)
    assert configured.reaches(listed, WORLD, 80)


def test_sessions_of_one_list_and_closed_ones_do_not_reach_each_other(configured, started, containers):
    names = started("dd-closed-two", "closed"), *(started(f"dd-of-list-{n}", "list", "0.0.0.0/0") for n in (1, 2))
    look = "docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "
    inside = configured.root(look + " ".join((*names, "one"))).split()
    doors = [(address, 8888) for address in inside]
    ports = [(configured.host.address, SESSION_PORT + number) for number in range(4)]
    for name, own in zip((*names, "one"), inside, strict=True):
        assert [door for door in configured.reached(name, [*doors, *ports]) if door[0] != own] == []


def test_what_is_listed_is_open_again_after_the_engine_and_its_rules_were_restarted(configured, started, cloud):
    listed = started("dd-listed-again", "list", f"{WORLD}/32:80")
    until(lambda: configured.reaches(listed, WORLD, 80), "what is listed is open", 60)
    configured.root(f"iptables -F NOTEBOOK-LISTS; {RESTART}; docker start {listed}")
    until(lambda: configured.reaches(listed, WORLD, 80), "what is listed is open again", 60)
    assert not configured.reaches(listed, WORLD, SESSION_PORT)


def test_no_session_begins_closed_where_the_rule_that_closes_is_not_in_force(configured, started):
    begin = "systemctl reset-failed notebook-network; systemctl restart notebook-network"
    configured.root(f"docker network rm dd-closed; iptables -D NOTEBOOK-FORWARD -i nb-+ -j DROP; {begin}")
    log = "journalctl --unit notebook-network --no-pager --lines 5"
    until(lambda: "could not make the network" in configured.root(log), "the service has looked", 60)
    with pytest.raises(EngineTrouble, match="it has no network dd-closed"):
        started("dd-not-closed", "closed")
    configured.root(f"{FIREWALL}; {begin}")
    until(lambda: "dd-closed" in configured.root("docker network ls"), "the network is there", 60)
