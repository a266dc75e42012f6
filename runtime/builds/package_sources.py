"""Where this machine gets its Debian packages from, as files for an image: nothing of it is ever committed.

An image that is built here, and the hosts that run it, install packages from the sources of this machine, believe the
same keyrings and certificate authorities, and need the same apt settings to reach them.
"""

import platform
import re
import subprocess
from pathlib import Path

from pool.errors import DockerDriverError

ONE_LINE = "etc/apt/sources.list"  # entries of the form "deb [options] address suite components"
STANZAS = "etc/apt/sources.list.d/machine.sources"  # entries in deb822 form
SETTINGS = "etc/apt/apt.conf.d/90machine"

REACHING_SETTING = re.compile(r"Acquire::(Check-|Retries|https?::)")
KEYRING = re.compile(r"signed-by[=:]\s*(\S+)", re.IGNORECASE)
PASSWORD_IN_ADDRESS = re.compile(r"://[^/\s\"]*@")


def suite() -> str:
    """Code name of this machine's distribution, e.g. "bookworm".

    Raises:
        DockerDriverError: it is neither Debian nor Ubuntu.
    """
    release = platform.freedesktop_os_release()
    if release["ID"] not in ("debian", "ubuntu") or "VERSION_CODENAME" not in release:
        raise DockerDriverError(f"images are built on Debian or Ubuntu, and this machine runs {release['ID']}")
    return release["VERSION_CODENAME"]


def machine_files(codename: str, root: Path = Path("/")) -> dict[str, bytes]:
    """Return the files that an image needs to install packages as this machine does.

    Args:
        codename: only sources of this release are taken.
        root: where the machine's files are; apt's settings are always those in force.

    Returns:
        Path inside the image, without the leading slash → content.

    Raises:
        DockerDriverError: no source names the release, or an address holds a password that would end up in the image.
    """
    apt = root / "etc/apt"
    one_line = _matching_lines([apt / "sources.list", *sorted(apt.glob("sources.list.d/*.list"))], codename)
    stanzas = _matching_stanzas(sorted(apt.glob("sources.list.d/*.sources")), codename)
    if not one_line and not stanzas:
        raise DockerDriverError(f"no entry of {apt}/sources.list or {apt}/sources.list.d names {codename}")
    texts = {ONE_LINE: "".join(one_line), STANZAS: "\n".join(stanzas), SETTINGS: reaching_settings(_apt_dump())}
    for name, text in texts.items():
        if PASSWORD_IN_ADDRESS.search(text):
            raise DockerDriverError(f"an address for {name} holds a password, which would end up in every image")
    return {name: text.encode() for name, text in texts.items()} | _trust(root, [*one_line, *stanzas])


def _matching_lines(files: list[Path], codename: str) -> list[str]:
    entry = re.compile(rf"deb\s+(\[[^\]]*\]\s+)?\S+\s+{re.escape(codename)}\b")
    lines = (line for file in files if file.exists() for line in file.read_text().splitlines())
    return [line + "\n" for line in lines if entry.match(line)]


def _matching_stanzas(files: list[Path], codename: str) -> list[str]:
    stanzas = (stanza for file in files for stanza in re.split(r"\n\s*\n", file.read_text()))
    return [_plain(stanza) for stanza in stanzas if _names(stanza, codename)]


def _names(stanza: str, codename: str) -> bool:
    fields = dict(re.findall(r"^([\w-]+):[ \t]*(.*)$", stanza, re.MULTILINE))
    suites = fields.get("Suites", "").split()
    binary = "deb" in fields.get("Types", "").split()
    enabled = fields.get("Enabled", "yes").lower() not in ("no", "false", "0", "off")
    return binary and enabled and any(re.match(rf"{re.escape(codename)}\b", name) for name in suites)


def _plain(stanza: str) -> str:
    lines = [line for line in stanza.splitlines() if line.strip() and not line.startswith("#")]
    return "\n".join(lines) + "\n"


def reaching_settings(dump: str) -> str:
    """Return the lines of ``apt-config dump`` that say how sources are reached and checked."""
    return "".join(line + "\n" for line in dump.splitlines() if REACHING_SETTING.match(line))


def _apt_dump() -> str:
    return subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=True).stdout


def _trust(root: Path, entries: list[str]) -> dict[str, bytes]:
    named = [match.group(1).lstrip("/").rstrip("]") for entry in entries for match in KEYRING.finditer(entry)]
    files = {root / name for name in named}
    if not all(KEYRING.search(entry) for entry in entries):
        files |= {*(root / "etc/apt/trusted.gpg.d").glob("*.gpg"), *(root / "etc/apt/trusted.gpg.d").glob("*.asc")}
    files |= set((root / "usr/local/share/ca-certificates").glob("**/*.crt"))
    return {str(file.relative_to(root)): file.read_bytes() for file in sorted(files) if file.is_file()}
