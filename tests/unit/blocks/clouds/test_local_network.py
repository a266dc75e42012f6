"""The local cloud's network takes a subnet that is free, and a host an address that is free."""

from ipaddress import IPv4Network

import pytest

from blocks.clouds.local.network import free_address, free_subnet, routed_networks
from pool.errors import CloudRefused

pytestmark = pytest.mark.unit

RANGE = IPv4Network("10.213.0.0/16")
SUBNET = IPv4Network("10.213.7.0/24")


def test_the_same_question_has_the_same_answer():
    assert free_subnet(RANGE, [], "dd-1") == free_subnet(RANGE, [], "dd-1")


def test_a_subnet_that_overlaps_is_not_taken():
    first = free_subnet(RANGE, [], "dd-1")
    inside = next(first.subnets(new_prefix=28))
    assert not free_subnet(RANGE, [inside], "dd-1").overlaps(first)


def test_the_search_goes_round_the_whole_range():
    last = IPv4Network("10.213.3.0/24")
    others = [subnet for subnet in RANGE.subnets(new_prefix=24) if subnet != last]
    assert free_subnet(RANGE, others, "dd-1") == last


def test_a_range_without_a_free_subnet_is_refused():
    with pytest.raises(CloudRefused, match=r"every /24 of 10\.213\.0\.0/16 is in use"):
        free_subnet(RANGE, [IPv4Network("10.0.0.0/8")], "dd-1")


def test_the_first_host_comes_after_the_bridge():
    assert free_address(SUBNET, set()) == "10.213.7.2"


def test_an_address_that_became_free_is_used_again():
    assert free_address(SUBNET, {"10.213.7.2", "10.213.7.4"}) == "10.213.7.3"


def test_a_full_subnet_is_refused():
    with pytest.raises(CloudRefused, match=r"every address of 10\.213\.7\.0/24"):
        free_address(SUBNET, {str(address) for address in SUBNET.hosts()})


def test_routes_are_read_as_networks_and_the_default_route_is_not_one(tmp_path):
    header = "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n"
    rows = "eth0 00000000 0100A8C0 0003 0 0 0 00000000 0 0 0\neth0 0000D50A 00000000 0001 0 0 0 0000FFFF 0 0 0\n"
    (tmp_path / "route").write_text(header + rows)
    assert routed_networks(tmp_path / "route") == [RANGE]
