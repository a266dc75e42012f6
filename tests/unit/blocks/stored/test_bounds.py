"""Numbers beyond their bounds: refused by a form, cut where they were saved before there was a bound."""

import pytest
from pydantic import ValidationError

from blocks.stored.blueprint import Blueprint
from blocks.stored.bounds import reading_stored
from blocks.stored.pool_config import PoolConfig
from pool.moments import LONGEST_SPAN

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("name", ["DD_QUEUE_TIMEOUT", "DD_HOST_LIFETIME", "DD_HOST_GRACE", "DD_MAX_HOSTS"])
def test_a_form_refuses_what_no_rule_can_reckon_with(name):
    with pytest.raises(ValidationError, match=rf"{name}\n +Input should be less than or equal to \d+"):
        PoolConfig(**{name: 10**12})


def test_what_was_saved_before_counts_as_the_bound():
    with reading_stored():
        config = PoolConfig(DD_QUEUE_TIMEOUT=10**12, DD_FREE_SLOT_TARGET=7)
        blueprint = Blueprint(image="jupyter", port=8888, start_timeout=7200)
    assert (config.DD_QUEUE_TIMEOUT, config.DD_FREE_SLOT_TARGET) == (LONGEST_SPAN, 7)
    assert blueprint.start_timeout == 3600


def test_a_number_that_is_too_small_is_refused_wherever_it_comes_from():
    with reading_stored(), pytest.raises(ValidationError, match="DD_MAX_HOSTS"):
        PoolConfig(DD_MAX_HOSTS=-1)
