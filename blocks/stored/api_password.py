"""The user name and password of Prefect's API, as one line ``user:password`` in a file that only its owner may read.

Access to the API is root on this machine: a deployment says what runs, and blocks hold the authority's key.

The server reads the files at each request (runtime/stack/passwords.py), so that a new pair counts at once; the one
before is taken too, until its file is deleted. The stack's own processes know neither: they get in by a pair that is
made at each start and is in no file.
"""

import os
import pwd
import re
import secrets
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from blocks.files.private_files import write_private
from blocks.settings import ProcessSettings
from pool.errors import BadRequest, NotFound, Refused

if TYPE_CHECKING:
    from blocks.prefect.api import PrefectApi

#: What Prefect's server reads it from, and so what operators set to have one of their own.
OF_SERVER = "PREFECT_SERVER_API_AUTH_STRING"
OF_CLIENTS = "PREFECT_API_AUTH_STRING"
USER = "dockerdriver"
# Prefect's server fails with letters beyond ASCII, and shells and forms lose blanks at the ends.
PAIR = re.compile(r"[!-9;-~]+:[!-~]+")


def password_file(settings: ProcessSettings) -> Path:
    """Where it is kept."""
    return settings.data / "api-password"


def keep_password(settings: ProcessSettings, given: str = "") -> None:
    """Have the file hold the operator's own pair, or else what it holds already, or else a new one.

    Args:
        settings: of this installation.
        given: the operator's own pair; empty: none.

    Raises:
        BadRequest: the pair is not of the form user:password.
    """
    pair = given or api_password(settings) or f"{USER}:{secrets.token_urlsafe(24)}"
    if not PAIR.fullmatch(pair):
        where = OF_SERVER if given else password_file(settings)
        raise BadRequest(f"{where} must hold user:password, in letters, digits and signs of ASCII without blanks")
    _write(settings, password_file(settings), pair)
    if settings.account and not previous_file(settings).exists():  # which the account cannot make
        _write(settings, previous_file(settings), "")


def own_pair() -> str:
    """Make a pair for the processes of the stack: they carry it in their environment, from one start to the next."""
    return f"{USER}-stack:{secrets.token_urlsafe(24)}"


def previous_file(settings: ProcessSettings) -> Path:
    """Where the pair before is kept, for as long as it is taken too."""
    return settings.data / "api-password.previous"


def begin_rotation(settings: ProcessSettings) -> None:
    """Keep the present pair as the one before. Until another one is in use, both are the same.

    Raises:
        NotFound: there is none yet.
    """
    if not (pair := api_password(settings)):
        raise NotFound(f"there is no {password_file(settings)}: `make up` makes the first one")
    _write(settings, previous_file(settings), pair)


def use_new_pair(settings: ProcessSettings) -> None:
    """Have a fresh pair in the file, with the same user name."""
    user = api_password(settings).partition(":")[0]
    _write(settings, password_file(settings), f"{user}:{secrets.token_urlsafe(24)}")


def retire_previous(settings: ProcessSettings) -> None:
    """Have the pair before open nothing any more; harmless when there is none."""
    if settings.account:
        _write(settings, previous_file(settings), "")
    else:
        previous_file(settings).unlink(missing_ok=True)


def accepted_pairs(settings: ProcessSettings) -> list[str]:
    """List the pairs that open the API: the present one, and the one before where it is kept."""
    return list(filter(None, (api_password(settings), _read(previous_file(settings)))))


def _write(settings: ProcessSettings, file: Path, pair: str) -> None:
    if settings.account and os.geteuid():
        _overwrite(file, pair)
        return
    draft = file.with_name(f"{file.name}.new")
    draft.parent.mkdir(parents=True, exist_ok=True)
    draft.unlink(missing_ok=True)
    # Written anew each time: a file that was copied with other rights becomes its owner's alone again.
    write_private(draft, pair + "\n")
    if settings.account:
        shutil.chown(draft, settings.account, pwd.getpwnam(settings.account).pw_gid)
    draft.replace(file)


def _overwrite(file: Path, pair: str) -> None:
    """Put a line in the place of the one before, in one write: the folder is root's, and takes no new file of ours."""
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_NOFOLLOW), "wb", buffering=0) as out:
        out.write(f"{pair}\n".encode())
        out.truncate()


def api_password(settings: ProcessSettings) -> str:
    """Return the pair ``user:password``; empty where `make up` never ran.

    Raises:
        Refused: this user may not read it.
    """
    return _read(password_file(settings))


def _read(file: Path) -> str:
    try:
        return file.read_text().partition("\n")[0].strip()
    except FileNotFoundError:
        return ""
    except PermissionError:
        raise Refused(f"only its owner may read {file}: run it with sudo") from None


def prefect_api(settings: ProcessSettings) -> "PrefectApi":
    """Make a client of this installation's server, with its password.

    Raises:
        Refused: this user may not read the password.
    """
    from blocks.prefect.api import PrefectApi  # noqa: PLC0415 - httpx is slow to import, and most callers want no client

    authorities = settings.authorities if settings.api_url else ""
    return PrefectApi(settings.prefect_api_url, api_password(settings), settings.account, authorities)
