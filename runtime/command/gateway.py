"""`dockerdriver gateway …`: what an operator does to the nginx that publishes sessions. Imports wait, as in `cli`."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from blocks.settings import ProcessSettings
from pool.keys.rotation import RotatedKey
from runtime.command.files import named_here
from runtime.command.nouns import AS_JSON, YES
from runtime.verbs.output import show, show_json


def reload(settings: ProcessSettings, as_json: bool = False) -> int:
    """Have the gateway take a new certificate or new settings; open websockets stay open.

    Example: sudo .venv/bin/dockerdriver gateway reload

    Raises:
        BadRequest: nginx refuses the new configuration, in its own words, or certificate and key cannot be used; it
            goes on with the old ones.
        GatewayTrouble: no gateway runs.
        Refused: sessions' addresses are others than the workers were started with, which go on making links to those;
            or the gateways are on other machines.
    """
    from blocks.gateway.config import gateway_config, reload_gateway  # noqa: PLC0415 - fast answers first
    from runtime.command.doctor.parts import check_gateway_is_here  # noqa: PLC0415 - as above
    from runtime.stack.origin import check_origin  # noqa: PLC0415 - as above

    check_gateway_is_here(settings)
    check_origin(settings)
    reload_gateway(gateway_config(settings))
    said = "the gateway takes new connections with the present certificate and settings"
    show_json({"message": said}) if as_json else print(said)
    return 0


def self_signed(
    settings: ProcessSettings, names: list[str], days: int, directory: Path | None, as_json: bool = False
) -> int:
    """Make a certificate to try TLS with; browsers warn of it.

    Example: sudo .venv/bin/dockerdriver gateway self-signed notebooks.example.org '*.notebooks.example.org'
    """
    from blocks.gateway.certificate import self_signed as make  # noqa: PLC0415 - as above

    certificate, key = make(directory or (settings.data / "gateway" / "tls").absolute(), names, days)
    made = {"DD_GATEWAY_CERTIFICATE": str(certificate), "DD_GATEWAY_CERTIFICATE_KEY": str(key)}
    show_json(made) if as_json else print("\n".join(f"{name}={file}" for name, file in made.items()))
    return 0


def certificate(settings: ProcessSettings, as_json: bool = False) -> int:
    """Tell of the certificate that is in service: for which names it is, until when, who renews it, what is wrong.

    The status is 1 where something speaks against the files that are set, as where they are refused.

    Example: dockerdriver gateway certificate

    Raises:
        BadRequest: it cannot be read, or is none.
        NotFound: none is set; the gateway speaks no TLS.
        Refused: the gateways are on other machines, and their certificates with them.
    """
    from blocks.gateway.config import gateway_config  # noqa: PLC0415 - fast answers first
    from blocks.gateway.renewal import told_certificate  # noqa: PLC0415 - as above
    from runtime.command.doctor.parts import check_gateway_is_here  # noqa: PLC0415 - as above

    check_gateway_is_here(settings)
    told = told_certificate(gateway_config(settings), datetime.now(UTC))
    rows = [{"what": name.replace("_", " "), "is": value} for name, value in told.items() if value]
    show_json(told) if as_json else show(rows, {"what": "What", "is": "Is"}, "")
    return 1 if told["trouble"] else 0


def rotate_keys(settings: ProcessSettings, retire: bool = False, yes: bool = False, as_json: bool = False) -> int:
    """Have links and cookies signed with a new key; those of the one before open sessions until --retire.

    Example: dockerdriver gateway rotate-keys

    Raises:
        DockerDriverError: it is not done, or waits for a confirmation, or the stack does not run.
    """
    from blocks.stored.api_password import prefect_api  # noqa: PLC0415 - as above
    from runtime.verbs.rotation import rotate  # noqa: PLC0415 - as above

    rotate(prefect_api(settings), [RotatedKey.LINKS], retire, yes, as_json)
    return 0


_NAMES = "name or address that browsers use; a wildcard such as *.notebooks.example.org counts"
#: What argparse is told of their arguments.
COMMANDS: dict[Callable[..., int], dict[str, dict]] = {
    reload: AS_JSON,
    self_signed: {
        "names": {"nargs": "+", "metavar": "NAME", "help": _NAMES},
        "--days": {"type": int, "default": 365, "help": "how long it is valid; 365"},
        "--directory": {"type": named_here, "help": "where it is put; gateway/tls below the data directory"},
        **AS_JSON,
    },
    certificate: AS_JSON,
    rotate_keys: {
        "--retire": {"action": "store_true", "help": "end all links and cookies of the key before"},
        **YES,
        **AS_JSON,
    },
}
