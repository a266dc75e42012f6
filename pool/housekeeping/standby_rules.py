"""Housekeeping's rules for standbys: those that end, and those that begin in their place."""

from collections.abc import Iterator
from datetime import datetime

from pool.decisions import Decision, DecisionKind
from pool.housekeeping.found import ContainerOutcome
from pool.housekeeping.observation import Observation
from pool.printable import how_many
from pool.settings import PoolSettings
from pool.standbys.rules import Standbys, to_ask_again, to_end, to_start
from pool.standbys.standby import StandbyState

#: After "its container", where an outcome does not say it.
WORDS = {ContainerOutcome.RUNS: "runs, and was to be frozen"}


def standby_decisions(seen: Observation, settings: PoolSettings, now: datetime) -> list[Decision]:
    """Return what is to be done about standbys: nothing, where there are none and none is wanted.

    Args:
        seen: with the hosts as they will be once what is decided about them is done.
        settings: of the pool.
        now: the moment of the tick.
    """
    hosts = {host.name: host for host in seen.hosts}
    queue = bool(seen.queue)
    case = Standbys(seen.standbys, seen.specs, hosts, settings, now, ailing=dict(_ailing(seen)), queue=queue)
    ends = to_end(case)
    begun = to_start(case, ends)
    return [
        *(Decision(DecisionKind.END_STANDBY, name, reason) for name, reason in ends.items()),
        *(Decision(DecisionKind.ASK_STANDBY, name, reason) for name, reason in to_ask_again(case, ends).items()),
        *(_start(host, blueprint, case) for host, blueprint in begun),
    ]


def _start(host: str, blueprint: str, case: Standbys) -> Decision:
    there = sum(one.blueprint == blueprint for one in case.standing)
    wanted = case.specs[blueprint].wanted_at(case.now)
    why = f" ({wanted.because})" if wanted.because else ""
    wants = f"blueprint {blueprint} wants {how_many(wanted.standbys, 'standby')}{why}"
    reason = f"{wants}, {there} {'is' if there == 1 else 'are'} there"
    return Decision(DecisionKind.START_STANDBY, f"{host}/{blueprint}", reason)


def _ailing(seen: Observation) -> Iterator[tuple[str, str]]:
    """Those that are ready on record, and whose container is not: what cannot be seen is unknown, not gone."""
    for one in seen.standbys:
        outcome = seen.outcome_of(one)
        if one.state is not StandbyState.READY or outcome is ContainerOutcome.UNKNOWN:
            continue
        spec = seen.specs.get(one.blueprint)
        as_it_should = ContainerOutcome.FROZEN if spec and spec.blueprint.standby_frozen else ContainerOutcome.RUNS
        if outcome is not as_it_should:
            yield one.id, f"its container on {one.host} {WORDS.get(outcome, outcome)}"
        elif one.id in seen.mute:
            yield one.id, f"its container on {one.host} does not answer"
