"""Which files of a session are kept: absolute paths, and patterns of what is left out below them."""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from posixpath import normpath

from pool.errors import BadRequest
from pool.faults import Faults


def check_kept(paths: Iterable[str], without: Iterable[str]) -> None:
    """Refuse paths that name nothing, or all of a container, and patterns that would leave out everything.

    Raises:
        BadRequest: names all such paths and patterns, and says what they must be.
    """
    faults = Faults()
    for path in paths:
        if not path.startswith("/") or normpath(path) != path or path == "/":
            faults.note(f"{path!r} cannot be kept: name a folder or file by its whole path, as in /home/jovyan")
    for pattern in without:
        if not pattern.strip("/*"):
            faults.note(f"the pattern {pattern!r} would leave out everything: name files, as in *.tmp or .cache")
    faults.refuse()


def check_hook(command: Sequence[str]) -> None:
    """Refuse a command before backups that no program could be started by.

    Raises:
        BadRequest: says what is wrong with it.
    """
    if command and not command[0].strip():
        raise BadRequest("the command before a backup begins with an empty word: name a program, as in sh")
    if any("\0" in word for word in command):
        raise BadRequest("the command before a backup has a NUL character, which no program can be given")


def is_left_out(path: str, patterns: Sequence[str]) -> bool:
    """Whether a file is left out.

    A pattern without a slash is held against each name on the way, one with a slash against the path from the kept
    folder; what is in a folder that is left out is left out, too.

    Args:
        path: below the kept folder, as in "project/.cache/x"; empty: the folder itself, which always stays.
        patterns: with the signs of the shell: * ? [abc].
    """
    if not path or not patterns:
        return False
    names = path.split("/")
    paths = ["/".join(names[:count]) for count in range(1, len(names) + 1)]
    return any(_matches(names, paths, pattern.strip("/"), "/" in pattern.strip("/")) for pattern in patterns)


def _matches(names: Sequence[str], paths: Sequence[str], pattern: str, whole: bool) -> bool:
    return any(fnmatchcase(one, pattern) for one in (paths if whole else names))
