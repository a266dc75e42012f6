"""All that is wrong with what a user wrote is said at once."""

import pytest

from pool.errors import BadRequest, NotFound
from pool.faults import Faults, read_each
from pool.names import check_environment
from pool.notation import read_assignments, read_seconds
from pool.settings import PoolSettings
from pool.setup_version import read_networks
from pool.timetable import read_timetable

pytestmark = pytest.mark.unit


def test_each_fault_is_said_once_and_in_order():
    faults = Faults()
    for words in ("one", "two", "one"):
        faults.note(words)
    with pytest.raises(BadRequest, match=r"^one; two$"):
        faults.refuse()


def test_nothing_is_refused_where_nothing_is_wrong():
    faults = Faults()
    with faults.gathered():
        assert read_each(read_seconds, ["5m", "1h"]) == [300, 3600]
    faults.refuse()
    assert not faults


def test_faults_of_one_kind_are_refused_as_that_kind_and_others_as_a_bad_request():
    faults = Faults()
    with faults.gathered():
        raise NotFound("no pool is named 'x'")
    with pytest.raises(NotFound):
        faults.refuse()
    faults.note("a time is wrong")
    with pytest.raises(BadRequest, match="no pool is named 'x'; a time is wrong"):
        faults.refuse()


def test_words_of_another_form_and_names_that_are_not_known_are_said_together():
    faults = Faults()
    words = ["DD_A", "DD_C=1", "DD_B=2", "DD_D=3", "=4"]
    assert read_assignments(words, "DD_A=8", ["DD_A", "DD_B"], "there is no", faults) == {"DD_B": "2"}
    for said in ("'DD_A' sets nothing", "'=4' sets nothing", "there is no 'DD_C', 'DD_D'; known: DD_A, DD_B"):
        assert said in str(faults)


@pytest.mark.parametrize(
    ("read", "given"),
    [
        (lambda lines: read_timetable(lines, "UTC"), ["Mon 9-10 x", "Tue"]),
        (read_networks, ["10.0.0.0/33", "10.0.0.1/8"]),
        (lambda names: check_environment(dict.fromkeys(names, ""), "environment"), ["A=", "B "]),
    ],
    ids=["lines", "networks", "variables"],
)
def test_of_several_entries_that_cannot_be_read_each_is_named(read, given):
    with pytest.raises(BadRequest) as refused:
        read(given)
    assert [one in str(refused.value) for one in given] == [True, True]


def test_settings_that_make_no_sense_together_are_named_all():
    with pytest.raises(
        BadRequest, match=r"^pool gpu: a host must have at least 1 slot.*; a host's lifetime .*DD_HOST_DISK"
    ):
        PoolSettings("gpu", slots_small=0, host_lifetime=1, disk_floor=1, disk_limit=2)
