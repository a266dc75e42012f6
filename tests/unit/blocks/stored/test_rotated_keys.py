"""Steps of a rotation that are taken again, because the answer to the first time was lost, do nothing more."""

from datetime import UTC, datetime

import pytest

from blocks.stored.authority import CertificateAuthority
from blocks.stored.host_keys import HostLogin
from blocks.stored.link_keys import LinkKeys

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 29, tzinfo=UTC)


@pytest.mark.parametrize("made", [CertificateAuthority.create("ours"), HostLogin.create()], ids=["authority", "login"])
def test_a_key_that_is_begun_or_promoted_twice_is_as_after_the_first_time(made):
    begun = made.with_next()
    assert begun.with_next() == begun
    assert begun.promoted().promoted() == begun.promoted()


def test_link_keys_that_are_begun_or_promoted_twice_are_as_after_the_first_time():
    begun = LinkKeys.create().with_next()
    assert begun.with_next() == begun
    assert begun.promoted(NOW).promoted(NOW) == begun.promoted(NOW)
