"""Keeping room on the disk of a host: how full it is."""

import pytest

from blocks.host_setup.shell import HostShell
from tasks.hosts.disks import used_percent

pytestmark = pytest.mark.unit


class Disk(HostShell):
    """A host whose df answers as Debian's does."""

    def __init__(self, percent: int):
        self._percent, self.commands = percent, []

    def run(self, command, timeout, stdin=None):
        self.commands.append(command)
        return f"Use%\n {self._percent}%\n"


def test_what_df_says_of_the_folder_of_images_is_read():
    disk = Disk(42)
    assert used_percent(disk, "/var/lib/docker images") == 42
    assert disk.commands == ["df --output=pcent '/var/lib/docker images'"]
