"""Tasks on certificates: which run out soon, the renewal of the gateway's, the rotation of the authority."""

from blocks.outside import log, now, outside
from pool.hosts.certificates import authority_follow_up, running_out
from pool.keys.rotation import RotatedKey
from tasks.base import look_up, pool_task


@look_up()
def certificate_warnings(pool: str) -> list[str]:
    """One sentence for each certificate of the pool's that runs out within 30 days, with what to do.

    Raises:
        NotFound: no pool has this name.
    """
    warnings = running_out(outside().certificates.of(pool), now())
    for warning in warnings:
        log().warning("%s", warning)
    return warnings


@look_up()
def gateway_certificate_waits() -> bool:
    """Whether the gateway's certificate is to be renewed, as one of our own is, or was replaced by another one."""
    return outside().files.certificate_waits(now())


@pool_task(task_run_name="keep the gateway's certificate")
def keep_gateway_certificate() -> str:
    """Renew it where it is our own, and have the gateway read what is new; says what was done."""
    return outside().files.keep_certificate(now())


@look_up()
def authority_ends() -> bool:
    """Whether the authority ends before long, so that another one is to follow it."""
    return bool(authority_follow_up(outside().certificates.authority_until(), now()))


@pool_task(retries=3, retry_delay_seconds=[1, 2, 5], task_run_name="have another authority follow")
async def follow_authority() -> str:
    """Start the rotation of the authority, once a day until it is done; says so."""
    key = authority_follow_up(outside().certificates.authority_until(), now())
    await outside().prefect.trigger("rotate-secrets/on-demand", {"what": [RotatedKey.AUTHORITY]}, key)
    return "the authority of the hosts' certificates ends before long: another one follows it"
