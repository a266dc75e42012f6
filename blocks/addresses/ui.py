"""Where a browser finds Prefect's UI."""

from prefect.settings import get_current_settings


def ui_address() -> str:
    """Return the address of Prefect's UI for browsers: beside the API that they are told to ask; empty: unknown."""
    return (get_current_settings().server.ui.api_url or "").removesuffix("/api")
