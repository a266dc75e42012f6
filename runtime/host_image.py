"""Builds the two images that everything else starts from, without a registry: a base system, and a host on top of it.

The base is what ``debootstrap`` makes of this machine's own distribution and package sources. The tag of an image holds
the digest of its recipe, so that an image that exists is never built again and a changed recipe always is.
"""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from pool.errors import DockerDriverError, EngineTrouble
from runtime.package_sources import ONE_LINE, SETTINGS, STANZAS, machine_files, suite

BASE = "dockerdriver/base"
HOST = "dockerdriver/host"
HOST_CONTEXT = Path(__file__).with_name("images") / "host"
BASE_DOCKERFILE = b"""\
FROM scratch
ADD rootfs.tar /
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
    codename = suite()
    machine = machine_files(codename)
    tag = f"{BASE}:{codename}-{_digest({'Dockerfile': BASE_DOCKERFILE, **machine})}"
    if not _has(engine_url, tag):
        say(f"builds the base system ({codename}) from the package sources of this machine")
        work_dir.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix="base-", dir=work_dir) as context:
            _write_base_context(Path(context), codename, machine)
            _build(engine_url, Path(context), tag)
    return tag


def build_host_image(engine_url: str, work_dir: Path, say: Say) -> str:
    """Build the image of a host (systemd, sshd, cloud-init; no engine yet), unless the engine has it.

    Arguments and errors are those of `build_base`.

    Returns:
        The image's tag: ``dockerdriver/host:<suite>-<digest of the recipe>``.
    """
    base = build_base(engine_url, work_dir, say)
    recipe = {path.name: path.read_bytes() for path in HOST_CONTEXT.iterdir()}
    tag = f"{HOST}:{suite()}-{_digest({'base': base.encode(), **recipe})}"
    if not _has(engine_url, tag):
        say("builds the host image: systemd, sshd and cloud-init on the base system")
        _build(engine_url, HOST_CONTEXT, tag, "--build-arg", f"BASE={base}")
    return tag


def docker(engine_url: str) -> list[str]:
    """The docker command for this engine; the distribution's own client first, because it matches its engine."""
    client = "/usr/bin/docker" if Path("/usr/bin/docker").exists() else "docker"
    return [client, "--host", engine_url]


def _digest(recipe: Mapping[str, bytes]) -> str:
    parts = hashlib.sha256()
    for name, content in sorted(recipe.items()):
        parts.update(f"{name} {len(content)} ".encode() + content)
    return parts.hexdigest()[:12]


def _has(engine_url: str, tag: str) -> bool:
    command = [*docker(engine_url), "image", "ls", "--quiet", tag]
    return bool(_run(command, EngineTrouble, f"the Docker Engine at {engine_url} does not answer").strip())


def _build(engine_url: str, context: Path, tag: str, *options: str) -> None:
    # The network of the machine: the package sources are reached as the machine reaches them.
    command = [*docker(engine_url), "build", "--quiet", "--network", "host", "--tag", tag, *options, str(context)]
    # The classic builder: the newer one is a plugin that the distribution does not always bring.
    _run(command, EngineTrouble, f"image {tag} could not be built", DOCKER_BUILDKIT="0")


def _write_base_context(context: Path, codename: str, machine: Mapping[str, bytes]) -> None:
    (context / "Dockerfile").write_bytes(BASE_DOCKERFILE)
    for name, content in machine.items():
        file = context / "machine" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    bootstrap = _mmdebstrap if shutil.which("mmdebstrap") else _debootstrap
    bootstrap(context, codename, machine)


def _mmdebstrap(context: Path, codename: str, machine: Mapping[str, bytes]) -> None:
    sources = [context / "machine" / name for name in (ONE_LINE, STANZAS) if machine[name]]
    command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={BASE_PACKAGES}"]
    settings = f"--aptopt={context / 'machine' / SETTINGS}"
    _run([*command, settings, codename, context / "rootfs.tar", *sources], DockerDriverError, "mmdebstrap failed")


def _debootstrap(context: Path, codename: str, machine: Mapping[str, bytes]) -> None:
    root = context / "rootfs"
    mirror = _first_mirror(machine, codename)
    command = ["debootstrap", "--variant=minbase", f"--include={BASE_PACKAGES}", codename, root, mirror]
    _run(command, DockerDriverError, "debootstrap failed")
    pack = ["tar", "--create", "--file", context / "rootfs.tar", "--directory", root, "."]
    _run(pack, DockerDriverError, "tar failed")
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


def _run(command: list, failure: type[DockerDriverError], sentence: str, **environment: str) -> str:
    """Run a tool; its last words are in the error."""
    try:
        done = subprocess.run(
            command, env=os.environ | environment, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
        )
    except FileNotFoundError as error:
        raise failure(f"{sentence}: {command[0]} is not installed") from error
    if done.returncode:
        words = (done.stderr or done.stdout).strip().splitlines()[-5:]
        raise failure(f"{sentence}: {' / '.join(words)}")
    return done.stdout
