"""What bash offers once it has read `dockerdriver completion bash`."""

import subprocess

import pytest

from runtime.command.cli import groups
from runtime.command.line.completion import SHELLS, script

pytestmark = pytest.mark.unit


def offered(*words: str) -> set[str]:
    """What bash would offer for the last of these words."""
    line = " ".join(f"'{word}'" for word in ("dockerdriver", *words))
    program = f"{script(groups(), 'bash')}\nCOMP_WORDS=({line}); COMP_CWORD={len(words)}; _dockerdriver"
    told = subprocess.run(
        ["bash", "-c", f'{program}; printf "%s\\n" "${{COMPREPLY[@]}}"'], capture_output=True, text=True, check=True
    )
    assert told.stderr == ""
    return set(told.stdout.split())


def test_commands_and_nouns_are_offered_then_the_verbs_of_a_noun():
    assert {"up", "status", "session", "pool", "--version"} <= offered("")
    assert offered("se") == {"session", "sessions"}
    assert {"start", "stop", "logs"} <= offered("session", "")
    assert offered("host", "d") == {"drain"}


def test_options_of_a_command_are_offered_and_the_choices_of_what_has_some():
    assert offered("host", "drain", "main-07", "--de") == {"--deadline"}
    assert offered("image", "add", "lab", "--source", "") == {"archive", "registry", "engine"}
    assert offered("why", "") >= {"host", "session", "user"}
    assert offered("status", "--j") == {"--json"}


def test_where_any_text_may_stand_nothing_of_ours_is_offered():
    assert offered("session", "start", "ada-1", "--user", "") == set()


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_is_one_that_its_shell_reads(shell):
    done = subprocess.run(["bash", "-n"], input=script(groups(), shell), text=True, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
