"""A picture is drawn anew once a minute at the most."""

from functools import partial

import pytest

from blocks.plots.kept_pictures import KeptPictures
from tests.rigs.pool_data import NOW, later

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(("seconds", "seen"), [(59, "first"), (60, "second"), (-1, "second")])
def test_a_picture_is_kept_for_a_minute_unless_the_clock_was_set_back(seconds, seen):
    kept = KeptPictures()
    kept.of("main", NOW, lambda: "first")
    assert kept.of("main", later(seconds), lambda: "second") == seen


def test_each_name_has_its_own_picture():
    kept = KeptPictures()
    assert [kept.of(name, NOW, partial(str, name)) for name in ("main", "gpu")] == ["main", "gpu"]
