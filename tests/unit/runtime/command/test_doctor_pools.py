"""What the doctor says of pools."""

import pytest

from blocks.outside import standing_in
from blocks.stored.pool_config import PoolConfig
from runtime.command.doctor.pools import examine_pools
from runtime.command.doctor.told import Condition
from tests.rigs.fakes import FakeBlocks, fake_outside

pytestmark = pytest.mark.unit


def test_a_pool_whose_cloud_has_no_block_keeps_no_other_from_being_told():
    pools = {"bare": PoolConfig(cloud="static-cloud/racks"), "main": PoolConfig(cloud="static-cloud/racks")}
    with standing_in(fake_outside(stored=FakeBlocks({PoolConfig: pools}))):
        told = examine_pools()
        first, second = next(told), next(told)
    assert (first.condition, first.about, first.fix) == (Condition.WRONG, "bare", "save the block static-cloud/racks")
    assert "racks" in first.says
    assert second.about == "main"
