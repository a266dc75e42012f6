"""Write the parts of the docs that are made from the code: ``make docs``.

A page holds each of them between two lines, ``<!-- generated: <name> -->`` and ``<!-- end of generated -->``.
"""

import re
from collections.abc import Callable, Mapping, Set
from enum import StrEnum
from functools import partial
from pathlib import Path
from re import Match
from typing import TypeVar

from docs import package_graph
from docs.reconciliation_table import markdown
from docs.reference import commands, deployments, settings
from pool.backups.states import BACKUP_MOVES
from pool.standbys.standby import STANDBY_MOVES
from pool.states import HOST_MOVES, INSTANCE_MOVES

HERE = Path(__file__).parent
State = TypeVar("State", bound=StrEnum)
#: By page, the text of each part by its name.
PARTS: dict[str, dict[str, Callable[[], str]]] = {
    "states.md": {
        "life cycle of a host": lambda: f"```mermaid\n{mermaid(HOST_MOVES)}```\n",
        "life cycle of an instance": lambda: f"```mermaid\n{mermaid(INSTANCE_MOVES)}```\n",
        "life cycle of a standby": lambda: f"```mermaid\n{mermaid(STANDBY_MOVES)}```\n",
    },
    "how-backups-work.md": {"life cycle of a backup": lambda: f"```mermaid\n{mermaid(BACKUP_MOVES)}```\n"},
    "reconciliation.md": {"what follows": markdown},
    "reference/settings.md": {"settings of processes": settings.of_processes, "blocks": settings.of_blocks},
    "reference/deployments.md": {"flows": deployments.of_flows},
    "reference/commands.md": {"commands": commands.of_commands},
    "architecture.md": {"packages": lambda: f"```mermaid\n{package_graph.mermaid()}```\n"},
}


def mermaid(moves: Mapping[State, Set[State]]) -> str:
    """A Mermaid state diagram: the first state is the start, a state without moves is an end."""
    lines = ["stateDiagram-v2", f"    [*] --> {next(iter(moves))}"]
    for state, targets in moves.items():
        lines += [f"    {state} --> {target}" for target in moves if target in targets]
        lines += [] if targets else [f"    {state} --> [*]"]
    return "\n".join(lines) + "\n"


def generated(page: str) -> str:
    """The text of a page with its parts as the code has them now.

    Raises:
        ValueError: the page lacks the two lines of a part.
    """
    text = (HERE / page).read_text()
    for name, part in PARTS[page].items():
        between = re.compile(rf"(<!-- generated: {name} -->\n).*?(<!-- end of generated -->)", re.DOTALL)
        if not between.search(text):
            raise ValueError(f"docs/{page} has no place for {name!r}")
        text = between.sub(partial(_filled, part), text)
    return text


def _filled(part: Callable[[], str], found: Match[str]) -> str:
    return f"{found[1]}\n{part()}\n{found[2]}"


def main() -> None:
    """Write all pages anew."""
    for page in PARTS:
        (HERE / page).write_text(generated(page))


if __name__ == "__main__":
    main()
