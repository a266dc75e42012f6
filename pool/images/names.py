"""Names of images: one canonical form for each, by the grammar of OCI references as Docker completes them.

Tools spell one image in several ways: ``lab:latest``, ``docker.io/library/lab`` and podman's ``localhost/lab`` are all
``lab``. Names are brought into the short form where they come in (an archive, a blueprint, a setting, a parameter), and
compared in no other.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv6Address

from pool.errors import BadRequest

LATEST = "latest"
MAX_NAME = 255
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_DOMAIN = rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9A-Fa-f:.]+\])(?::[0-9]{{1,5}})?"
_COMPONENT = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_REFERENCE = re.compile(
    rf"(?:(?P<domain>{_DOMAIN})/)?(?P<path>{_COMPONENT}(?:/{_COMPONENT})*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?(?:@(?P<digest>[a-z0-9+._-]+:[0-9a-fA-F]{32,}))?"
)
DOCKER_HUB = "docker.io"
HUB_NAMES = (DOCKER_HUB, "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com")
#: Registries that need not be said: Docker's own, and what podman calls the images that have none.
_DEFAULT_DOMAINS = (*HUB_NAMES, "localhost")
_SHA256 = re.compile("sha256:[0-9a-f]{64}")
_OFFICIAL = "library/"


@dataclass(frozen=True)
class ImageName:
    """A reference, taken apart; equal for all spellings of one."""

    domain: str  # lower case, with its port; empty: Docker Hub, or no registry at all
    path: str
    tag: str = LATEST
    digest: str = ""  # "sha256:…"; empty: none

    @property
    def repository(self) -> str:
        """Return what stands before the tag, as engines show it."""
        return f"{self.domain}/{self.path}" if self.domain else self.path

    @property
    def tagged(self) -> str:
        """Return the name with its tag, as engines keep it: "lab:latest"."""
        return f"{self.repository}:{self.tag}"

    def __str__(self) -> str:
        """Return the canonical form: "lab", "rocker/rstudio:4.4", "lab@sha256:…"."""
        name = self.repository if self.tag == LATEST else self.tagged
        return f"{name}@{self.digest}" if self.digest else name


def read_name(text: str) -> ImageName:
    """Read a reference.

    Raises:
        BadRequest: it is none; the message shows one.
    """
    found = _REFERENCE.fullmatch(text)
    if not found:
        raise BadRequest(f"{text[:80]!r} is no image reference such as rocker/rstudio:4.4")
    domain, path = _split_domain(found["domain"] or "", found["path"])
    if domain:
        domain = _canonical_domain(domain, text)
    elif path.startswith(_OFFICIAL) and path.count("/") == 1:
        path = path.removeprefix(_OFFICIAL)
    elif "/" in path and _is_domain(path.partition("/")[0]):
        raise BadRequest(f"{text[:80]!r} is no image reference: {path.partition('/')[0]} cannot be a folder")
    name = ImageName(domain, path, found["tag"] or LATEST, (found["digest"] or "").lower())
    if name.digest.startswith("sha256:") and not _SHA256.fullmatch(name.digest):
        raise BadRequest(f"{text[:80]!r} is no image reference: its digest has not 64 hexadecimal digits")
    if len(name.repository) > MAX_NAME:
        raise BadRequest(f"{text[:80]!r} is no image reference: its name is longer than {MAX_NAME} characters")
    return name


def catalogue_name(text: str) -> str:
    """Return what the catalogue calls an image, however *text* spells it; what is no reference stays as it is."""
    try:
        return str(read_name(text))
    except BadRequest:
        return text


def tags_of(names: Iterable[str]) -> list[str]:
    """List what engines are to call an image of these catalogue names, "lab:latest"; sessions ask for it by its id.

    A pinned version leaves its name to the newest, and engines before 25 refuse an archive that names an IPv6 address.
    """
    return [read_name(name).tagged for name in names if "@" not in name and not name.startswith("[")]


def _split_domain(first: str, path: str) -> tuple[str, str]:
    """Registry, none for those that need not be said, and folders with the name."""
    if first.lower() in _DEFAULT_DOMAINS:
        return "", path
    if not first or _is_domain(first):
        return first, path
    return "", f"{first}/{path}"


def _is_domain(first: str) -> bool:
    """Tell a registry from a folder: it has a dot, a port or a capital letter, or is localhost."""
    return any(sign in first for sign in ".:[") or first != first.lower() or first == "localhost"


def _canonical_domain(domain: str, text: str) -> str:
    if not domain.startswith("["):
        if not _is_domain(domain.lower()):  # else it would be read as a folder the next time
            raise BadRequest(f"{text[:80]!r} is no image reference: write {domain} in lower case, or with its port")
        return domain.lower()
    address, _, port = domain[1:].partition("]")
    try:
        return f"[{IPv6Address(address).compressed}]{port}"
    except ValueError as error:
        raise BadRequest(f"{text[:80]!r} is no image reference: [{address}] is no IPv6 address") from error
