"""The engine of a running stack's only host, for others than its manager: by the same address, over the same TLS."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from blocks.engine.client import ENGINE_PORT
from blocks.stored.authority import CertificateAuthority
from pool.states import HostState
from tests.rigs.stacks.stack import Stack

#: What the shell may have set for its own engine, or for all TLS of Python.
_OWN = ("DOCKER_", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_")


@dataclass(frozen=True)
class EngineAccess:
    """Where the engine is, what it is asked with, and the image of all notebooks."""

    address: str
    certificates: Path
    image: str  # "sha256:…"

    @classmethod
    def to(cls, stack: Stack, image: str, folder: Path) -> "EngineAccess":
        """Issue a certificate of one day, by the stack's own authority.

        Args:
            stack: it runs, with one active host.
            image: name of an image that the host has.
            folder: made for the certificate and its key.
        """
        (host,) = stack.records.hosts.all("main", [HostState.ACTIVE])
        path = "/block_types/slug/certificate-authority/block_documents/name/main"
        stored = stack.api("GET", path, params={"include_secrets": True}).json()["data"]
        authority = CertificateAuthority(**stored)
        issued = authority.issue_client("benchmark", days=1)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / "ca.pem").write_text(authority.trusted)
        (folder / "cert.pem").write_text(issued.certificate)
        (folder / "key.pem").write_text(issued.private_key)
        return cls(host.get_address(), folder, stack.records.images.get("main", image).id)

    @property
    def environment(self) -> Mapping[str, str]:
        """What Docker's clients are told by."""
        told = {"DOCKER_HOST": f"tcp://{self.address}:{ENGINE_PORT}", "DOCKER_TLS_VERIFY": "1"}
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(_OWN)}
        return inherited | told | {"DOCKER_CERT_PATH": str(self.certificates)}

    def docker(self, *words: str) -> str:
        """Run Docker's command; what it printed.

        Raises:
            OSError: it failed; with what it said.
        """
        ran = subprocess.run(
            ["docker", *words], env=self.environment, capture_output=True, text=True, check=False, timeout=120
        )
        if ran.returncode:
            raise OSError(ran.stderr.strip() or f"docker {words[0]} ended with {ran.returncode}")
        return ran.stdout
