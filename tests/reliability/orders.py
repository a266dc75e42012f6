"""What the campaign tells the hooks by files: where a run is to be struck, and where runs in flight wait for it."""

import json
from pathlib import Path

from tests.reliability.points import Point


class Orders:
    """The files that the hooks of a stack read."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._holds = file.with_name("holds")

    def give(self, point: Point, session: str = "") -> None:
        """Have the next run that comes to the point wait there; one of this session only, where it is named."""
        self.withdraw()
        order = {"pipeline": point.pipeline, "step": point.step, "when": point.when, "session": session}
        _write(self.file, order)

    def struck_process(self) -> int:
        """Process id of the run that waits at the point; 0: none has come there yet."""
        said = self.file.with_suffix(".pid")
        return int(said.read_text()) if said.exists() else 0

    def hold(self, session: str, step: str, when: str) -> None:
        """Have the run of this session wait at a step."""
        self._holds.mkdir(parents=True, exist_ok=True)
        _write(self._holds / session, {"step": step, "when": when})

    def is_held(self, session: str) -> bool:
        """Whether the run of this session waits at its step."""
        return (self._holds / session).with_suffix(".held").exists()

    def go_on(self) -> None:
        """It has been struck: the processes that still live go on."""
        self.file.with_suffix(".struck").touch()
        for hold in self._holds.glob("*"):
            hold.unlink()

    def withdraw(self) -> None:
        """Forget the order and every hold."""
        self.go_on()
        for suffix in ("", ".taken", ".pid", ".draft", ".struck"):
            self.file.with_suffix(suffix or self.file.suffix).unlink(missing_ok=True)


def _write(file: Path, words: dict[str, str]) -> None:
    """A hook sees all of it, or nothing."""
    draft = file.with_name(file.name + ".new")
    draft.write_text(json.dumps(words))
    draft.rename(file)
