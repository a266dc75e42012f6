"""Answers to platforms are artifacts of no run; one that Prefect's server refuses holds up none after it."""

import httpx
import pytest
from prefect.client.orchestration import SyncPrefectClient

from blocks.prefect.port import Table, create_all

pytestmark = pytest.mark.unit

TABLES = [Table(f"instance-{name}", f"Session {name}", {"state": "running"}) for name in ("ada", "ben", "eve")]


class FakeClient(SyncPrefectClient):
    """A server that answers for some keys as it is told to."""

    def __init__(self, troubles: dict[str, Exception]) -> None:
        self.troubles, self.created = troubles, []

    def request(self, method: str, path: str, json: dict) -> None:
        assert (method, path) == ("POST", "/artifacts/")
        if trouble := self.troubles.get(json["key"]):
            raise trouble
        self.created.append(json["key"])


def refusal(status: int) -> httpx.HTTPStatusError:
    return httpx.HTTPStatusError(str(status), request=httpx.Request("POST", "/"), response=httpx.Response(status))


def test_one_that_is_refused_holds_up_no_other_and_is_told():
    client = FakeClient({"instance-ben": refusal(422)})
    with pytest.raises(httpx.HTTPStatusError, match="422"):
        create_all(client, TABLES)
    assert client.created == ["instance-ada", "instance-eve"]


def test_a_server_that_is_away_is_not_asked_for_each_of_the_others():
    client = FakeClient({"instance-ada": httpx.ConnectError("away")})
    with pytest.raises(httpx.ConnectError):
        create_all(client, TABLES)
    assert client.created == []
