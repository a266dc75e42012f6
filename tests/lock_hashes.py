"""Write into a lock file the hashes of all files that pip may take for it: ``make locks``.

A lock names packages, versions and hashes, and no address: the files are listed by pip itself, from where this
machine's pip gets its packages. Run it after a line was added or its version changed. What counts is what pip may take
on Linux, x86_64 and aarch64, by CPython 3.11 to 3.13, and source archives.
"""

import re
import sys
from collections.abc import Iterable, Iterator
from optparse import Values
from pathlib import Path
from typing import Any

from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import canonicalize_name, parse_sdist_filename, parse_wheel_filename
from packaging.version import Version
from pip._internal.commands.download import DownloadCommand
from pip._internal.index.collector import LinkCollector, parse_links
from pip._internal.models.link import Link

CHECKOUT = Path(__file__).parents[1]
LOCKS = (
    "requirements.lock",
    "requirements-test.lock",
    "runtime/images/jupyter-minimal/requirements.lock",
    "tests/rigs/openstack/requirements.lock",
    "tests/rigs/s3/requirements.lock",
)
PIN = re.compile(r"(?P<name>[\w.-]+)==(?P<version>[\w.!+]+)(?P<marker> ; [^\\]+?)?( \\)?")
PYTHONS = [(3, 11), (3, 12), (3, 13)]
MACHINES = ("x86_64", "aarch64")
NEWEST_GLIBC = 45


def pins(text: str) -> Iterator[re.Match[str]]:
    """Each line of a lock that names a package and its version."""
    return filter(None, map(PIN.fullmatch, text.splitlines()))


def hashed(pin: re.Match[str], hashes: Iterable[str]) -> str:
    """The lines of a lock for one package."""
    head = f"{pin['name']}=={pin['version']}{pin['marker'] or ''}"
    return " \\\n".join([head, *(f"    --hash=sha256:{one}" for one in sorted(hashes))]) + "\n"


def tags() -> frozenset[Tag]:
    """All tags of wheels that are installed somewhere."""
    glibcs = [f"manylinux_2_{minor}" for minor in range(5, NEWEST_GLIBC)] + ["manylinux1", "manylinux2010"]
    systems = [*glibcs, "manylinux2014", "linux"]
    platforms = [f"{system}_{machine}" for system in systems for machine in MACHINES]
    found: set[Tag] = set()
    for python in PYTHONS:
        found.update(cpython_tags(python, platforms=platforms))
        found.update(compatible_tags(python, f"cp{python[0]}{python[1]}", platforms))
    return frozenset(found)


def serves(filename: str, name: str, version: Version, wanted: frozenset[Tag]) -> bool:
    """Whether pip may take this file for this version of a package."""
    try:
        if filename.endswith(".whl"):
            project, has, _, its_tags = parse_wheel_filename(filename)
            return (project, has) == (canonicalize_name(name), version) and bool(its_tags & wanted)
        return parse_sdist_filename(filename) == (canonicalize_name(name), version)
    except ValueError:  # another form of file, or a name that is none
        return False


class HashCommand(DownloadCommand):
    """pip, with its own configuration, asked for what an index lists and for nothing more."""

    def run(self, options: Values, args: list[str]) -> int:
        options.find_links = []  # files of this machine alone
        collector = self._build_package_finder(options, self.get_default_session(options))._link_collector
        wanted = tags()
        for file in args:
            path, lines = Path(file), list[str]()
            for pin in pins(path.read_text()):
                links = list(_listed(collector, pin["name"]))
                version = Version(pin["version"])
                serving = [link for link in links if serves(link.filename, pin["name"], version, wanted)]
                hashes = {link.hash for link in serving if link.hash and link.hash_name == "sha256"}
                if not hashes:
                    raise SystemExit(f"{file}: the index lists no file, or no hash, of {pin[0]}")
                lines.append(hashed(pin, hashes))
            path.write_text("".join(lines))
        return 0


def _listed(collector: LinkCollector, name: str) -> Iterator[Link]:
    """The files of a package, from the first of the machine's indexes that has any."""

    def links(page: Link) -> list:
        answer = collector.fetch_response(page)
        return list(parse_links(answer)) if answer else []

    sources = collector.collect_sources(canonicalize_name(name), candidates_from_page=links)
    pages: Iterator[list[Any]] = (list(source.page_candidates()) for source in sources.index_urls if source)
    return iter(next(filter(None, pages), []))


if __name__ == "__main__":
    sys.exit(HashCommand("hash-locks", "").main([str(CHECKOUT / lock) for lock in sys.argv[1:] or LOCKS]))
