"""The platform's guide names what a client can meet."""

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import docs
from pool.reports.webhooks import Message, headers, key_of
from pool.states import INSTANCE_MOVES, EndCause, InstanceState
from tests.rigs.printed_examples import blocks, commands

pytestmark = pytest.mark.unit

PAGE = Path(docs.__file__).parent / "platform.md"
GUIDE = PAGE.read_text()


@pytest.mark.parametrize("state", list(InstanceState))
def test_every_state_is_told_with_those_that_follow(state):
    (row,) = [line for line in GUIDE.splitlines() if line.startswith(f"| `{state}` |")]
    follows = row.split("|")[3]
    assert {other for other in InstanceState if f"`{other}`" in follows} == INSTANCE_MOVES[state]


@pytest.mark.parametrize("cause", list(EndCause))
def test_every_cause_of_an_end_is_told(cause):
    assert f"`{cause}`" in GUIDE


def test_every_example_is_a_whole_command_or_program():
    for console in blocks(PAGE, "console"):
        shell = subprocess.run(["bash", "-n"], input=commands(console), text=True, capture_output=True, check=False)
        assert (shell.returncode, shell.stderr) == (0, ""), console
    for program in blocks(PAGE, "python"):
        compile(program, "platform.md", "exec")


def test_no_page_prints_a_command_of_prefect_s_that_an_installation_has_not_on_its_path():
    pages = [page for page in PAGE.parent.rglob("*.md") if "prefect deployment run" in page.read_text()]
    assert pages == []


@pytest.fixture
def is_ours():
    """The guide's check of a webhook, as it is printed."""
    (program,) = [one for one in blocks(PAGE, "python") if "webhook-signature" in one]
    known: dict = {}
    exec(compile(program, "platform.md", "exec"), known)  # noqa: S102 - ours, as printed
    return known["is_ours"]


def test_the_printed_check_takes_what_a_webhook_is_sent_and_nothing_else(is_ours):
    secret = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
    said = headers(Message("dd-1", b"{}"), [b"another" * 4, key_of(secret)], datetime.now(UTC))
    assert is_ours(said, b"{}")
    assert not is_ours(said, b"{ }")
    assert not is_ours(said | {"webhook-id": "dd-2"}, b"{}")


def test_the_printed_check_takes_nothing_that_is_older_than_five_minutes(is_ours):
    key = key_of("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")
    assert not is_ours(headers(Message("dd-1", b"{}"), [key], datetime.now(UTC) - timedelta(minutes=6)), b"{}")
