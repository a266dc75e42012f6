"""Tasks on sign-in: make launch links, and have the gateway check them with the right keys."""

from blocks.outside import now, outside
from pool.records import Instance
from tasks.base import look_up, pool_task


def session_url(instance: Instance) -> str:
    """The session's plain address."""
    return outside().settings.session_origin(instance.route) + instance.base_url


def launch_url(instance: Instance) -> str:
    """An address that opens the session: a fresh launch link, or the plain URL of a session that wants no sign-in.

    Secret while it is good, which is once and not for long: never log it.
    """
    if instance.proxy.sign_in == "open":
        return session_url(instance)
    keys, origin = outside().stored.link_keys(), outside().settings.session_origin(instance.route)
    return keys.launch_link(origin, instance.route, keys.expiry(now()))


@pool_task(task_run_name="issue a link to {instance.id}")
def issue(instance: Instance) -> dict:
    """A new link, also kept as the artifact ``link-<id>`` (a table of one row)."""
    answer = {"instance_id": instance.id, "launch_url": launch_url(instance)}
    outside().prefect.write_table([answer], key=f"link-{instance.id}", description=f"Launch link of {instance.id}")
    return answer


@look_up(retries=1, retry_delay_seconds=2)
def keys_differ() -> bool:
    """Whether the gateway checks links with other keys than those of the block: they were rotated, or it lost them."""
    return outside().gateway.key_ids() != [key["id"] for key in outside().stored.link_keys().for_gateway()]


@pool_task(retries=1, retry_delay_seconds=2, task_run_name="repair the keys")
def repair_keys() -> str:
    """Have the gateway check links with the keys of the block; says that it had others, or nothing."""
    return give_keys()


def give_keys() -> str:
    """Compare by the keys' ids, and give them where they differ: they were rotated, or the gateway lost them.

    Raises:
        NotFound: there is no block of keys.
        GatewayTrouble: the gateway does not answer.
    """
    wanted = outside().stored.link_keys().for_gateway()
    if outside().gateway.key_ids() == [key["id"] for key in wanted]:
        return ""
    outside().gateway.put_keys(wanted)
    return "the gateway was given its keys"
