"""What the kernel refuses the program of a session, as any user that it runs as."""

import pytest

from pool.records import ContainerSpec

pytest_plugins = ("tests.rigs.engines.light_engine",)
pytestmark = pytest.mark.contract

#: Words for busybox: other namespaces, frames of its own making, mounts, devices, another root, the machine's state.
NOT_FOR_A_SESSION = (
    "unshare -U true",
    "unshare -n true",
    "unshare -m true",
    "arping -c 1 -I lo 127.0.0.1",
    "mount -t tmpfs none /proc",
    "umount /proc",
    "mknod /disk b 8 0",
    "chroot / /bin/busybox true",
    "nsenter -t 1 -n true",
    "hostname other",
    "adjtimex -f 1",
    "ip link set lo down",
    "renice -n -20 -p 1",
)
NO_SUCH_PROGRAM = 127


@pytest.fixture(scope="module")
def session(host, image):
    spec = ContainerSpec("dd-rights", image.id, 8888, 20007, memory_mb=32, command=("/bin/busybox", "sleep", "600"))
    host.engine.run(spec)
    yield spec.name
    host.engine.remove(spec.name)


def test_a_session_runs_programs_of_its_own(host, session):
    assert host.engine.run_inside(session, ("/bin/busybox", "true"), 20) == 0


@pytest.mark.parametrize("words", NOT_FOR_A_SESSION)
def test_the_kernel_refuses_a_session_what_only_an_administrator_does(host, session, words):
    assert host.engine.run_inside(session, ("/bin/busybox", *words.split()), 20) not in {0, NO_SUCH_PROGRAM}
