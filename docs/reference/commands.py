"""Every command of `dockerdriver`, with its arguments."""

from collections.abc import Callable, Iterator
from typing import Any

from docs.reference.tables import table
from runtime.command.cli import groups
from runtime.command.nouns import STATUSES, name_of, texts_of

HEADS = ("argument", "meaning")


def of_commands() -> str:
    """Return a section for each command, in the order of `--help`, and what the exit status says."""
    sections = [_section(noun, *one) for noun, (_, table) in groups().items() for one in table.items()]
    return "\n".join([*sections, f"### Exit status\n\n```text\n{STATUSES}```\n"])


def _section(noun: str, command: Callable[..., int], arguments: dict[str, dict[str, Any]]) -> str:
    text, example = texts_of(command)
    words = " ".join(filter(None, ["dockerdriver", noun, name_of(command)]))
    parts = [f"### `{words}`\n", f"{text}\n"]
    parts += [f"Example: `{example.removeprefix('Example: ')}`\n"] if example else []
    parts += [table(HEADS, _rows(arguments))] if arguments else []
    return "\n".join(parts)


def _rows(arguments: dict[str, dict[str, Any]]) -> Iterator[tuple[str, str]]:
    for name, how in arguments.items():
        value = _value(name, how)
        shown = f"{name} {value}" if name.startswith("-") else value
        yield f"`{name if how.get('action') == 'store_true' else shown}`", how.get("help", "")


def _value(name: str, how: dict[str, Any]) -> str:
    """Return what stands for the value, as `--help` has it."""
    if "choices" in how:
        return "{" + ",".join(map(str, how["choices"])) + "}"
    return str(how.get("metavar", name.strip("-").replace("-", "_").upper()))
