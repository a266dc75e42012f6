"""The examples that a page of the docs prints: commands of a shell, and whole programs."""

import re
from pathlib import Path

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path, language: str) -> list[str]:
    """The blocks of one language, in their order."""
    return [text for kind, text in _BLOCK.findall(page.read_text()) if kind == language]


def commands(console: str) -> str:
    """What is typed in a console block: lines after a prompt, with those that go on with them; no output."""
    typed: list[str] = []
    for line in console.splitlines():
        if line.startswith("$ "):
            typed.append(line[2:])
        elif typed and _goes_on("\n".join(typed)):
            typed.append(line)
    return "\n".join(typed) + "\n"


def _goes_on(text: str) -> bool:
    """Whether a shell would ask for more: an open quote, or a line that ends with a backslash."""
    return text.endswith("\\") or text.count("'") % 2 == 1
