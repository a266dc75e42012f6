"""What Ansible's events become: one line per task, one sentence per failure, no secret."""

import pytest

from blocks.host_setup.playbook_events import PlaybookTally, TaskResult, task_result
from tests.rigs.present import present

pytestmark = pytest.mark.unit


def event(kind="runner_on_ok", task="Start the engine", role="docker", duration=1.234, **more):
    return {"event": kind, "event_data": {"task": task, "role": role, "duration": duration, **more}}


def result(*arguments, **more) -> TaskResult:
    return present(task_result(event(*arguments, **more)))


def line(*arguments, **more):
    return result(*arguments, **more).line


def test_a_task_that_changed_something_says_so():
    assert line(res={"changed": True}) == "docker : Start the engine — changed (1.2 s)"


def test_a_task_that_changed_nothing_is_ok():
    assert line(res={"changed": False}) == "docker : Start the engine — ok (1.2 s)"


def test_a_task_outside_a_role_has_its_name_alone():
    assert line(role=None, task="Learn what the machine is") == "Learn what the machine is — ok (1.2 s)"


def test_a_skipped_task_is_told_too():
    assert line("runner_on_skipped", duration=None) == "docker : Start the engine — skipped (0.0 s)"


def test_a_failure_is_one_line_with_the_last_of_stderr():
    answer = {"msg": "non-zero\nreturn code", "stderr": "first\nUnit not found."}
    assert line("runner_on_failed", res=answer).endswith("failed (1.2 s): non-zero return code: Unit not found.")


def test_a_failed_loop_tells_of_the_item_that_failed():
    items = [{"failed": False, "msg": "fine"}, {"failed": True, "msg": "disk full"}]
    answer = {"msg": "One or more items failed", "results": items}
    assert result("runner_on_failed", res=answer).message == "disk full"


def test_an_ignored_failure_is_not_called_failed():
    assert result("runner_on_failed", ignore_errors=True, res={"msg": "no"}).outcome == "ignored"


def test_a_task_that_handles_secrets_tells_nothing_of_them():
    answer = {"censored": "the output has been hidden", "msg": "KEY", "changed": True}
    assert line(res=answer) == "docker : Start the engine — done (1.2 s)"
    assert "KEY" not in line("runner_on_failed", res=answer)


def test_a_long_message_is_cut_off():
    assert len(result("runner_on_failed", res={"msg": "x" * 5000}).message) == 300


@pytest.mark.parametrize(
    "kind", ["playbook_on_start", "runner_on_start", "runner_item_on_ok", "verbose", "warning", ""]
)
def test_other_events_are_no_result(kind):
    assert task_result({"event": kind, "event_data": {"task": "x"}}) is None


def test_a_tally_knows_the_task_that_was_started_last():
    tally = PlaybookTally()
    tally.add(event("playbook_on_task_start"))
    assert (tally.current, tally.results) == ("docker : Start the engine", [])


def test_a_tally_takes_its_numbers_from_ansible():
    tally = PlaybookTally()
    tally.add({"event": "playbook_on_stats", "event_data": {"ok": {"main-01": 7}, "changed": {}}})
    assert (tally.count("ok"), tally.count("changed"), tally.count("ignored")) == (7, 0, 0)


def test_a_tally_finds_the_first_failure():
    tally = PlaybookTally()
    for task in ("one", "two"):
        tally.add(event("runner_on_failed", task=task, res={"msg": "no"}))
    assert present(tally.first("failed")).task == "docker : one"
    assert tally.first("unreachable") is None
