"""`dockerdriver gateway …`: what an operator does to the nginx that publishes sessions. Imports wait, as in `cli`."""

import sys
from pathlib import Path

from blocks.settings import ProcessSettings
from pool.errors import GatewayTrouble


def reload(settings: ProcessSettings) -> int:
    """Have the gateway take a new certificate or new settings; open websockets stay open.

    Raises:
        BadRequest: nginx refuses the new configuration, in its own words; it goes on with the old one.
        GatewayTrouble: no gateway runs.
    """
    from blocks.gateway.config import gateway_config, reload_gateway  # noqa: PLC0415 - fast answers first

    reload_gateway(gateway_config(settings))
    print("the gateway takes new connections with the present certificate and settings")
    return 0


def rotate_keys(settings: ProcessSettings) -> int:
    """Sign links with a new key; links and cookies of the last one stay good until the next rotation.

    Raises:
        DockerDriverError: Prefect's server does not answer, or the keys were never made.
    """
    from blocks.prefect_api import PrefectApi  # noqa: PLC0415 - as above
    from runtime.supervision.environment import stack_environment, take_on  # noqa: PLC0415 - as above

    PrefectApi(settings.prefect_api_url).call("GET", "/health")
    take_on(stack_environment(settings, settings.engine_url))
    from blocks.outside import outside  # noqa: PLC0415 - after the environment is set
    from tasks.sessions.links import give_keys  # noqa: PLC0415 - after the environment is set

    outside().stored.rotate_link_keys()
    try:
        give_keys()
    except GatewayTrouble as error:
        sys.stderr.write(f"{error}; the next tick of housekeeping gives it the new key\n")
    print("links are signed with a new key from now on")
    return 0


def self_signed(settings: ProcessSettings, names: list[str], days: int, directory: Path | None) -> int:
    """Make a certificate to try TLS with; browsers warn of it."""
    from blocks.gateway.certificate import self_signed as make  # noqa: PLC0415 - as above

    certificate, key = make((directory or settings.data / "gateway" / "tls").absolute(), names, days)
    print(f"DD_GATEWAY_CERTIFICATE={certificate}\nDD_GATEWAY_CERTIFICATE_KEY={key}")
    return 0
