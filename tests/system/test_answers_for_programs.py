"""What commands tell programs about a whole stack is as the schema in the docs has it."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.rigs.answers import trouble_with

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def seen(stack, tmp_path_factory):
    """A session that runs, and a course of its blueprint whose class is in three days."""
    stack.provision("answers-1", user="ada")
    course = tmp_path_factory.mktemp("course") / "bio101.yaml"
    class_ = f"{datetime.now(UTC) + timedelta(days=3):%a} 09:00-11:00"
    course.write_text(f"{{blueprint: jupyter-minimal, slots: 1, times: [{class_}]}}")
    saved = stack.command("course", "save", str(course), "--replace")
    assert saved.returncode == 0, saved.stdout
    yield stack
    stack.end("answers-1")


@pytest.mark.parametrize(
    "words",
    [
        "status",
        "host list",
        "session list",
        "session logs answers-1",
        "image list",
        "pool list",
        "plan",
        "plan --week",
        "blueprint check",
        "course list",
        "course show bio101",
        "doctor",
        "gateway reload",
        "timings",
        "why session answers-1",
    ],
)
def test_an_answer_is_as_the_schema_has_it(seen, words):
    command = " ".join(words.split()[: 1 + (words.split()[0] not in {"status", "plan", "doctor", "timings", "why"})])
    answer = seen.command(*words.split(), "--json")
    assert answer.returncode in (0, 1), answer.stdout  # 1: not all that it looked at is in order
    assert trouble_with(command, answer.stdout) == []
