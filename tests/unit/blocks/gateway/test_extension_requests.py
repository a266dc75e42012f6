"""What gateways of this and of earlier versions say of the extensions that users requested in their open pages."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from blocks.gateway.client import Gateway

pytestmark = pytest.mark.unit


class AnsweringGateway(Gateway):
    """Answers each question in one way."""

    def __init__(self, answer: dict[str, Any]) -> None:
        super().__init__(Path("/no/socket"), Path("/no/snapshot"))
        self._answer = answer

    def _ask(self, *_: Any, **__: Any) -> dict[str, Any]:
        return self._answer


@pytest.mark.parametrize("key", ["requested", "wished"], ids=["this version", "0.2.0"])
def test_requests_are_read_from_gateways_of_this_and_of_the_version_before(key):
    found = AnsweringGateway({"count": 1, key: {"r-1": 60.0}}).requested_extensions()
    assert found == {"r-1": datetime(1970, 1, 1, 0, 1, tzinfo=UTC)}


def test_a_gateway_that_has_none_says_so_without_a_table():
    assert AnsweringGateway({"count": 0}).requested_extensions() == {}
