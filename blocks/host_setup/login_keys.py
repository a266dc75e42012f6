"""Which keys let the manager in to a machine: its user's file ``authorized_keys``."""

import shlex

from blocks.host_setup.shell import HostShell
from blocks.stored.host_keys import HostLogin, authorized_keys

LOOK_SECONDS = 30
FILE = "~/.ssh/authorized_keys"
#: In one step, and with the rights that it had: sshd reads the one file or the other.
REPLACE = f"umask 0077 && cat > {FILE}.new && mv {FILE}.new {FILE}"


def let_in(shell: HostShell, login: HostLogin) -> None:
    """Have the machine let in the login's keys, the next one too, and the one before no more. Looks first.

    Raises:
        HostUnreachable: ssh did not answer.
        CommandFailed: the file could not be read or written.
    """
    present = shell.run(f"cat {FILE}", LOOK_SECONDS)
    wanted = authorized_keys(present, login.public_keys, login.previous_public_key)
    if wanted != present:
        shell.run(f"sh -c {shlex.quote(REPLACE)}", LOOK_SECONDS, stdin=wanted)
