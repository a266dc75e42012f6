"""What engines call the images of a catalogue.

An engine that keeps images itself calls each by the digest of its config, as the catalogue does. One that keeps them in
containerd's store calls it by the digest of a manifest that it made as it loaded the image, and says nowhere which
config that is of. There, as in a registry, an image has a name of ours that holds its id, once it was compared.
"""

from collections.abc import Iterable

#: All images share one repository, in a registry as on an engine; a tag is the image's id.
REPOSITORY = "dockerdriver/images"
_ALGORITHM = "sha256:"


def tag_of_id(image_id: str) -> str:
    """Return the tag of an image: 64 hexadecimal digits."""
    return image_id.removeprefix(_ALGORITHM)


def name_of_id(image_id: str) -> str:
    """Return the name that holds the image's id."""
    return f"{REPOSITORY}:{tag_of_id(image_id)}"


def catalogue_id(engine_id: str, names: Iterable[str]) -> str:
    """Return the id that an image of an engine has in catalogues.

    Args:
        engine_id: what the engine calls it.
        names: all that it has there, "lab:latest".
    """
    tags = (name.removeprefix(f"{REPOSITORY}:") for name in names if name.startswith(f"{REPOSITORY}:"))
    return next((_ALGORITHM + tag for tag in tags), engine_id)
