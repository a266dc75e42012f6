"""A machine that an operator lists for a static cloud: a system container that takes the pool's login key."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import httpx

from blocks.clouds.local.cloud import LocalCloud
from blocks.clouds.port import ServerRequest
from blocks.clouds.user_data import cloud_config
from blocks.stored.host_keys import new_host_key
from tests.rigs.hosts.clouds import emptied
from tests.rigs.stacks.stack import Stack

BLOCKS_SECONDS = 600  # a stack that starts for the first time, on a busy machine
BLOCK = "static-cloud"
NAME = "main-01"  # as the pool's first host is called: a container's host name cannot be changed


@contextmanager
def listed_machine(stack: Stack, cloud: LocalCloud) -> Iterator[str]:
    """While a stack comes up: start a machine that lets it in, and list it in the static cloud's block; its address.

    Raises:
        TimeoutError: the stack has no login key for hosts.
    """
    key = new_host_key()
    try:
        user_data = cloud_config(NAME, (login_key(stack),), key.private, key.public)
        server = cloud.create(ServerRequest(NAME, "main", "small", "bare", user_data))
        save_block(stack, [{"name": "metal", "address": server.address, "host_key": key.public}])
        yield str(server.address)
    finally:
        emptied(cloud)


def login_key(stack: Stack) -> str:
    """The public key that hosts are to let in, once the stack has made one."""
    deadline = time.monotonic() + BLOCKS_SECONDS
    while time.monotonic() < deadline:
        with suppress(httpx.HTTPError):
            path = "/block_types/slug/host-login/block_documents/name/main?include_secrets=true"
            return stack.api("GET", path).json()["data"]["public_key"]
        time.sleep(1)
    raise TimeoutError(f"there is no login key after {BLOCKS_SECONDS} s")


def save_block(stack: Stack, machines: list[dict[str, object]]) -> None:
    """Save the static cloud as an operator does in the UI's form."""
    kind = stack.api("GET", f"/block_types/slug/{BLOCK}").json()["id"]
    wanted = {"block_schemas": {"block_type_id": {"any_": [kind]}}}
    schema = stack.api("POST", "/block_schemas/filter", json=wanted).json()[0]["id"]
    document = {"name": "main", "block_type_id": kind, "block_schema_id": schema, "data": {"machines": machines}}
    stack.api("POST", "/block_documents/", json=document)
