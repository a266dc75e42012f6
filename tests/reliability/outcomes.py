"""What was seen at each point: kept in a file as it is seen, summed up, and printed as the table of the docs."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.reliability.judging import KINDS, Judgement
from tests.reliability.points import POINTS, Point, Scene, Victim

MARKS = "<!-- measured: kill-anywhere -->", "<!-- end of measured -->"
HEAD = (
    "| pipeline | struck | who dies | what became of it | requests in flight | recovered, s | wrong |",
    "|---|---|---|---|---|---|---|",
)
HEAD_OF_KINDS = "| who dies | points | slowest recovery, s |", "|---|---|---|"


@dataclass(frozen=True)
class Outcome:
    """One row of the table."""

    point: Point
    became: str  # of the thing that was worked on
    requests: str  # "6 served, 1 refused"
    recovered: float  # seconds from the blow until each accepted request had ended
    found: Judgement = field(default_factory=Judgement)


class Outcomes:
    """The latest outcome of each point, kept in a file: a campaign that is broken off goes on from there."""

    def __init__(self, file: Path, fresh: bool = False) -> None:
        self._file = file
        rows = [] if fresh or not file.exists() else map(_read, json.loads(file.read_text()))
        self._known = {row.point: row for row in rows}

    def add(self, outcome: Outcome) -> None:
        """Keep it, in the place of an earlier one of the same point."""
        self._known[outcome.point] = outcome
        self._file.parent.mkdir(parents=True, exist_ok=True)
        draft = self._file.with_suffix(".new")
        draft.write_text(json.dumps([asdict(row) for row in self._known.values()], indent=1))
        draft.rename(self._file)

    def rows(self) -> list[Outcome]:
        """Those of points that still are struck, in the order of the points."""
        return [self._known[point] for point in POINTS if point in self._known]


def _read(row: dict) -> Outcome:
    said = row["point"]
    point = Point(**said | {"victim": Victim(said["victim"]), "scene": Scene(said.get("scene", ""))})
    return Outcome(**row | {"point": point, "found": Judgement(**row["found"])})


def summary(outcomes: Iterable[Outcome]) -> dict[str, int]:
    """The figures: points, and over all of them what should be nothing."""
    rows = list(outcomes)
    return {"points": len(rows)} | {kind: sum(len(getattr(row.found, kind)) for row in rows) for kind in KINDS}


def table(outcomes: Iterable[Outcome]) -> str:
    """One row a point, then the slowest recovery from each kind of blow; Markdown."""
    rows = list(outcomes)
    lines = [
        f"| {row.point.about} | {row.point.when} `{row.point.step}` | {row.point.victim} | {row.became} "
        f"| {row.requests} | {row.recovered:.0f} | {row.found} |"
        for row in rows
    ]
    return "\n".join(
        [*HEAD, *lines, "", "| who dies | points | slowest recovery, s |", "|---|---|---|", *slowest(rows)]
    )


def slowest(outcomes: Iterable[Outcome]) -> list[str]:
    """One line for each kind of blow."""
    by_victim: dict[Victim, list[float]] = {}
    for row in outcomes:
        by_victim.setdefault(row.point.victim, []).append(row.recovered)
    return [f"| {who} | {len(all_)} | {max(all_):.0f} |" for who, all_ in by_victim.items()]


def write_into(document: Path, text: str) -> None:
    """Put the text between the marks of a document, in the place of what was measured before."""
    begin, end = MARKS
    before, _, rest = document.read_text().partition(begin)
    _, _, after = rest.partition(end)
    document.write_text(f"{before}{begin}\n{text}\n{end}{after}")
