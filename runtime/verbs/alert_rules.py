"""Of what an operator is alerted: triggers of Prefect's automations on DockerDriver's events, and on runs."""

from dataclasses import dataclass
from typing import Any

from pool.housekeeping.troubles import Trouble

TICKS_SECONDS = 600  # a tick comes each 30 seconds, and may take four minutes and a half
STUCK_SECONDS = 3 * 3600  # a rotation waits two hours for hosts that are being made
_RUN = "prefect.flow-run"
_ENDS = [f"{_RUN}.{state}" for state in ("Completed", "Failed", "Crashed", "Cancelled", "Paused")]


@dataclass(frozen=True)
class Alert:
    """One automation. Subject and body are templates of Prefect's."""

    name: str
    trigger: dict[str, Any]
    subject: str
    body: str = "{{ event.payload.reason }}"


def _on(event: str) -> dict[str, Any]:
    return {
        "type": "event",
        "posture": "Reactive",
        "expect": [f"dockerdriver.{event}"],
        "for_each": ["prefect.resource.id"],
        "threshold": 1,
        "within": 0,
    }


def _without(expect: list[str], after: list[str], seconds: int, **more: Any) -> dict[str, Any]:
    """When nothing of *expect* comes within so many seconds after something of *after*."""
    looks = {"after": after, "expect": expect, "threshold": 1, "within": seconds}
    return {"type": "event", "posture": "Proactive", "match": {"prefect.resource.id": f"{_RUN}.*"}} | looks | more


_HOUSEKEEP = {"prefect.resource.role": "flow", "prefect.resource.name": "housekeep"}
_OF_POOL = {
    Trouble.BREAKER: "spawns no more hosts: several in a row could not be configured",
    Trouble.QUOTA: "needs more hosts than the cloud's quota allows",
    Trouble.CUT_OFF: "does not reach most of its hosts",
    Trouble.CERTIFICATE: "depends on a certificate that runs out",
    Trouble.BACKUP: "is late with a backup",
    Trouble.UNDONE: "left undone what a tick decided",
}
ALERTS = (
    Alert("host failed", _on("host.failed"), "host {{ event.resource.name }} failed"),
    Alert("host out of reach", _on("host.unreachable"), "host {{ event.resource.name }} is out of reach"),
    *(
        Alert(kind.replace("-", " "), _on(f"pool.{kind}"), f"pool {{{{ event.resource.name }}}} {words}")
        for kind, words in _OF_POOL.items()
    ),
    Alert(
        "no ticks",
        _without([_ENDS[0]], [_ENDS[0]], TICKS_SECONDS, match_related=_HOUSEKEEP),
        "housekeeping has stopped",
        f"no run of housekeep was completed for {TICKS_SECONDS // 60} minutes: see `dockerdriver status`",
    ),
    Alert(
        "stuck run",
        _without(_ENDS, [f"{_RUN}.Running"], STUCK_SECONDS, for_each=["prefect.resource.id"]),
        "a flow run is stuck",
        f"{{{{ labels.prefect.resource.id }}}} runs for {STUCK_SECONDS // 3600} hours: look at it in Prefect's UI",
    ),
)
