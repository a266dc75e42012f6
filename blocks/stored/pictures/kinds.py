"""Which picture a kind of block has. Prefect's own server has them all: no browser asks elsewhere for one."""

from pathlib import Path
from typing import Any

from pydantic import HttpUrl

from blocks.addresses.ui import ui_address

FOLDER = Path(__file__).parent
#: Below the UI's address; Prefect has nothing there.
PLACE = "/block-pictures"


class _Picture:
    """The address of a kind's picture. Prefect takes a whole one alone, and the UI's is known at run time."""

    def __get__(self, _block: object, kind: Any) -> HttpUrl | None:
        ui = ui_address()
        return HttpUrl(f"{ui}{PLACE}/{kind.get_block_type_slug()}.svg") if ui else None


def picture_of_its_kind() -> Any:
    """Return a kind's ``_logo_url``, the same in every process: each that saves a block sets its kind's."""
    return _Picture()


def served_pictures() -> dict[str, bytes]:
    """Return each picture by the path at which it is asked for."""
    return {f"{PLACE}/{file.name}": file.read_bytes() for file in FOLDER.glob("*.svg")}
