"""How commands answer: tables for people, JSON for programs."""

import json
import sys
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table

WIDTH = 180  # a URL that is cut in two cannot be clicked


def console() -> Console:
    """Open standard output, wide enough for an address also in a pipe."""
    opened = Console(highlight=False)
    opened.width = max(opened.width, WIDTH)
    return opened


def table(*columns: str) -> Table:
    """Begin a table without lines, as it reads well in a mail, too."""
    begun = Table(box=None, pad_edge=False, title_justify="left", caption_justify="left")
    for column in columns:
        begun.add_column(column, overflow="fold")
    return begun


def show(rows: Sequence[Mapping[str, object]], columns: Mapping[str, str], empty: str, as_json: bool = False) -> None:
    """Print rows.

    Args:
        rows: what is known; JSON shows all of it.
        columns: key of a row, and the heading that it has in the table.
        empty: the sentence that stands for a table without rows.
        as_json: whether a program reads it: a list of objects, also when it is empty.
    """
    if as_json:
        show_json(rows)
    elif not rows:
        sys.stdout.write(f"{empty}\n")
    else:
        drawn = table(*columns.values())
        for row in rows:
            drawn.add_row(*(_escaped(row[key]) for key in columns))
        console().print(drawn)


def show_json(answer: object) -> None:
    """Print an answer for programs; moments are ISO 8601."""
    json.dump(answer, sys.stdout, indent=2, default=str, ensure_ascii=False)
    sys.stdout.write("\n")


def _escaped(value: object) -> str:
    """Return a cell's text; what stands in square brackets is text, no style."""
    return "" if value is None else str(value).replace("[", r"\[")
