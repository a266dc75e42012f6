"""What a real zsh offers once it has read `dockerdriver completion zsh`: it is typed to, as a person does."""

import os
import pty
import re
import select
import shutil
import subprocess
import time
from collections.abc import Iterator

import pytest

from runtime.command.cli import groups
from runtime.command.line.completion import script

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not shutil.which("zsh"), reason="zsh is not installed: apt-get install zsh"),
]
READY = "ready> "


class Typed:
    """A zsh at a terminal."""

    def __init__(self, folder) -> None:
        (folder / "completion").write_text(script(groups(), "zsh"))
        (folder / ".zshrc").write_text(f"PS1='{READY}'\nunsetopt zle_bracketed_paste\nsource {folder}/completion\n")
        self._ours, theirs = pty.openpty()
        environment = {"ZDOTDIR": str(folder), "TERM": "dumb", "PATH": os.environ["PATH"], "HOME": str(folder)}
        self._process = subprocess.Popen(
            ["zsh", "-d", "-i"], stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True
        )
        os.close(theirs)
        self._hear(READY)

    def offered(self, words: str) -> str:
        """What is on the line, and below it, after two tabs; the line is thrown away."""
        os.write(self._ours, words.encode() + b"\t\t")
        heard = self._hear("", seconds=0.7)
        os.write(self._ours, b"\x15")  # ^U
        self._hear("", seconds=0.2)
        return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\x07", "", heard)

    def _hear(self, word: str, seconds: float = 15) -> str:
        """Read until a word came; without one, for so many seconds after the last sign."""
        heard, ends = "", time.monotonic() + seconds
        while time.monotonic() < ends and not (word and word in heard):
            if select.select([self._ours], [], [], 0.1)[0]:
                heard += os.read(self._ours, 65536).decode(errors="replace")
        assert word in heard, heard
        return heard

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._ours)


@pytest.fixture(scope="module")
def zsh(tmp_path_factory) -> Iterator[Typed]:
    typed = Typed(tmp_path_factory.mktemp("zsh"))
    yield typed
    typed.end()


def test_a_verb_that_begins_so_is_completed(zsh):
    assert "dockerdriver host drain" in zsh.offered("dockerdriver host dr")


def test_commands_and_nouns_are_listed_where_several_fit(zsh):
    assert {"session", "sessions"} <= set(zsh.offered("dockerdriver sess").split())


def test_options_and_their_choices_are_offered(zsh):
    assert "--deadline" in zsh.offered("dockerdriver host drain main-07 --de")
    assert {"archive", "registry", "engine"} <= set(zsh.offered("dockerdriver image add lab --source ").split())
