"""Files that a command line names."""

from pathlib import Path


def named_here(name: str) -> Path:
    """Return the file that a name means where the command is run; the command itself works in another folder."""
    return Path(name).absolute()
