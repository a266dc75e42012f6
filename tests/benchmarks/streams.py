"""Five gigabytes up and down through the gateway: what they cost nginx. ``make bench NAME=streams JSON=file``."""

import argparse
import json
import time
from pathlib import Path

from tests.rigs.gateways.gateway import route_to, running_gateway
from tests.rigs.gateways.streams import download, memory_mb, streaming_backend, upload, written_mb


def main() -> None:
    """Measure, print, and write the figures when asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="file for the figures")
    parser.add_argument("--gb", type=int, default=5, help="size of each body")
    options = parser.parse_args()
    figures, size = {}, options.gb * 1024**3
    with running_gateway() as gateway, streaming_backend() as session:
        gateway.client.add_route(route_to(session.port))
        for name, move in (("up", upload), ("down", download)):
            memory, written, began = memory_mb(gateway), written_mb(gateway), time.monotonic()
            assert move(gateway, route_to(0).id, size) == size
            figures[f"{name}_seconds"] = round(time.monotonic() - began, 1)
            figures[f"{name}_memory_growth_mb"] = round(memory_mb(gateway) - memory, 1)
            figures[f"{name}_written_mb"] = round(written_mb(gateway) - written, 1)
    print(json.dumps(figures, indent=2))
    if options.json:
        options.json.write_text(json.dumps(figures))


if __name__ == "__main__":
    main()
