"""Kill each part of a running stack at each step boundary of each pipeline, and count what became of what was accepted.

The stack is the real one: local cloud, PostgreSQL, supervisor. Each outcome is kept as it is seen, in
build/kill-anywhere/outcomes.json: what was broken off goes on with `--from`. Run: `make kill-anywhere JSON=file`.
"""

import argparse
import json
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from pool.errors import DockerDriverError
from tests.reliability.campaign import Campaign
from tests.reliability.judging import KINDS
from tests.reliability.orders import Orders
from tests.reliability.outcomes import Outcomes, summary, table, write_into
from tests.reliability.points import POINTS, Point
from tests.reliability.tiny_stack import tiny_stack
from tests.reliability.victims import Battlefield
from tests.rigs.services.postgres import postgres_server
from tests.rigs.stacks.stack import CHECKOUT

DATA = CHECKOUT / "build" / "kill-anywhere"
KEPT = DATA / "outcomes.json"
HOOKS = CHECKOUT / "tests" / "reliability" / "hooks"
DOCUMENT = CHECKOUT / "docs" / "reliability.md"
TRIES = 2  # of a point that no run came to, because a scheduled tick was faster


def main() -> None:
    """Strike at the points, write the table, print the figures."""
    arguments = _arguments()
    points = chosen(POINTS, arguments.only, arguments.begin)
    if arguments.list:
        print("\n".join(map(str, points)))
        return
    outcomes = Outcomes(KEPT, fresh=not (arguments.only or arguments.begin))
    try:
        missed, unjudged = campaign(points, outcomes)
    finally:
        write_into(DOCUMENT, table(outcomes.rows()))
    figures = summary(outcomes.rows()) | {"not_judged": len(unjudged)}
    print(json.dumps(figures, indent=2))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")
    print(
        "\n".join([f"not struck: {point}" for point in missed] + [f"struck, not judged: {said}" for said in unjudged])
    )
    sys.exit(bool(missed or unjudged) or any(figures[kind] for kind in KINDS))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make kill-anywhere", description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="file that the figures are written to")
    parser.add_argument("--only", default="", help="points whose name matches this pattern; other outcomes are kept")
    parser.add_argument("--from", dest="begin", default="", help="go on with the first point that matches this pattern")
    parser.add_argument("--list", action="store_true", help="only say which points these are")
    return parser.parse_args()


def chosen(points: Sequence[Point], only: str = "", begin: str = "") -> list[Point]:
    """Those that match *only*, from the first that matches *begin*."""
    first = next((number for number, point in enumerate(points) if re.search(begin, str(point))), len(points))
    return [point for point in points[first:] if re.search(only, str(point))]


def campaign(points: Sequence[Point], outcomes: Outcomes) -> tuple[list[Point], list[str]]:
    """Bring the stack up, strike at each point, bring it down; the points without an outcome, and tries not judged."""
    orders = Orders(DATA / "kill.order")
    DATA.mkdir(parents=True, exist_ok=True)
    orders.withdraw()
    missed = []
    with postgres_server() as database:
        settings = _hooked(orders.file) | {"DD_DATABASE_URL": database.new_database()}
        with tiny_stack(DATA, hosts=4, **settings) as stack:
            striking = Campaign(Battlefield(stack, database), stack.records, orders)
            for point in points:
                tries = (striking.strike(point) for _ in range(TRIES))
                if outcome := next(filter(None, tries), None):
                    outcomes.add(outcome)
                else:
                    missed.append(point)
    return missed, striking.unjudged


def _hooked(order: Path) -> dict[str, str]:
    """Every Python process of the stack loads the hooks."""
    path = os.pathsep.join(filter(None, [str(HOOKS), os.environ.get("PYTHONPATH", "")]))
    return {"PYTHONPATH": path, "KILL_ORDER": str(order)}


if __name__ == "__main__":
    try:
        main()
    except (DockerDriverError, AssertionError) as error:
        sys.exit(f"kill-anywhere: {error}")
