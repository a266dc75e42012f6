"""What a blueprint lists for its sessions to reach: which spellings are understood."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pool.errors import BadRequest
from pool.sessions.networks import check_network, read_listed

pytestmark = pytest.mark.unit


def test_networks_addresses_and_ports_come_in_one_spelling_and_order_each_once():
    listed = ["192.0.2.7:443", " 10.20.0.0/16", "192.0.2.7", "192.0.2.7/32", "10.20.0.0/16:8080"]
    assert read_listed(listed) == ("10.20.0.0/16", "10.20.0.0/16:8080", "192.0.2.7/32", "192.0.2.7/32:443")


@pytest.mark.parametrize(
    "text",
    ["", "pypi.org", "10.20.0.1/16", "10.20.0.0/33", "5", "2001:db8::/32", "192.0.2.7 -j ACCEPT", "0/0;reboot"],
)
def test_what_is_no_place_of_the_network_is_named(text):
    with pytest.raises(BadRequest, match="is no network or address of IPv4, with or without a TCP port, such as"):
        read_listed([text])


@pytest.mark.parametrize("port", ["", "0", "65536", "http", "-1", "8080:1", "٤", "+80"])
def test_a_port_is_a_number_that_a_port_can_have(port):
    with pytest.raises(BadRequest, match="is no network or address"):
        read_listed([f"192.0.2.7:{port}"])


@given(st.text(max_size=24))
def test_whatever_is_listed_reaches_a_hosts_shell_as_digits_dots_slashes_and_colons(text):
    try:
        listed = "".join(read_listed([text]))
    except BadRequest:
        return
    assert not set(listed) - set("0123456789./:")


def test_there_is_a_rule_on_each_host_for_each_so_they_are_not_many():
    with pytest.raises(BadRequest, match="101 networks; there may be 100"):
        read_listed(f"10.0.0.{last}" for last in range(101))


@pytest.mark.parametrize(("network", "listed"), [("open", ["10.0.0.0/8"]), ("closed", ["10.0.0.0/8"]), ("list", [])])
def test_a_list_that_counts_for_nothing_is_refused_and_so_is_none_where_one_is_wanted(network, listed):
    with pytest.raises(BadRequest, match="network_list"):
        check_network(network, listed)
