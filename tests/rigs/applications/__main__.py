"""Install applications and try each behind the gateway: ``make test-applications``. Arguments: their names; none: all.

The tests run in a network of their own, without a way out. Chromium gives up all that it loads when any address of the
machine changes, as engines and other tests do all the time; and a session's browser must need no other site.
"""

import os
import sys

from tests.rigs.applications.installing import VERSIONS, NotToBeHad, programs_of

#: A browser that sees no interface but loopback tells its pages that they are offline.
NETWORK = """ip link set lo up && ip link add one type veth peer name other && ip address add 192.0.2.1/24 dev one &&
ip link set one up && ip link set other up && exec "$@" """


def main() -> None:
    """Become pytest. What cannot be installed is said here, and again where its tests are skipped."""
    names = sys.argv[1:] or [name for packages in VERSIONS.values() for name in packages]
    for name in names:
        print(f"== {name}", flush=True)
        try:
            programs_of(name)
        except NotToBeHad as error:
            print(error, flush=True)
    pytest = [sys.executable, "-m", "pytest", "tests/applications", "-k", " or ".join(names)]
    os.execvp("unshare", ["unshare", "--net", "sh", "-c", NETWORK, "sh", *pytest])  # noqa: S606 - the shell is a word of it


if __name__ == "__main__":
    main()
