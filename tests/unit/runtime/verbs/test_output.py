"""What commands print of texts that sessions, hosts and other programs wrote: to be read, and to steer no terminal."""

import json

import pytest

from pool.printable import is_printable
from runtime.command.progress import Progress, complain
from runtime.verbs.output import say, show, show_json

pytestmark = pytest.mark.unit

#: Ends a style of rich's that was never begun, sets a window's title, clears a screen in eight bits, turns text around.
HOSTILE = "it said: \\[/x][red] \x1b]0;owned\x07 \x9b2J \u202e \x7f"


@pytest.mark.parametrize(
    "tell",
    [
        lambda: show([{"why": HOSTILE}], {"why": "Why"}, ""),
        lambda: say(HOSTILE),
        lambda: complain(HOSTILE),
        lambda: Progress().say(HOSTILE),
    ],
    ids=["a table", "a sentence", "a complaint", "a step"],
)
def test_a_hostile_text_is_shown_as_it_is_and_steers_no_terminal(capsys, tell):
    tell()
    told = "".join(capsys.readouterr())
    assert r"it said: \[/x][red] \x1b]0;owned\x07 \x9b2J" in told
    assert all(is_printable(line) for line in told.splitlines())


def test_a_name_of_two_lines_makes_no_row_of_its_own(capsys):
    show([{"file": "mine\nadmin-1  running"}], {"file": "File"}, "")
    assert [line.strip() for line in capsys.readouterr().out.splitlines()] == ["File", r"mine\nadmin-1  running"]


def test_lines_stay_lines_where_a_sentence_has_several(capsys):
    say("authority: done\nlogin-key: done")
    assert capsys.readouterr().out == "authority: done\nlogin-key: done\n"


def test_a_program_reads_the_very_text_and_a_terminal_beside_it_is_not_steered(capsys):
    show_json([HOSTILE])
    told = capsys.readouterr().out
    assert json.loads(told) == [HOSTILE]
    assert not any(character < " " or "\x7f" <= character < "\xa0" for character in told.replace("\n", ""))
