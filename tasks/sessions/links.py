"""Verbs for sign-in: make launch links, and have the gateway check them with the right keys."""

from asyncio import to_thread

from prefect.artifacts import acreate_table_artifact

from blocks.settings import process_settings
from blocks.stored.link_keys import link_keys
from pool.records import Instance
from tasks.base import verb
from tasks.gateway.routes import gateway
from tasks.retrying import now


def session_url(instance: Instance) -> str:
    """The session's plain address."""
    return process_settings().session_origin(instance.route) + instance.base_url


def launch_url(instance: Instance) -> str:
    """An address that opens the session: a fresh launch link, or the plain URL of a session that wants no sign-in.

    Secret while it is good, which is once and not for long: never log it.
    """
    if instance.proxy.sign_in == "open":
        return session_url(instance)
    keys, origin = link_keys(), process_settings().session_origin(instance.route)
    return keys.launch_link(origin, instance.route, keys.expiry(now()))


@verb(task_run_name="issue a link to {instance.id}")
async def issue(instance: Instance) -> dict:
    """A new link, also kept as the artifact ``link-<id>`` (a table of one row)."""
    answer = {"instance_id": instance.id, "launch_url": await to_thread(launch_url, instance)}
    await acreate_table_artifact([answer], key=f"link-{instance.id}", description=f"Launch link of {instance.id}")
    return answer


@verb(retries=1, retry_delay_seconds=2, task_run_name="repair the keys")
async def repair_keys() -> str:
    """Have the gateway check links with the keys of the block; says that it had others, or nothing."""
    return await to_thread(give_keys)


def give_keys() -> str:
    """Compare by the keys' ids, and give them where they differ: they were rotated, or the gateway lost them.

    Raises:
        NotFound: there is no block of keys.
        GatewayTrouble: the gateway does not answer.
    """
    wanted = link_keys().for_gateway()
    if gateway().key_ids() == [key["id"] for key in wanted]:
        return ""
    gateway().put_keys(wanted)
    return "the gateway was given its keys"
