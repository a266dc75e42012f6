"""Which pairs get through to Prefect's server as its own, in a request and in an event stream."""

import asyncio
import base64
import json
from typing import Any

import pytest

from runtime.stack.passwords import Passwords

pytestmark = pytest.mark.unit

OWN = "stack:own"
ON_FILE = ["alice:new", "alice:old"]


def through(scope: dict, *messages: dict, accepted=lambda: ON_FILE) -> tuple[dict, list[dict]]:
    """What Prefect's application sees of a request or of a stream."""
    seen, waiting = [], list(messages)

    async def receive() -> Any:
        return waiting.pop(0)

    async def app(scope: Any, receive: Any, _send: Any) -> None:
        seen.append((scope, [await receive() for _ in messages]))

    asyncio.run(Passwords(app, OWN, accepted)(scope, receive, None))
    return seen[0]


def header_seen(value: bytes) -> str:
    ((_, seen),) = through({"type": "http", "headers": [(b"Authorization", value)]})[0]["headers"]
    return seen.decode(errors="replace")


def basic(pair: str) -> bytes:
    return b"Basic " + base64.b64encode(pair.encode())


@pytest.mark.parametrize("pair", [*ON_FILE, OWN])
def test_a_pair_on_file_and_the_stacks_own_get_in(pair):
    assert header_seen(basic(pair)) == basic(OWN).decode()


def test_for_the_stacks_own_requests_no_file_is_read():
    read = []

    def accepted():
        read.append("the files")
        return ON_FILE

    request = {"type": "http", "headers": [(b"authorization", basic(OWN))]}
    through(request, accepted=accepted)
    assert read == []


@pytest.mark.parametrize("said", [basic("alice:older"), basic(""), basic(":"), b"Basic ?", b"Bearer x", b"\xff", b""])
def test_all_else_is_left_for_prefect_to_refuse(said):
    assert header_seen(said) == said.decode(errors="replace")


@pytest.mark.parametrize(("token", "seen"), [("alice:old", OWN), ("alice:older", "alice:older"), (None, None)])
def test_an_event_stream_opens_by_the_same_pairs(token, seen):
    said = {"type": "websocket.receive", "text": json.dumps({"type": "auth", "token": token})}
    _, (message,) = through({"type": "websocket"}, said)
    assert json.loads(message["text"]) == {"type": "auth", "token": seen}


def test_only_the_first_message_of_a_stream_is_a_login():
    said = {"type": "websocket.receive", "text": '{"token": "alice:new"}'}
    nothing = {"type": "websocket.receive", "text": "no JSON"}
    assert through({"type": "websocket"}, {"type": "websocket.connect"}, nothing, said)[1][1:] == [nothing, said]
