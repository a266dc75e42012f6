"""The commands that the docs print are ones that the command line understands."""

import re
import shlex
from collections.abc import Iterator

import pytest

from docs.generate import HERE
from runtime.command.cli import _parser, groups
from runtime.command.nouns import name_of

pytestmark = pytest.mark.unit

PAGES = [*sorted(HERE.rglob("*.md")), *(HERE.parent / name for name in ("README.md", "CONTRIBUTING.md"))]
FENCED = re.compile(r"```.*?```", re.DOTALL)
INLINE = re.compile(r"`(?:\.venv/bin/)?dockerdriver ([^`]+)`")
#: Of a block: with the shell's prompt, or as it is typed.
LINE = re.compile(r"^\s*(?:[#$] )?(?:sudo )?(?:\.venv/bin/)?dockerdriver (.+)$", re.MULTILINE)
LEFT_OPEN = re.compile(r"[…<]|\[|\w\|\w")  # the reader fills it in
PARSER = _parser()
ENDS = ("|", ">", "&&", ";")
NAMES = {f"{noun} {name_of(one)}".strip() for noun, (_, table) in groups().items() for one in table} | {*groups()}


def printed(text: str) -> Iterator[str]:
    """What follows `dockerdriver` in each command of a page that can be typed as it stands."""
    indented = "\n".join(line for line in text.splitlines() if line.startswith("    "))
    blocks = [*FENCED.findall(text), indented]
    found = [*INLINE.findall(FENCED.sub("", text)), *(line for block in blocks for line in LINE.findall(block))]
    return (one for one in found if not LEFT_OPEN.search(one) and one not in NAMES)


def words_of(line: str) -> list[str]:
    words = shlex.split(line, comments=True)
    return words[: min((words.index(end) for end in ENDS if end in words), default=len(words))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(HERE.parent)))
def test_every_command_of_a_page_is_understood(page, capsys):
    for line in printed(page.read_text()):
        try:
            PARSER.parse_args(words_of(line))
        except SystemExit as ended:
            assert ended.code == 0, f"{line}: {capsys.readouterr().err}"


def test_a_command_that_is_none_would_be_found():
    assert list(printed("Run `dockerdriver host drian main-07`, or\n\n    # dockerdriver why user ada | less\n")) == [
        "host drian main-07",
        "why user ada | less",
    ]
    assert words_of("why user ada | less") == ["why", "user", "ada"]
