"""When certificates are renewed, and when an operator is told of one."""

from datetime import timedelta

import pytest

from pool.hosts.certificates import OperatorsCertificate, Validity, authority_follow_up, running_out
from tests.rigs.pool_data import NOW, later

pytestmark = pytest.mark.unit

DAY = 86400


@pytest.mark.parametrize(("days", "renewed_after"), [(365, 365 * 2 / 3), (3, 2)])
def test_a_certificate_is_renewed_with_a_third_of_its_life_left(days, renewed_after):
    assert Validity(NOW, later(days * DAY)).renewed_from == NOW + timedelta(days=renewed_after)


def gateways(days: float) -> OperatorsCertificate:
    return OperatorsCertificate("the gateway's certificate /tls.pem", later(days * DAY), "put another one there")


def test_an_operator_is_told_thirty_days_before_and_not_sooner():
    assert running_out([gateways(30.01)], NOW) == []
    (told,) = running_out([gateways(30)], NOW)
    assert (
        told == "the gateway's certificate /tls.pem runs out on 2026-02-04 08:00 UTC, in 30 days: put another one there"
    )


def test_the_first_to_end_is_told_first_and_one_that_ended_as_such():
    told = running_out([gateways(3), gateways(-1)], NOW)
    assert ["has run out" in told[0], "in 3 days" in told[1]] == [True, True]


def test_another_authority_follows_one_that_ends_within_two_years_and_is_tried_once_a_day():
    until = later(10 * 365 * DAY)
    keys = [authority_follow_up(until, later(days * DAY)) for days in (0, 7 * 365, 8 * 365, 8 * 365 + 0.1, 9 * 365)]
    assert [bool(key) for key in keys] == [False, False, True, True, True]
    assert (keys[2] == keys[3], keys[3] == keys[4]) == (True, False)


def test_where_there_is_no_authority_yet_none_follows():
    assert authority_follow_up(None, NOW) == ""
