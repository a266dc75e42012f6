"""The gateway's logs and certificate, kept by root where the workers are not: a program of the stack."""

import logging
import time
from datetime import UTC, datetime

from blocks.gateway.config import gateway_config
from blocks.gateway.logs import rotate_logs
from blocks.gateway.renewal import keep_certificate
from blocks.gateway.settings import GatewayConfig
from blocks.settings import process_settings
from pool.errors import DockerDriverError

LOOK_SECONDS = 60
MB = 1_000_000


def main() -> None:
    """Look each minute, until it is ended."""
    config = gateway_config(process_settings())
    while True:
        look(config)
        time.sleep(LOOK_SECONDS)


def look(config: GatewayConfig) -> None:
    """Look once. What fails, on a disk that is full or with a key that is being replaced, may be well in a minute."""
    try:
        rotate_logs(config, config.settings.log_mb * MB)
    except OSError as error:
        logging.warning("the gateway's logs are not rotated: %s", error)
    try:
        keep_certificate(config, datetime.now(UTC))
    except (OSError, DockerDriverError) as error:
        logging.warning("the gateway's certificate is not taken anew: %s", error)


if __name__ == "__main__":
    main()
