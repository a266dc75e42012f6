"""Install the services and make their databases, so that the rig starts at once when a test asks for it.

``python -m tests.rigs.openstack`` needs no Docker Engine and leaves no process; done before, it does nothing.
"""

import signal
import sys

from tests.rigs.openstack.services import Services

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    services = Services()
    services.take_turn()
    try:
        services.clear()
        services.prepare()
    except KeyboardInterrupt:
        sys.exit("interrupted")
    finally:
        services.clear()
        services.end_turn()
