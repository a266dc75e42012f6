"""The user name and password of Prefect's API, as one line ``user:password`` in a file that only its owner may read.

Access to the API is root on this machine: a deployment says what runs, and blocks hold the authority's key.
"""

import os
import re
import secrets
from pathlib import Path

from blocks.prefect_api import PrefectApi
from blocks.settings import ProcessSettings
from pool.errors import BadRequest, Refused

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
    file = password_file(settings)
    draft = file.with_suffix(".new")
    draft.parent.mkdir(parents=True, exist_ok=True)
    draft.unlink(missing_ok=True)
    # Written anew each time: a file that was copied with other rights becomes its owner's alone again.
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(pair + "\n")
    draft.replace(file)


def api_password(settings: ProcessSettings) -> str:
    """Return the pair ``user:password``; empty where `make up` never ran.

    Raises:
        Refused: this user may not read it.
    """
    try:
        return password_file(settings).read_text().strip()
    except FileNotFoundError:
        return ""
    except PermissionError:
        raise Refused(f"only its owner may read {password_file(settings)}: run it with sudo") from None


def prefect_api(settings: ProcessSettings) -> PrefectApi:
    """Make a client of this installation's server, with its password.

    Raises:
        Refused: this user may not read the password.
    """
    return PrefectApi(settings.prefect_api_url, api_password(settings))
