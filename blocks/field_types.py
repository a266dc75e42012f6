"""Types of settings' fields: what operators write as text, in the environment or a file, is read by one parser each."""

from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any

from pydantic import BeforeValidator
from pydantic_settings import NoDecode

from pool.errors import BadRequest
from pool.notation import read_list, read_megabytes, read_seconds
from pool.origins import canonical_host, canonical_url, listening_address, registry_address
from pool.timetable import split_timetable


def _of_text(read: Callable[[str], Any]) -> BeforeValidator:
    """Have texts read by *read*; what is no text, as a form sends it, is left to pydantic."""

    @wraps(read)
    def checked(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return read(value)
        except BadRequest as error:
            raise ValueError(str(error)) from None

    return BeforeValidator(checked)


def _canonical_registry(text: str) -> str:
    """Return a registry as references name it; what is none stays, for the form to refuse: saved blocks are read."""
    try:
        return registry_address(text)
    except BadRequest:
        return text.strip()


Texts = Annotated[list[str], _of_text(read_list)]
FixedTexts = Annotated[tuple[str, ...], NoDecode, _of_text(read_list)]
HostNames = Annotated[
    tuple[str, ...], NoDecode, _of_text(lambda text: [canonical_host(name.strip("[]")) for name in read_list(text)])
]
Timetable = Annotated[list[str], _of_text(split_timetable)]
#: Days have commas of their own: one time each line, or between semicolons.
Times = Annotated[list[str], _of_text(lambda text: read_list(text) if any(sign in text for sign in ";\n[") else [text])]
Seconds = Annotated[int, _of_text(read_seconds)]
Megabytes = Annotated[int, _of_text(read_megabytes)]
Url = Annotated[str, _of_text(lambda text: canonical_url(text) if text.strip() else "")]
Registry = Annotated[str, _of_text(_canonical_registry)]
Address = Annotated[str, _of_text(listening_address)]
HostName = Annotated[str, _of_text(lambda text: canonical_host(text) if text.strip() else "")]
