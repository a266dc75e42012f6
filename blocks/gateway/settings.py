"""What the gateway is told: by the process settings, and by settings of its own (``DD_GATEWAY_…``)."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from blocks.env_file import EnvironmentSettings
from blocks.field_types import Address, FixedTexts, HostNames, Seconds
from pool.errors import Refused
from pool.records import SESSION_PORTS

LEAST_SECRET = 32  # characters, of relays
#: Where hosts are unless the operator says otherwise: the private networks.
PRIVATE_NETWORKS = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")


class GatewaySettings(EnvironmentSettings):
    """What an operator may set of the gateway beside its address, port and public URL."""

    model_config = SettingsConfigDict(env_prefix="DD_GATEWAY_")

    networks: FixedTexts = Field(PRIVATE_NETWORKS, description="Networks that hosts are in; no route leads elsewhere.")
    names: HostNames = Field((), description="Other names, without ports, that browsers reach it under.")
    certificate: Path | None = Field(None, description="PEM file with the certificate and its chain; empty: no TLS.")
    certificate_key: Path | None = Field(None, description="PEM file with the certificate's private key.")
    redirect_port: int = Field(0, description="Port whose requests are sent to the public URL (80); 0: none.")
    hsts_seconds: Seconds = Field(31536000, description="How long browsers insist on TLS; 0: they do not.")
    trusted_proxies: FixedTexts = Field((), description="Networks whose X-Forwarded-For names the real client.")
    address_requests: int = Field(300, description="Requests a second of one address that is not signed in; 0: none.")
    address_connections: int = Field(1000, description="Connections of one address that is not signed in; 0: no limit.")
    session_requests: int = Field(200, description="Requests a second to one session; 0: no limit.")
    session_connections: int = Field(300, description="Connections to one session; 0: no limit.")
    platform_url: str = Field("", description="Where pages lead back to: the application that starts sessions.")
    pool_passwords: Path | None = Field(
        None,
        description="htpasswd file for /pool/, readable by the workers' user; empty: /pool/ on this machine alone.",
    )
    log_mb: int = Field(50, ge=1, description="MB of a log file at which it is rotated; five old ones are kept.")
    user: str = Field("www-data", description="User of nginx's workers; the master is root.")
    workers: int = Field(2, description="How many nginx workers.")


class RelaySettings(EnvironmentSettings):
    """What the relay beside a gateway is told; workers of all machines have the same secret."""

    model_config = SettingsConfigDict(env_prefix="DD_RELAY_")

    address: Address = Field("0.0.0.0", description="Address that the gateway's relay listens on.")  # noqa: S104 - for it is asked from elsewhere
    port: int = Field(8445, ge=1, le=65535, description="Port of the gateway's relay.")
    certificate: Path | None = Field(None, description="PEM file with the relay's certificate and its chain.")
    certificate_key: Path | None = Field(None, description="PEM file with the certificate's private key.")
    secret: SecretStr = Field(SecretStr(""), description="By which workers prove themselves to relays; 32 characters.")
    secret_before: SecretStr = Field(
        SecretStr(""), description="A second secret that a relay takes, while workers have yet to be told the new one."
    )

    @property
    def secrets(self) -> tuple[str, ...]:
        """What a relay lets in."""
        return tuple(filter(None, (self.secret.get_secret_value(), self.secret_before.get_secret_value())))

    def check_secret(self) -> None:
        """See that none can be guessed.

        Raises:
            Refused: it is missing, or one is short.
        """
        shortest = min(map(len, self.secrets)) if self.secret.get_secret_value() else 0
        if shortest < LEAST_SECRET:
            raise Refused(f"DD_RELAY_SECRET must have {LEAST_SECRET} characters: `openssl rand -hex 32` makes one")

    def check_relay(self) -> None:
        """See that a relay has all that it needs.

        Raises:
            Refused: it has not; the sentence names the setting.
        """
        if not (self.certificate and self.certificate_key):
            raise Refused("the gateway's relay speaks TLS alone: set DD_RELAY_CERTIFICATE and DD_RELAY_CERTIFICATE_KEY")
        self.check_secret()


@dataclass(frozen=True)
class GatewayConfig:
    """All that nginx is told. Paths are absolute."""

    directory: Path  # nginx's prefix: the rendered configuration and its temporary directories
    admin_socket: Path  # its directory is guarded: nginx makes its sockets 0666
    snapshot: Path  # written by blocks.gateway, read by nginx's master when it starts with an empty table
    logs: Path
    downloads: Path  # sockets of the runs that offer downloads; nginx's workers reach those that they know the name of
    settings: GatewaySettings
    address: str = "127.0.0.1"
    port: int = 8000
    public_url: str = ""  # what browsers use, e.g. "https://notebooks.example.org"; empty: address and port
    session_domain: str = ""  # each session has a host name below it; empty: they share the gateway's
    account: str = ""  # that may use the admin socket beside root; empty: none
    refused: tuple[str, ...] | None = None  # exceptions; None: this machine's own, unless networks name just that one
    ports: range = SESSION_PORTS  # no route leads to another
    modules: Path = Path("/usr/lib/nginx/modules")

    @property
    def file(self) -> Path:
        """The rendered configuration."""
        return self.directory / "nginx.conf"

    @property
    def pid_file(self) -> Path:
        """Holds the master's process id while it runs."""
        return self.directory / "nginx.pid"

    @property
    def command(self) -> list[str]:
        """nginx in the foreground, for a supervisor; TERM ends it at once, HUP reloads it."""
        return self.nginx("-c", str(self.file))

    def nginx(self, *arguments: str) -> list[str]:
        """nginx with this configuration's prefix and error log."""
        return ["nginx", "-p", str(self.directory), "-e", str(self.logs / "gateway-error.log"), *arguments]
