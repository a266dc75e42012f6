"""Builds ``jupyter-minimal``, the notebook image that every installation has, without a registry."""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from blocks.engine.client import HostEngine
from blocks.images.archive import read_archive
from blocks.images.build import archive_name, build_image, image_labels, output_of, save_image
from pool import marks
from pool.errors import BrokenArchive, DockerDriverError
from runtime.builds.host_image import build_base
from runtime.builds.package_sources import suite

NAME = "jupyter-minimal"
TAG = f"{NAME}:latest"
PYTHON_STAGE = f"dockerdriver/{NAME}-python"
CONTEXT = Path(__file__).resolve().parent.parent / "images" / NAME
PIP_SECONDS = 600

Say = Callable[[str], None]


def build_notebook_image(engine_url: str, work_dir: Path, images_dir: Path, say: Say) -> Path:
    """Build JupyterLab on the base system and save it as ``images/jupyter-minimal.tar``, unless that is there.

    Args:
        engine_url: the engine that builds it.
        work_dir: where to build; needs about 1 GB, and is left as it was.
        images_dir: where the archive goes; it appears whole or not at all.
        say: is told, in one sentence each, what takes time.

    Returns:
        The archive. Its image carries the digest of its recipe, so that a changed recipe is built again.

    Raises:
        DockerDriverError: the packages could not be downloaded; the message holds pip's last words.
        EngineTrouble: the engine did not build or save the image.
    """
    archive, recipe = images_dir / archive_name(TAG), _recipe()
    if _recipe_of(archive) != recipe:
        engine = HostEngine.local(engine_url)
        if image_labels(engine, TAG).get(marks.RECIPE) != recipe:
            _build(engine, work_dir, build_base(engine_url, work_dir, say), recipe, say)
        say(f"saves the notebook image to {archive.name}")
        save_image(engine, TAG, images_dir)
    return archive


def _recipe() -> str:
    """Digest of all that decides what is in the image."""
    parts = hashlib.sha256(suite().encode())
    for path in sorted(filter(Path.is_file, CONTEXT.iterdir())):  # pip puts byte-code beside them
        parts.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return parts.hexdigest()


def _recipe_of(archive: Path) -> str:
    try:
        return read_archive(archive).labels.get(marks.RECIPE, "")
    except BrokenArchive:  # not there, or not whole: build it
        return ""


def _build(engine: HostEngine, work_dir: Path, base: str, recipe: str, say: Say) -> None:
    work_dir.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="notebook-", dir=work_dir) as folder:
        context = Path(folder)
        shutil.copytree(CONTEXT, context, dirs_exist_ok=True)
        (context / "wheels").mkdir()
        say("installs Python in the notebook image")
        build_image(engine, context, PYTHON_STAGE, {"BASE": base}, target="python")
        version = output_of(engine, PYTHON_STAGE, "python3", "-c", "import platform; print(platform.python_version())")
        say(f"downloads JupyterLab for Python {version}")
        _download(context / "wheels", version)
        say("installs JupyterLab in the notebook image")
        build_image(engine, context, TAG, {"BASE": base}, labels={marks.RECIPE: recipe})


def _download(wheels: Path, version: str) -> None:
    """Fetch the locked wheels for the image's Python, from where this machine's pip gets its packages."""
    options = ["--quiet", "--no-deps", "--only-binary", ":all:", "--python-version", version]
    lock = ["--require-hashes", "--requirement", str(CONTEXT / "requirements.lock"), "--dest", str(wheels)]
    command = [sys.executable, "-m", "pip", "download", *options, *lock]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=PIP_SECONDS)
    except subprocess.CalledProcessError as error:
        last = " ".join(error.stderr.strip().splitlines()[-2:])
        raise DockerDriverError(f"pip could not download the packages of {NAME}: {last}") from error
    except subprocess.TimeoutExpired as error:
        raise DockerDriverError(f"pip did not download the packages of {NAME} within {PIP_SECONDS} s") from error
