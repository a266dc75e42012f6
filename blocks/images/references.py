"""Images that an operator names by a registry's reference: the manager's engine pulls them, once for all hosts."""

from contextlib import suppress

from docker.errors import APIError
from docker.errors import NotFound as NoSuchImage

from blocks.engine.client import HostEngine
from blocks.engine.images import LOAD_SECONDS
from blocks.images.login_rules import refuse_plain_http, registry_of
from blocks.stored.registry_login import RegistryCredentials
from pool.blame import blame_for
from pool.errors import BadRequest, EngineTrouble, NotFound, Refused
from pool.images.names import read_name

LOCAL = (
    "localhost/"  # the catalogue leaves it out, as podman's mark of no registry; to an engine it is part of the name
)


def pull(engine: HostEngine, reference: str, credentials: RegistryCredentials | None = None) -> str:
    """Have the manager's engine hold what a reference stands for now; what it stood for before goes.

    Args:
        engine: the manager's own.
        reference: "rocker/rstudio:4.4", "localhost:5000/team/lab"; without a tag, "latest".
        credentials: for a registry that asks for them.

    Returns:
        The digest of the manifest that the tag stands for, "sha256:…".

    Raises:
        BadRequest: *reference* is no reference, or names a digest instead of a tag.
        NotFound: the registry has no such image.
        Refused: the registry does not let us in, or would be sent the login over plain HTTP.
        EngineTrouble: the registry cannot be reached, or the pull broke off.
    """
    name, tag = split_reference(reference)
    if credentials:
        refuse_plain_http(engine, registry_of(name))
    before = _inspect(engine, f"{name}:{tag}")
    _pull(engine, name, tag, credentials)
    pulled = _inspect(engine, f"{name}:{tag}")
    if pulled is None:
        raise EngineTrouble(f"the image {name}:{tag} was pulled, and the engine does not have it")
    if before and before["Id"] != pulled["Id"]:
        forget_untagged(engine, before["Id"])
    digests = [one.partition("@")[2] for one in pulled["RepoDigests"] or [] if one.partition("@")[0] == name]
    return digests[-1] if digests else ""


def forget_untagged(engine: HostEngine, image_id: str) -> None:
    """Remove an image that has lost its last name; one that is used or has a name stays."""
    with suppress(EngineTrouble), engine.client("remove an old image") as client:
        if not client.inspect_image(image_id)["RepoTags"]:
            client.remove_image(image_id)


def _inspect(engine: HostEngine, name: str) -> dict | None:
    with engine.client(f"look for image {name}") as client:
        try:
            return client.inspect_image(name)
        except APIError:  # not there, or no name that an engine could know: the pull says it better
            return None


def split_reference(reference: str) -> tuple[str, str]:
    """Name and tag of a reference, in the form that engines show; without a tag, "latest".

    Raises:
        BadRequest: it is no reference, or names a digest.
    """
    before, at, after = reference.partition("@")
    if at and ":" not in after:
        raise BadRequest(f"image {reference}: a tag stands behind a colon, as in {before}:{after or 'latest'}")
    if at:
        raise BadRequest(f"image {reference}: name a tag, not a digest; the archive keeps the image as it was pulled")
    name = read_name(reference)
    if reference.lower().startswith(LOCAL):
        return reference.removesuffix(f":{name.tag}"), name.tag
    return name.repository, name.tag


def _pull(engine: HostEngine, name: str, tag: str, credentials: RegistryCredentials | None) -> None:
    login = {"username": credentials.username, "password": credentials.password} if credentials else None
    with engine.client(f"pull {name}:{tag}", LOAD_SECONDS) as client:
        try:
            events = list(client.pull(name, tag=tag, auth_config=login, stream=True, decode=True))
        except NoSuchImage as error:
            raise NotFound(f"image {name}:{tag} is not in its registry, or needs a login") from error
        except APIError as error:
            raise _refusal(f"{name}:{tag}", str(error.explanation)) from error
    if failure := next((event["error"] for event in events if "error" in event), None):
        raise _refusal(f"{name}:{tag}", failure)


def _refusal(reference: str, words: str) -> Exception:
    if "no basic auth" in words or "unauthorized" in words or "denied" in words:
        return Refused(f"image {reference}: the registry refuses the login; check the credentials")
    if "manifest unknown" in words or "not found" in words:
        return NotFound(f"image {reference} is not in its registry")
    if "invalid reference" in words:
        return BadRequest(f"the engine knows no image reference {reference!r}")
    return EngineTrouble(f"image {reference} could not be pulled: {words}", blame_for(None, words))
