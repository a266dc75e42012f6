"""How commands answer: tables for people, JSON for programs."""

import json
import sys
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pool.printable import escaped, legible

WIDTH = 180  # a URL that is cut in two cannot be clicked
#: Signs that steer a terminal, and that JSON lets stand: DEL, and those of eight bits.
_STEERING = {code: f"\\u{code:04x}" for code in range(0x7F, 0xA0)}


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
            drawn.add_row(*(cell(row[key]) for key in columns))
        console().print(drawn)


def show_json(answer: object) -> None:
    """Print an answer for programs; moments are ISO 8601."""
    text = json.dumps(answer, indent=2, default=str, ensure_ascii=False)
    sys.stdout.write(text.translate(_STEERING) + "\n")


def say(text: object) -> None:
    """Print lines for people. What is in them may come from a session, a host or another program."""
    sys.stdout.write(legible(str(text)) + "\n")


def cell(value: object) -> Text:
    """Return a cell's text, which is no style, no row of its own and no sign to a terminal."""
    return Text("" if value is None else escaped(str(value)))
