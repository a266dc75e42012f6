"""What a real zsh offers once it has read `dockerdriver completion zsh`: it is typed to, as a person does."""

import os
import pty
import re
import select
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest

from runtime.command.cli import groups
from runtime.command.line.completion import script

pytestmark = pytest.mark.integration
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
        assert self._hears(lambda said: READY in said)

    def offers(self, words: str, is_meant: Callable[[str], bool]) -> bool:
        """Whether what comes onto the line, and below it, after two tabs is what is meant; the line is thrown away."""
        os.write(self._ours, words.encode() + b"\t\t")
        heard = self._hears(is_meant)
        os.write(self._ours, b"\x15")  # ^U
        self._hears(lambda _: False, seconds=0.2)
        return heard

    def _hears(self, is_meant: Callable[[str], bool], seconds: float = 30) -> bool:
        """Read until what is meant came, in so many seconds."""
        heard, ends = "", time.monotonic() + seconds
        while not (found := is_meant(re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\x07", "", heard))) and time.monotonic() < ends:
            if select.select([self._ours], [], [], 0.1)[0]:
                heard += os.read(self._ours, 65536).decode(errors="replace")
        return found

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
    assert zsh.offers("dockerdriver host dr", lambda said: "dockerdriver host drain" in said)


def test_commands_and_nouns_are_listed_where_several_fit(zsh):
    assert zsh.offers("dockerdriver sess", lambda said: {"session", "sessions"} <= set(said.split()))


def test_options_and_their_choices_are_offered(zsh):
    assert zsh.offers("dockerdriver host drain main-07 --de", lambda said: "--deadline" in said)
    sources = {"archive", "registry", "engine"}
    assert zsh.offers("dockerdriver image add lab --source ", lambda said: sources <= set(said.split()))
