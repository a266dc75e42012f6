"""Scripts that look at the disks of a host, as root and in a shell there, and what their answers mean."""

import shlex
from collections.abc import Iterable, Mapping

from blocks.host_setup.playbook import DATA_ROOT
from pool.hosts.disk import room_mb

#: Where containers write whose engine keeps images in containerd's store, unless it runs a containerd of its own.
CONTAINERD_ROOT = "/var/lib/containerd"
#: For an engine of the other kind containerd keeps no snapshots, and its disk is none of ours.
_ROOM = """
look() { df --output=avail,size,iavail,itotal --block-size=1M "$1" | tail -n 1; }
look {engine}
ls {containerd}/io.containerd.snapshotter.v1.*/snapshots/* >/dev/null 2>&1 && look {containerd}
true
"""
#: A table of mounts names the folder that takes what is written below "/"; a container may have gone meanwhile.
_FILES = r"""
count() {
    folder=$1
    case $1 in
        /proc/*) folder=$(sed -n 's|^[^/]* / / .*[ ,]upperdir=\([^, ]*\).*|\1|p' "$1") ;;
    esac
    [ -d "$folder" ] || return
    disk=$(df --output=size,itotal --block-size=1M "$folder" | tail -n 1)
    echo $disk $(du --inodes --summarize "$folder" | cut -f 1) "$1"
}
exec 2>/dev/null
"""


def look_for_room() -> str:
    """Return the script that asks for the room where containers write; `room_in` reads its answer."""
    return _ROOM.replace("{engine}", DATA_ROOT).replace("{containerd}", CONTAINERD_ROOT)


def room_in(said: str) -> int:
    """Read how many MB there is room for, by blocks and by inodes: on the disk that has the least."""
    return min(room_mb(*map(int, line.split())) for line in said.splitlines())


def look_for_files(folders: Iterable[str]) -> str:
    """Return the script that counts the files in folders; `files_in` reads its answer.

    Args:
        folders: each is one, or the table of mounts of a process: then it is that below its "/".
    """
    return _FILES + "".join(f"count {shlex.quote(folder)}\n" for folder in folders) + "true\n"


def files_in(said: str, folders: Mapping[str, str]) -> dict[str, int]:
    """Read how many MB the files are: each counts as the part of its disk that there is for one inode.

    Args:
        said: what the script answered.
        folders: those that it was asked for, by any name.

    Returns:
        MB, by the same names; none of a folder whose file system makes inodes as it needs them.
    """
    counted = {}
    for line in said.splitlines():
        size_mb, inodes, files, folder = line.split(maxsplit=3)
        if int(inodes):
            counted[folder] = int(size_mb) * int(files) // int(inodes)
    return {name: counted.get(folder, 0) for name, folder in folders.items()} if counted else {}
