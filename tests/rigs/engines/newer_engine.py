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
        Their folder, or None and why they cannot be had: that release is not known, or its lists have no answer.

    Raises:
        subprocess.CalledProcessError: they are listed, and could not be fetched or unpacked.
    """
    codename = suite()
    if codename not in NEXT:
        return None, f"which release of Debian comes after {codename}, with an engine that runs here, is not known"
    kept = KEPT / f"engine-of-{NEXT[codename]}"
    if not (kept / "usr/sbin/dockerd").exists():
        work = kept.with_name(f"{kept.name}-apt")
        apt = _apt(work, codename, NEXT[codename])
        try:
            _run(apt, "update", "-oAPT::Update::Error-Mode=any", work=work)
        except subprocess.CalledProcessError as error:
            return None, f"the lists of {NEXT[codename]} have no answer: {error.stderr.strip()[-300:]}"
        _unpack(apt, work, kept)
    return kept, ""


def path_of(programs: Path) -> str:
    """Return what is to stand before an engine's PATH, so that these programs are its own."""
    return f"{programs}/usr/sbin:{programs}/usr/bin"


def _apt(work: Path, codename: str, newer: str) -> list[str]:
    """Return apt with lists and cache of its own, from where this machine gets its own release."""
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
    return ["apt-get", "-q", *(f"-o{name}={value}" for name, value in options.items())]


def _run(command: list[str], *words: str, work: Path) -> None:
    subprocess.run([*command, *words], cwd=work, check=True, capture_output=True, text=True, timeout=SECONDS)


def _unpack(apt: list[str], work: Path, kept: Path) -> None:
    """Fetch the packages, and lay out what is in them."""
    _run(apt, "download", *PACKAGES, work=work)
    for package in work.glob("*.deb"):
        _run(["dpkg", "-x"], str(package), str(work / "root"), work=work)
    (work / "root").rename(kept)
    shutil.rmtree(work)
