"""Verb for the certificates that an operator renews."""

from blocks.outside import log, now, outside
from pool.hosts.certificates import running_out
from tasks.base import look_up


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
