"""Docker of Debian's next release, unpacked beside this machine's own and not installed: it has containerd's store."""

import shutil
import subprocess
from pathlib import Path

from runtime.builds.package_sources import ONE_LINE, STANZAS, machine_files, suite
from tests.rigs.engines.engine import KEPT

NEXT = {"bookworm": "trixie"}  # by this machine's release: the one whose Docker runs with this machine's C library
PACKAGES = ("docker.io", "containerd")  # runc is this machine's own: the newer one wants a newer C library
SECONDS = 600


def newer_engine() -> tuple[Path | None, str]:
    """Have the programs there, kept between runs.

    Returns:
        Their folder, or None and why they cannot be had.
    """
    codename = suite()
    if codename not in NEXT:
        return None, f"which release of Debian comes after {codename}, with an engine that runs here, is not known"
    kept = KEPT / f"engine-of-{NEXT[codename]}"
    if not (kept / "usr/sbin/dockerd").exists():
        try:
            _unpack(kept, codename, NEXT[codename])
        except subprocess.CalledProcessError as error:
            return None, f"packages of {NEXT[codename]} cannot be had: {error.stderr.strip()[-300:]}"
    return kept, ""


def path_of(programs: Path) -> str:
    """Return what is to stand before an engine's PATH, so that these programs are its own."""
    return f"{programs}/usr/sbin:{programs}/usr/bin"


def _unpack(kept: Path, codename: str, newer: str) -> None:
    """Fetch the packages by apt, with lists and cache of its own, from where this machine gets its own release."""
    work = kept.with_name(f"{kept.name}-apt")
    for folder in ("lists/partial", "cache/archives/partial", "sources"):
        (work / folder).mkdir(parents=True, exist_ok=True)
    files = machine_files(codename)
    for name, kind in ((ONE_LINE, "list"), (STANZAS, "sources")):
        (work / "sources" / f"next.{kind}").write_text(files[name].decode().replace(codename, newer))
    options = {
        "Dir::Etc::SourceList": "/dev/null",
        "Dir::Etc::SourceParts": work / "sources",
        "Dir::State::Lists": work / "lists",
        "Dir::Cache": work / "cache",
        "APT::Sandbox::User": "root",
    }
    apt = ["apt-get", "-q", *(f"-o{name}={value}" for name, value in options.items())]
    for words in ((*apt, "update"), (*apt, "download", *PACKAGES)):
        subprocess.run(words, cwd=work, check=True, capture_output=True, text=True, timeout=SECONDS)
    for package in work.glob("*.deb"):
        subprocess.run(["dpkg", "-x", package, work / "root"], check=True, capture_output=True, text=True)
    (work / "root").rename(kept)
    shutil.rmtree(work)
