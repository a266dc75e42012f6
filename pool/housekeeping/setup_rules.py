"""A host in service that was configured with other settings than its pool has now, or long ago."""

from pool.decisions import Decision, DecisionKind
from pool.housekeeping.observation import RuleContext
from pool.records import Host


def outdated_setup(host: Host, case: RuleContext) -> Decision | None:
    """Configure an active host again whose setup is not the pool's, or is due for a test: a few at a time, by name."""
    if host.name not in case.to_configure_again:
        return None
    why = "it was configured with other settings than the pool has now"
    if host.setup == case.settings.setup_version:
        why = "it is due: whether its rules still hold for containers is tested every 8 hours"
    return Decision(DecisionKind.CONFIGURE, host.name, why)
