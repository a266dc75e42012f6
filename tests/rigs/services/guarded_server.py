"""A real Prefect server with a password, as the stack starts it."""

from pathlib import Path

import httpx
import yaml
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

from blocks.settings import ProcessSettings
from blocks.stored.api_password import api_password, keep_password, own_pair
from runtime.stack.deployments import DESCRIPTION, deploy
from runtime.stack.registration import make_work_pools
from runtime.stack.start import PASSWORDS
from runtime.supervision.environment import stack_environment
from tests.rigs.services.prefect_server import ROOT, PrefectServer


class GuardedServer(PrefectServer):
    """A server in the very environment of the stack's processes."""

    def __init__(self, home: Path):
        super().__init__(home)
        self.settings = ProcessSettings(data=home / "data", prefect_port=self.port, database="sqlite", _env_file=None)
        self.settings.data.mkdir()
        keep_password(self.settings)
        self.password = api_password(self.settings)
        of_processes = dict.fromkeys(PASSWORDS, own_pair()) | {"PYTHONPATH": str(ROOT)}
        self.env = stack_environment(self.settings, "unix:///no/engine.sock") | of_processes
        login = httpx.BasicAuth(*self.password.split(":"))
        self.rest = httpx.Client(base_url=self.url, auth=login, timeout=30, trust_env=False)
        self.stranger = httpx.Client(base_url=self.url.removesuffix("/api"), timeout=30, trust_env=False)

    @property
    def as_a_client(self) -> dict:
        """Settings of a client with the password on file."""
        return {PREFECT_API_URL: self.url, PREFECT_API_AUTH_STRING: api_password(self.settings)}

    def provision(self) -> None:
        """Make the work pools, as `make up` does."""
        with temporary_settings(self.as_a_client):
            make_work_pools()

    def deploy(self, entrypoint: str = "flows.images.add_image.add_image") -> None:
        """Make or update one deployment, as `make up` does."""
        entries = yaml.safe_load(DESCRIPTION.read_text())["deployments"]
        with temporary_settings(self.as_a_client):
            deploy(next(entry for entry in entries if entry["entrypoint"] == entrypoint))
