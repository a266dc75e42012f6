"""What may be the name of something. What is allowed is what stays safe in a container's name, a path and a label."""

import re
import unicodedata
from collections.abc import Mapping

from pool.errors import BadRequest
from pool.faults import Faults
from pool.printable import is_printable

_INSTANCE_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")  # a command would take -alice for an option
_POOL = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")
_HOST_IMAGE = re.compile(r"[a-z0-9]([a-z0-9.-]{0,78}[a-z0-9])?")
_VARIABLE = re.compile(r"[^\s=\x00-\x1f\x7f]+")
USER_LENGTH = 128
#: Variables that name code for a loader, a shell or an interpreter, also of the init that images of root's bring (s6).
_LOADING = frozenset(
    (
        *("PATH", "ENV", "BASH_ENV", "SHELLOPTS", "BASHOPTS", "PS4", "IFS", "GCONV_PATH", "LOCPATH"),
        *("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONINSPECT", "NODE_OPTIONS", "NODE_PATH"),
        *("PERL5LIB", "PERL5OPT", "PERL5DB", "RUBYLIB", "RUBYOPT"),
    )
)
_LOADING_BEGIN = ("LD_", "BASH_FUNC_", "S6_")


def check_instance_id(instance_id: str) -> None:
    """Refuse an id that is not 1 to 63 of a-z, 0-9 and -, or that begins with -.

    Raises:
        BadRequest: "instance_id 'Alice 1' is not 1 to 63 of a-z, 0-9 and - with no - first, like alice-1".
    """
    if not _INSTANCE_ID.fullmatch(instance_id):
        raise BadRequest(
            f"instance_id {shown(instance_id)} is not 1 to 63 of a-z, 0-9 and - with no - first, like alice-1"
        )


def check_pool_name(pool: str) -> None:
    """Refuse a name that a host's name, ``<pool>-01``, could not begin with.

    Raises:
        BadRequest: "pool 'Main' is not 1 to 40 of a-z, 0-9 and - with no - at either end, like main".
    """
    if not _POOL.fullmatch(pool):
        raise BadRequest(f"pool {shown(pool)} is not 1 to 40 of a-z, 0-9 and - with no - at either end, like main")


def check_host_image_name(name: str) -> None:
    """Refuse a name that not every cloud could give to an image.

    Raises:
        BadRequest: "host image 'My image' is not 1 to 80 of a-z, 0-9, . and -, like notebooks-2026-01".
    """
    if not _HOST_IMAGE.fullmatch(name):
        raise BadRequest(f"host image {shown(name)} is not 1 to 80 of a-z, 0-9, . and -, like notebooks-2026-01")


def one_spelling(user: str) -> str:
    """Return a user's name as it is recorded: in Unicode's form C, which most systems send.

    Some send letters and their accents apart, as macOS does in names of files; both are one user's.
    """
    return unicodedata.normalize("NFC", user)


def check_user(user: str) -> None:
    """Refuse a user whose name is too long for a record or would break a line of a log. Empty: no particular user.

    Raises:
        BadRequest: says what is wrong.
    """
    check_printable("user", user, USER_LENGTH)


def check_printable(noun: str, text: str, most: int, least: int = 0, like: str = "") -> None:
    """Refuse a text that a record or a line of a log could not hold as it is.

    Args:
        noun: what it is.
        text: as it was written.
        most: characters that it may have.
        least: characters that it must have.
        like: an example of a good one.

    Raises:
        BadRequest: "key 'a\\x00b' is not 1 to 255 printable characters, like jobs/17".
    """
    if not least <= len(text) <= most or not is_printable(text):
        many = f"{least} to {most}" if least else f"at most {most}"
        example = f", like {like}" if like else ""
        raise BadRequest(f"{noun} {shown(text)} is not {many} printable characters{example}")


def check_environment(environment: Mapping[str, str], noun: str) -> None:
    """Refuse names of variables that no program could ask for, and texts that no program can be given.

    Args:
        environment: names and texts.
        noun: what it is, for the message; the texts are not shown.

    Raises:
        BadRequest: "option environment: 'A=B' is no name of a variable: it is empty, or has a space, = or control …".
    """
    faults = Faults()
    for name, text in environment.items():
        if not _VARIABLE.fullmatch(name):
            faults.note(
                f"{noun}: {shown(name)} is no name of a variable: it is empty, or has a space, = or control character"
            )
        elif "\0" in text:
            faults.note(f"{noun}: the text of {name} has a NUL character, which no program can be given")
    faults.refuse()


def check_loads_nothing(environment: Mapping[str, str], blueprint: str) -> None:
    """Refuse variables by which a program that is started as root would run what a session's user wrote.

    Args:
        environment: of a request, for a session whose image begins with rights that its user is not to have.
        blueprint: its name, for the message.

    Raises:
        BadRequest: names the variable.
    """
    for name in environment:
        if name in _LOADING or name.startswith(_LOADING_BEGIN):
            raise BadRequest(
                f"option environment: {shown(name)} decides what programs load, and those of blueprint {blueprint}"
                " begin with rights of root (capabilities): set it in the blueprint"
            )


def shown(text: str) -> str:
    """Quoted, with what cannot be seen escaped, and short enough for one line."""
    return ascii(text if len(text) <= 80 else text[:80] + "...")
