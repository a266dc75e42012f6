"""Images of this machine's own Python and busybox, for sessions that run a program. Nothing is fetched for them."""

import io
import re
import subprocess
import sys
import sysconfig
import tarfile
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from tests.rigs.engines.tiny_image import TinyImage, busybox_image

HOME = "opt/python"
ENVIRONMENT = ("PATH=/opt/python/bin:/bin", "PYTHONHOME=/opt/python", "LD_LIBRARY_PATH=/opt/python/lib")
#: Large, and nothing that a small program imports.
LEFT_OUT = {"test", "idlelib", "tkinter", "turtledemo", "lib2to3", "ensurepip", "site-packages", "dist-packages"}
LIBRARY = re.compile(r"^\s*(?:(\S+) => )?(/\S+) \(", re.MULTILINE)


def python_image(name: str, files: Mapping[str, bytes], **runs: object) -> TinyImage:
    """An image with these files in it, all of them executable; in its PATH are ``python3`` and ``busybox``.

    Args:
        name: of the image.
        files: by their paths, without the leading slash. A path that ends with one is a folder.
        runs: its configuration, as in ``Cmd=["python3", "/program.py"]``.
    """
    busybox = busybox_image(name, ()).layers[0]
    return TinyImage(
        f"{name}:latest", [busybox, _python_layer(), folders_and(files)], {"Env": list(ENVIRONMENT), **runs}
    )


def folders_and(files: Mapping[str, bytes]) -> bytes:
    """A tar of these files and of the folders that they are in, which sessions of any uid may enter."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        _add_folders(tar, [*files, "tmp/x"])
        for name, content in files.items():
            if not name.endswith("/"):
                header = tarfile.TarInfo(name)
                header.size, header.mode = len(content), 0o755
                tar.addfile(header, io.BytesIO(content))
    return buffer.getvalue()


def _add_folders(tar: tarfile.TarFile, names: Iterable[str]) -> None:
    folders = {str(parent) for name in names for parent in Path(f"{name}x").parents} - {"."}
    for folder in sorted(folders):
        header = tarfile.TarInfo(folder)
        header.type, header.mode = tarfile.DIRTYPE, 0o1777 if folder == "tmp" else 0o755
        tar.addfile(header)


@cache
def _python_layer() -> bytes:
    program, library = Path(sys.executable).resolve(), Path(sysconfig.get_path("stdlib"))
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        loaded = _libraries([program, *library.rglob("lib-dynload/*.so")])
        _add_folders(tar, [f"{HOME}/bin/x", f"{HOME}/lib/x", "bin/x", *loaded])
        tar.add(program, f"{HOME}/bin/python3", filter=_taken)
        tar.add(library, f"{HOME}/lib/{library.name}", filter=_taken)
        for name, path in loaded.items():
            tar.add(path, name, filter=_taken)
    return buffer.getvalue()


def _libraries(programs: Iterable[Path]) -> dict[str, Path]:
    """What they load, by where it is in the image: the loader has one place, and all else comes beside Python."""
    said = subprocess.run(["ldd", *programs], capture_output=True, text=True, check=False).stdout  # some load nothing
    found = {}
    for name, path in LIBRARY.findall(said):
        found[f"{HOME}/lib/{name}" if name else path.removeprefix("/")] = Path(path).resolve()
    return found


def _taken(header: tarfile.TarInfo) -> tarfile.TarInfo | None:
    name = Path(header.name).name
    if name in LEFT_OUT or name.startswith("config-"):
        return None
    header.uid = header.gid = 0
    header.uname = header.gname = "root"
    return header
