"""The user name and password of Prefect's API, given as it is or in a file, and what may be said of it."""

from contextlib import suppress
from pathlib import Path


class Password:
    """One pair ``user:password``. Of what is in a file, the file counts: a pair that was rotated is read again.

    Raises:
        ValueError: both or neither are given, the file cannot be read, or it is no pair.
    """

    def __init__(self, given: str | None, file: str | Path | None) -> None:
        if (given is None) == (file is None):
            raise ValueError("give either password='user:password' or password_file=<path>")
        self._file = Path(file) if file is not None else None
        self.pair = _checked(given, "password") if given is not None else self._read()

    @property
    def name(self) -> str:
        """Say which password it is, and not what it is."""
        return f"the password of user {self.pair.partition(':')[0]!r} {self._whence}"

    @property
    def _whence(self) -> str:
        return f"in {self._file}" if self._file else "that the client was given"

    def renewed(self, used: str) -> bool:
        """Whether another pair than the *used* one counts by now: the file is read again, unless it cannot be."""
        if self._file:
            with suppress(ValueError):  # it is being written, or is gone: then the pair is the one before
                self.pair = self._read()
        return self.pair != used

    def _read(self) -> str:
        try:
            return _checked(self._file.read_text() if self._file else "", str(self._file))
        except OSError as error:
            raise ValueError(f"the password file {self._file} cannot be read: {error.strerror}") from None


def _checked(pair: str, whence: str) -> str:
    pair = pair.strip()
    user, colon, password = pair.partition(":")
    if not (user and colon and password):
        raise ValueError(f"{whence} must hold one line, user:password")
    return pair
