"""The authority's end, met by a tick whose clock is years ahead."""

import asyncio
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from blocks.certificates import Certificates
from blocks.outside import standing_in
from blocks.stored.authority import CertificateAuthority
from pool.keys.rotation import RotatedKey
from tasks.housekeeping.certificates import authority_ends, follow_authority
from tests.rigs.fakes import FakeBlocks, FakeClock, fake_outside

pytestmark = pytest.mark.unit


@pytest.fixture
def in_years():
    """What a tick meets after so many years, of an authority that is made now."""
    stored = FakeBlocks({CertificateAuthority: {"main": CertificateAuthority.create("test authority")}})
    ports = {"stored": stored, "certificates": Certificates(stored), "store": SimpleNamespace(writes=0)}
    return lambda years: fake_outside(**ports, clock=FakeClock(datetime.now(UTC) + timedelta(days=365 * years)))


@pytest.mark.parametrize(("years", "ends"), [(1, False), (7.9, False), (8.1, True), (11, True)])
def test_an_authority_is_followed_two_years_before_its_end(in_years, years, ends):
    with standing_in(in_years(years)):
        assert asyncio.run(authority_ends.fn()) is ends


def test_the_rotation_of_the_authority_alone_is_started_and_a_second_tick_starts_none_beside_it(in_years):
    with standing_in(in_years(9)) as door:
        asyncio.run(follow_authority.fn())
        assert "another one follows it" in asyncio.run(follow_authority.fn())
    first, second = door.prefect.triggered
    assert (first[:2], first) == (("rotate-secrets/on-demand", {"what": [RotatedKey.AUTHORITY]}), second)
