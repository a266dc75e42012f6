"""How a client is made: what both kinds are given, and the calls that they carry out."""

from pathlib import Path

from .asking import Asking
from .calls import Calls
from .password import Password
from .runs import Runs
from .settings import Settings
from .wire import checked_address


class Made:
    """What both kinds of client are made of."""

    def __init__(
        self, address: str, password: str | None, password_file: str | Path | None, settings: Settings
    ) -> None:
        self._address = checked_address(address)
        self._password = Password(password, password_file)
        self._settings = settings
        asking = Asking(self._address, self._password, settings)
        self._calls = Calls(asking, Runs(asking))

    def __repr__(self) -> str:
        """Say whom it asks; the password is not in it."""
        return f"{type(self).__name__}({self._address!r})"

    def _seconds(self, timeout: float | None) -> float:
        return self._settings.timeout if timeout is None else timeout
