"""Where Swift keeps what: one device for everything. Run by the Python that Swift is installed for."""

import sys
from pathlib import Path

from swift.common.ring import RingBuilder

HOST = "127.0.0.1"


def main(folder: Path, *servers: str) -> None:
    """Write the ring of each server.

    Args:
        folder: of the store.
        servers: as in "object=6200": name and port.
    """
    for name, port in (server.split("=") for server in servers):
        builder = RingBuilder(part_power=2, replicas=1, min_part_hours=1)
        where = {"region": 1, "zone": 1, "ip": HOST, "port": int(port), "device": "disk", "weight": 1.0}
        builder.add_dev(where | {"replication_ip": HOST, "replication_port": int(port)})
        builder.rebalance(seed=1)
        builder.get_ring().save(str(folder / f"{name}.ring.gz"))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
