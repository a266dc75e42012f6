"""Networks of a host's engine, as an operator writes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.stored.pool_config import PoolConfig
from pool.errors import BadRequest
from pool.setup_version import HostNetwork, read_address_pools, read_bridge

pytestmark = pytest.mark.unit


def test_bridge_and_pools_are_settings_of_the_pool():
    config = PoolConfig(DD_HOST_BRIDGE=" 10.200.0.1/24", DD_HOST_ADDRESS_POOLS="172.30.0.0/16:24, 10.9.0.0/20:26")
    pools = (("172.30.0.0/16", 24), ("10.9.0.0/20", 26))
    assert config.settings("main").host_network == HostNetwork("10.200.0.1/24", pools)


def test_without_them_the_engine_chooses():
    assert PoolConfig().settings("main").host_network == HostNetwork()


@pytest.mark.parametrize(
    "text", ["172.17.0.0/16", "172.17.255.255/16", "172.17.0.1", "172.17.0.1/30", "fd00::1/64", "172.17.0.1/33", "x"]
)
def test_what_no_bridge_can_have_is_named_in_one_sentence(text):
    with pytest.raises(BadRequest, match=r"^DD_HOST_BRIDGE: '.*' is no address with its network such as"):
        read_bridge(text)


@pytest.mark.parametrize(
    "text", ["172.30.0.0/16", "172.30.0.0/16:15", "172.30.0.0/16:31", "172.30.0.1/16:24", "172.30.0.0:24", "x:24", ""]
)
def test_what_is_no_pool_of_addresses_is_named_in_one_sentence(text):
    with pytest.raises(BadRequest, match=r"^DD_HOST_ADDRESS_POOLS: '.*' is no network with a size such as"):
        read_address_pools([text])


@given(st.text(max_size=30))
def test_any_text_is_read_to_what_is_read_the_same_again_or_refused(text):
    try:
        bridge = read_bridge(text)
    except BadRequest:
        return
    assert read_bridge(bridge) == bridge
