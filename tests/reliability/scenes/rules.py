"""What is wrong about backups, what was brought back, and standbys: pure functions of what was found."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from pool.backups.backup import Backup
from pool.backups.states import BackupCause
from pool.records import Instance
from pool.standbys.standby import Standby, StandbyState
from pool.states import HOLDING_ROOM

#: Digests of files, by their paths.
Files = Mapping[str, str]
RESTORED = "./restored-"


def backups_lost(session: str, backups: Iterable[Backup], cause: BackupCause) -> list[str]:
    """Say so where none of a session's backups for this cause counts."""
    mine = [one for one in backups if one.instance == session and one.cause is cause]
    if any(one.counts for one in mine):
        return []
    states = ", ".join(f"{one.id} is {one.state}: {one.reason}" for one in mine) or "none was begun"
    return [f"no backup of {session} counts ({cause}): {states}"]


def wrong_files(where: str, kept: Files, found: Files) -> list[str]:
    """How what a session has differs from what was kept of the one before it."""
    differ = {
        "lacks": kept.keys() - found.keys(),
        "has a part of, or another": {path for path in kept.keys() & found.keys() if kept[path] != found[path]},
        "has, though it was not kept,": found.keys() - kept.keys(),
    }
    return [f"{where} {verb} {', '.join(sorted(paths))}" for verb, paths in differ.items() if paths]


def wrong_beside(where: str, kept: Files, found: Files) -> list[str]:
    """How what a restore left differs from the living files, untouched, and one folder with all that was kept."""
    living = {path: digest for path, digest in found.items() if not path.startswith(RESTORED)}
    folders: dict[str, dict[str, str]] = {}
    for path in found.keys() - living.keys():
        folder, _, name = path.removeprefix("./").partition("/")
        folders.setdefault(folder, {})[f"./{name}"] = found[path]
    wrong = wrong_files(where, kept, living)
    if len(folders) != 1:
        wrong.append(f"{where} has {len(folders)} restored folders: {', '.join(sorted(folders)) or 'none'}")
    return wrong + [
        said for folder, files in sorted(folders.items()) for said in wrong_files(f"{where}/{folder}", kept, files)
    ]


def given_twice(instances: Sequence[Instance], standbys: Sequence[Standby]) -> list[str]:
    """Which standbys two sessions have, or one has while it still stands by; and which addresses two hold."""
    living = [one for one in instances if one.state in HOLDING_ROOM]
    standing = {one.id for one in standbys}
    held = [*(one.placement for one in living), *(one.placement for one in standbys)]
    owners = Counter(one.standby for one in living if one.standby)
    places = Counter((place.host, place.port) for place in held if place)
    wrong = [f"{standby} was given to {count} sessions" for standby, count in owners.items() if count > 1]
    wrong += [f"{standby} stands by, and a session has it" for standby in sorted(owners.keys() & standing)]
    return wrong + [
        f"port {port} of {host} was given {count} times" for (host, port), count in places.items() if count > 1
    ]


def standbys_missing(blueprint: str, wanted: int, standbys: Iterable[Standby]) -> list[str]:
    """Say so where a blueprint has fewer standbys that are ready than it wants, or more that stand by."""
    mine = [one for one in standbys if one.blueprint == blueprint]
    ready = sum(one.state is StandbyState.READY for one in mine)
    if ready == wanted == len(mine):
        return []
    states = ", ".join(f"{one.id} is {one.state}" for one in mine) or "none"
    return [f"{ready} of {wanted} standbys of {blueprint} are ready: {states}"]
