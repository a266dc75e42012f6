"""The gateway's logs, rotated by root where the workers are not: `python -m runtime.supervision.gateway_logs`."""

import logging
import time

from blocks.gateway.config import gateway_config
from blocks.gateway.logs import rotate_logs
from blocks.settings import process_settings

LOOK_SECONDS = 60
MB = 1_000_000


def main() -> None:
    """Look each minute, until it is ended."""
    config = gateway_config(process_settings())
    while True:
        try:
            rotate_logs(config, config.settings.log_mb * MB)
        except OSError as error:  # a disk that is full; the next minute may be better
            logging.warning("the gateway's logs are not rotated: %s", error)
        time.sleep(LOOK_SECONDS)


if __name__ == "__main__":
    main()
