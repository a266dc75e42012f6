"""The schema of what commands answer with --json, as the docs have it."""

import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

import docs

FILE = Path(docs.__file__).parent / "reference" / "answers.json"
SCHEMA: dict[str, Any] = json.loads(FILE.read_text())
WORD = "dockerdriver "
#: The commands that the schema has, without the program's name.
COMMANDS = [name.removeprefix(WORD) for name in SCHEMA["$defs"] if name.startswith(WORD)]


def trouble_with(command: str, answer: str) -> list[str]:
    """What in an answer is not as the schema has it; nothing where all is.

    Args:
        command: "host list", say.
        answer: what it printed.
    """
    its_own = {"$ref": f"#/$defs/{WORD}{command}", "$defs": SCHEMA["$defs"]}
    return [f"{one.json_path}: {one.message}" for one in Draft202012Validator(its_own).iter_errors(json.loads(answer))]
