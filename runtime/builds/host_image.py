"""Builds the two images that everything else starts from, without a registry: a base system, and a host on top of it.

The base is what ``debootstrap`` makes of this machine's own distribution and package sources. The tag of an image holds
the digest of its recipe, so that an image that exists is never built again and a changed recipe always is.
"""

import hashlib
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from blocks.engine.client import HostEngine
from blocks.engine.images import LOAD_SECONDS
from blocks.images.build import build_image
from pool.errors import DockerDriverError, EngineTrouble
from runtime.builds.package_sources import ONE_LINE, SETTINGS, STANZAS, machine_files, suite

BASE = "dockerdriver/base"
HOST = "dockerdriver/host"
HOST_CONTEXT = Path(__file__).resolve().parent.parent / "images" / "host"
BASE_DOCKERFILE = b"""\
ARG ROOTFS
FROM ${ROOTFS}
RUN rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/*
COPY machine /
RUN update-ca-certificates
"""
BASE_PACKAGES = "ca-certificates"

Say = Callable[[str], None]


def build_base(engine_url: str, work_dir: Path, say: Say) -> str:
    """Build the base image, unless the engine has it.

    Args:
        engine_url: the Docker Engine that gets the image.
        work_dir: where to build; needs about 1 GB, and is left as it was.
        say: is told, in one sentence each, what takes time.

    Returns:
        The image's tag: ``dockerdriver/base:<suite>-<digest of the recipe>``.

    Raises:
        DockerDriverError: the package sources or the tools fail; the message holds their last words.
        EngineTrouble: the engine did not build the image.
    """
    codename, engine = suite(), HostEngine.local(engine_url)
    machine = machine_files(codename)
    tag = f"{BASE}:{codename}-{_digest({'Dockerfile': BASE_DOCKERFILE, 'packages': BASE_PACKAGES.encode(), **machine})}"
    if not _has(engine, tag):
        say(f"builds the base system ({codename}) from the package sources of this machine")
        work_dir.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix="base-", dir=work_dir) as folder:
            _build_base(engine, Path(folder), codename, machine, tag)
    return tag


def build_host_image(engine_url: str, work_dir: Path, say: Say) -> str:
    """Build the image of a host (systemd, sshd, cloud-init; no engine yet), unless the engine has it.

    Arguments and errors are those of `build_base`.

    Returns:
        The image's tag: ``dockerdriver/host:<suite>-<digest of the recipe>``.
    """
    base = build_base(engine_url, work_dir, say)
    recipe = {path.name: path.read_bytes() for path in filter(Path.is_file, HOST_CONTEXT.iterdir())}
    tag = f"{HOST}:{suite()}-{_digest({'base': base.encode(), **recipe})}"
    engine = HostEngine.local(engine_url)
    if not _has(engine, tag):
        say("builds the host image: systemd, sshd and cloud-init on the base system")
        build_image(engine, HOST_CONTEXT, tag, {"BASE": base})
    return tag


def _digest(recipe: Mapping[str, bytes]) -> str:
    parts = hashlib.sha256()
    for name, content in sorted(recipe.items()):
        parts.update(f"{name} {len(content)} ".encode() + content)
    return parts.hexdigest()[:12]


def _has(engine: HostEngine, tag: str) -> bool:
    with engine.client(f"look for image {tag}") as client:
        return bool(client.images(name=tag, quiet=True))


def _build_base(engine: HostEngine, folder: Path, codename: str, machine: Mapping[str, bytes], tag: str) -> None:
    context, rootfs = folder / "context", folder / "rootfs.tar"
    for name, content in {"Dockerfile": BASE_DOCKERFILE, **{f"machine/{n}": c for n, c in machine.items()}}.items():
        (context / name).parent.mkdir(parents=True, exist_ok=True)
        (context / name).write_bytes(content)
    bootstrap = _mmdebstrap if shutil.which("mmdebstrap") else _debootstrap
    bootstrap(rootfs, context / "machine", codename, machine)
    with _imported(engine, rootfs, f"{tag}-rootfs") as imported:
        build_image(engine, context, tag, {"ROOTFS": imported})


@contextmanager
def _imported(engine: HostEngine, rootfs: Path, tag: str) -> Iterator[str]:
    """Import the tar as an image; its name is removed afterwards, its layer stays with images that were built on it."""
    repository, _, version = tag.rpartition(":")
    with engine.client(f"import image {tag}", LOAD_SECONDS) as client:
        answer = client.import_image_from_file(str(rootfs), repository=repository, tag=version)
    if '"error"' in answer:
        raise EngineTrouble(f"image {tag} could not be imported: {answer.strip().splitlines()[-1]}")
    try:
        yield tag
    finally:
        with engine.client(f"untag image {tag}") as client:
            client.remove_image(tag)


def _mmdebstrap(rootfs: Path, files: Path, codename: str, machine: Mapping[str, bytes]) -> None:
    sources = [files / name for name in (ONE_LINE, STANZAS) if machine[name]]
    options = ["--quiet", "--variant=minbase", f"--include={BASE_PACKAGES}", f"--aptopt={files / SETTINGS}"]
    _run(["mmdebstrap", *options, codename, rootfs, *sources])


def _debootstrap(rootfs: Path, _: Path, codename: str, machine: Mapping[str, bytes]) -> None:
    root = rootfs.with_suffix("")
    mirror = _first_mirror(machine, codename)
    _run(["debootstrap", "--variant=minbase", f"--include={BASE_PACKAGES}", codename, root, mirror])
    _run(["tar", "--create", "--file", rootfs, "--directory", root, "."])
    shutil.rmtree(root)


def _first_mirror(machine: Mapping[str, bytes], codename: str) -> str:
    """Address of the first source of the release itself, not of its updates: all that debootstrap can use."""
    for line in machine[ONE_LINE].decode().splitlines():
        words = [word for word in line.split() if not word.startswith("[") and not word.endswith("]")]
        if words[2] == codename:
            return words[1]
    for stanza in machine[STANZAS].decode().split("\n\n"):
        fields = dict(line.split(":", 1) for line in stanza.splitlines() if not line.startswith(" "))
        if codename in fields["Suites"].split():
            return fields["URIs"].split()[0]
    raise DockerDriverError(f"no package source of this machine is of {codename} itself")


def _run(command: list[str | Path]) -> None:
    """Run a tool; its last words are in the error."""
    try:
        subprocess.run(command, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL)
    except FileNotFoundError as error:
        raise DockerDriverError(f"{command[0]} is not installed") from error
    except subprocess.CalledProcessError as error:
        words = " / ".join((error.stderr or error.stdout).strip().splitlines()[-5:])
        raise DockerDriverError(f"{command[0]} failed: {words}") from error
