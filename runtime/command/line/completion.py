"""`dockerdriver completion`: what has a shell complete commands, verbs, options and their choices."""

from collections.abc import Iterator, Mapping
from typing import Any

from runtime.command.nouns import Commands, name_of

SHELLS = ("bash", "zsh")
_ZSH = "autoload -U +X compinit bashcompinit && compinit && bashcompinit\n"
#: Of the words before the one that is written, the first two say which command it is, or which noun.
_SCRIPT = """_dockerdriver() {{
    local words="" before="${{COMP_WORDS[COMP_CWORD-1]}}" first="${{COMP_WORDS[1]}}" second="${{COMP_WORDS[2]}}"
    [ "$COMP_CWORD" -gt 1 ] || first=""
    [ "$COMP_CWORD" -gt 2 ] || second=""
    case "$first/$second/$before" in
{cases}
    esac
    COMPREPLY=($(compgen -W "$words" -- "${{COMP_WORDS[COMP_CWORD]}}"))
}}
complete -o default -F _dockerdriver dockerdriver
"""


def script(groups: Mapping[str, tuple[str, Commands]], shell: str) -> str:
    """Return the script that a shell reads.

    Args:
        groups: all commands by their noun, those without one under "".
        shell: one of `SHELLS`.
    """
    lines = [f'        {pattern}) words="{" ".join(words)}" ;;' for pattern, words in _cases(groups)]
    return (_ZSH if shell == "zsh" else "") + _SCRIPT.format(cases="\n".join(lines))


def _cases(groups: Mapping[str, tuple[str, Commands]]) -> Iterator[tuple[str, list[str]]]:
    """Yield a pattern of "first/second/the word before", and what may follow; the first pattern that fits counts."""
    for noun, (_, table) in groups.items():
        for command, arguments in table.items():
            place = f"{noun}/{name_of(command)}" if noun else f"{name_of(command)}/*"
            yield from _of_command(place, arguments)
    yield from ((f"{noun}//*", [*map(name_of, table)]) for noun, (_, table) in groups.items() if noun)
    nouns = [noun for noun in groups if noun]
    yield "//*", sorted([*map(name_of, groups[""][1]), *nouns, "--help", "--version"])


def _of_command(place: str, arguments: Mapping[str, dict[str, Any]]) -> Iterator[tuple[str, list[str]]]:
    options = {name: how for name, how in arguments.items() if name.startswith("-")}
    for name, how in options.items():
        if "action" not in how or how["action"] == "append":  # a value follows it: a choice, or what the shell knows
            yield f"{place}/{name}", [*how.get("choices", ())]
    choices = [str(one) for name, how in arguments.items() if name not in options for one in how.get("choices", ())]
    yield f"{place}/*", [*choices, *options, "--help"]
