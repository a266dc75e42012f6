"""The name of a container in an engine's list."""


def listed_name(entry: dict) -> str:
    """Its name; its id where it has none any more: engines have been seen to list one so that could not be removed."""
    names = entry["Names"] or [entry["Id"]]
    return names[0].lstrip("/")
