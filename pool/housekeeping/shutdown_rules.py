"""Housekeeping's rules for shutdown mode: switched on, every host drains; switched off, those return."""

from pool.decisions import Decision, DecisionKind
from pool.housekeeping.observation import RuleContext
from pool.records import Host
from pool.states import HostState


def shut_down(host: Host, case: RuleContext) -> Decision | None:
    """Drain a host of a pool in shutdown mode; one that a flow run configures is left to it."""
    waits = host.state is HostState.CONFIGURING and host.name not in case.seen.busy_hosts
    if not case.settings.shutdown_mode or not (host.state is HostState.ACTIVE or waits):
        return None
    return Decision(DecisionKind.DRAIN, host.name, _why(host))


def shutdown_over(host: Host, case: RuleContext) -> Decision | None:
    """Return a host that drains for shutdown mode alone, once that is off; one that was never active goes."""
    drains = host.state is HostState.DRAINING and host.reason == _why(host)
    if case.settings.shutdown_mode or not drains or host.active_at is None or host.name in case.seen.busy_hosts:
        return None
    return Decision(DecisionKind.RETURN, host.name, f"pool {host.pool} is in shutdown mode no more")


def _why(host: Host) -> str:
    return f"pool {host.pool} is in shutdown mode"
