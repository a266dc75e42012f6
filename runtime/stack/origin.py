"""What the workers make sessions' addresses of: they read it when they start, and the gateway at each reload, too."""

from blocks.settings import ProcessSettings
from pool.errors import Refused

NOTE = "origin"  # in the data directory: what the processes that run were started with


def note_origin(settings: ProcessSettings) -> None:
    """Write down what addresses are made of from now on; call it right before the workers start."""
    settings.data.mkdir(parents=True, exist_ok=True)
    (settings.data / NOTE).write_text(_origin(settings))


def check_origin(settings: ProcessSettings) -> None:
    """Refuse to have the gateway alone take another address than links lead to.

    Raises:
        Refused: the workers were started with another one; the sentence has both, and what starts all of them anew.
    """
    note = settings.data / NOTE
    began = note.read_text() if note.exists() else ""
    if began and began != _origin(settings):
        raise Refused(
            f"nothing is reloaded: sessions are to be at {_origin(settings)}, and the workers go on making links to"
            f" {began} until they start anew; `make up` starts them and the gateway"
            " (`systemctl restart dockerdriver.target` where systemd keeps them)"
        )


def _origin(settings: ProcessSettings) -> str:
    return settings.session_origin("<session>")
