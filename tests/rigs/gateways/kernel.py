"""A kernel of a Jupyter behind the gateway, over the websocket that a page of it would open."""

import json
import uuid

import httpx
from websockets.sync.client import connect
from websockets.sync.connection import Connection
from websockets.typing import Origin


def kernel_channel(address: str, browser: httpx.Client, query: str = "") -> Connection:
    """Start a kernel and open a websocket to it.

    Args:
        address: of the session, with a slash at its end.
        browser: one that is signed in there; its origin is the websocket's.
        query: of the websocket's address, with its question mark.
    """
    kernel = browser.post(f"{address}api/kernels", json={}).json()["id"]
    cookies = "; ".join(f"{one.name}={one.value}" for one in browser.cookies.jar)
    return connect(
        f"{address.replace('http', 'ws', 1)}api/kernels/{kernel}/channels{query}",
        origin=Origin(browser.headers["origin"]),
        additional_headers={"Cookie": cookies},
        proxy=None,
    )


def result_of(channel: Connection, code: str) -> str:
    """Run a cell, and return what it shows."""
    header = {"msg_id": uuid.uuid4().hex, "msg_type": "execute_request", "session": "s", "version": "5.3"}
    content = {"code": code, "silent": False}
    message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
    channel.send(json.dumps(message))
    while True:
        said = json.loads(channel.recv(60))
        if said["header"]["msg_type"] == "execute_result" and said["parent_header"]["msg_id"] == header["msg_id"]:
            return said["content"]["data"]["text/plain"]
