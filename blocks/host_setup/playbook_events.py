"""What Ansible's events say, as lines for a log and one sentence for a failure. No event's secrets get through here."""

from collections.abc import Mapping
from dataclasses import dataclass, field

LONGEST_MESSAGE = 300
WITHHELD = "censored"  # stands in for all else in the answer of a task with no_log

_OUTCOMES = {
    "runner_on_ok": "ok",
    "runner_on_failed": "failed",
    "runner_on_unreachable": "unreachable",
    "runner_on_skipped": "skipped",
}
_STARTS = ("playbook_on_task_start", "playbook_on_handler_task_start")


@dataclass(frozen=True)
class TaskResult:
    """How one task of a playbook ended."""

    task: str  # "docker : Start the engine"
    outcome: str  # ok, changed, done (ok or changed: withheld), skipped, failed, ignored or unreachable
    seconds: float
    message: str = ""  # one line; only of a task that failed, was ignored or could not reach the host

    @property
    def line(self) -> str:
        """For a log: "docker : Configure the engine — changed (1.2 s)"."""
        tail = f": {self.message}" if self.message else ""
        return f"{self.task} — {self.outcome} ({self.seconds:.1f} s){tail}"


@dataclass
class PlaybookTally:
    """What a run has come to so far."""

    results: list[TaskResult] = field(default_factory=list)
    current: str = ""  # the task that was started last
    stats: Mapping = field(default_factory=dict)  # Ansible's own numbers, by kind and host; empty until the end

    def add(self, event: Mapping) -> TaskResult | None:
        """Take note of an event; returns the result when the event is the end of a task."""
        if event.get("event") in _STARTS:
            self.current = task_name(event["event_data"])
        if event.get("event") == "playbook_on_stats":
            self.stats = event["event_data"]
        result = task_result(event)
        if result:
            self.results.append(result)
        return result

    def count(self, kind: str) -> int:
        """How many tasks Ansible counted so: "ok" (changed ones included), "changed", "ignored", …."""
        return sum(self.stats.get(kind, {}).values())

    def first(self, outcome: str) -> TaskResult | None:
        """Return the first task that ended so."""
        return next((result for result in self.results if result.outcome == outcome), None)


def task_result(event: Mapping) -> TaskResult | None:
    """Return the result that this event of ansible-runner tells, or None when it is not the end of a task."""
    outcome = _OUTCOMES.get(event.get("event", ""))
    if outcome is None:
        return None
    data = event["event_data"]
    answer = data.get("res") or {}
    if outcome == "ok":
        outcome = "done" if WITHHELD in answer else "changed" if answer.get("changed") else "ok"
    if outcome == "failed" and data.get("ignore_errors"):
        outcome = "ignored"
    message = failure_message(answer) if outcome in ("failed", "ignored", "unreachable") else ""
    return TaskResult(task_name(data), outcome, float(data.get("duration") or 0.0), message)


def task_name(data: Mapping) -> str:
    """Return the task's name with its role's before it, as in "docker : Start the engine"."""
    name, role = str(data.get("task", "")), data.get("role")
    return f"{role} : {name}" if role else name


def failure_message(answer: Mapping) -> str:
    """Why a task failed, in one line."""
    if WITHHELD in answer:
        return "its output is withheld, for it handles secrets"
    failed_items = [item for item in answer.get("results") or [] if isinstance(item, Mapping) and item.get("failed")]
    if failed_items:
        return failure_message(failed_items[0])
    parts = [str(answer.get("msg") or "no reason given"), _last_line(answer.get("stderr"))]
    return one_line(": ".join(part for part in parts if part))


def _last_line(text: object) -> str:
    lines = str(text or "").strip().splitlines()
    return lines[-1] if lines else ""


def one_line(text: str) -> str:
    """Return the text without its line breaks, cut off when it is long."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_MESSAGE else line[: LONGEST_MESSAGE - 1] + "…"
