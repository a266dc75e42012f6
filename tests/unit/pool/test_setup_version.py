"""What hosts are configured with: networks as an operator lists them, and the digest of them."""

import pytest

from blocks.stored.pool_config import PoolConfig
from pool.errors import BadRequest
from pool.setup_version import read_networks, setup_version

pytestmark = pytest.mark.unit


def test_networks_are_taken_as_they_are_listed_ipv6_too():
    settings = PoolConfig(DD_BLOCKED_NETWORKS=[" 10.20.0.0/16", "192.0.2.7", "2001:db8::/32"]).settings("main")
    assert settings.blocked_networks == ("10.20.0.0/16", "192.0.2.7/32", "2001:db8::/32")


@pytest.mark.parametrize("line", ["10.20.0.0/33", "10.20.0.1/16", "intranet", ""])
def test_what_is_no_network_is_named_in_one_sentence(line):
    with pytest.raises(BadRequest, match=r"^DD_BLOCKED_NETWORKS: '.*' is no network such as 10\.20\.0\.0/16"):
        read_networks([line])


def test_the_version_changes_with_the_networks_and_the_registry_and_not_with_their_order():
    versions = [setup_version([], ""), setup_version(["10.0.0.0/8"], ""), setup_version([], "registry.example:5000")]
    assert len(set(versions)) == 3
    assert setup_version(["10.0.0.0/8", "192.0.2.0/24"], "") == setup_version(["192.0.2.0/24", "10.0.0.0/8"], "")


def test_hosts_in_service_are_configured_again_when_their_pool_gets_gpus_and_not_for_having_none():
    assert setup_version([], "", gpus=1) != setup_version([], "") == setup_version([], "", gpus=0)
