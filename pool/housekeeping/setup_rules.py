"""A host in service that was configured with other settings than its pool has now."""

from pool.decisions import Decision, DecisionKind
from pool.housekeeping.observation import RuleContext
from pool.records import Host


def outdated_setup(host: Host, case: RuleContext) -> Decision | None:
    """Configure an active host again whose setup is not the pool's: a few at a time, by name."""
    if host.name not in case.to_configure_again:
        return None
    return Decision(DecisionKind.CONFIGURE, host.name, "it was configured with other settings than the pool has now")
