"""A peer that cannot be had is a sentence of the report, and no figure."""

from pathlib import Path

import pytest

from tests.rigs.launches.peer import PeerMissingError, install_peer

pytestmark = pytest.mark.unit


def an_environment(folder: Path, pip_ends_with: int) -> Path:
    """One whose pip ends so."""
    python = folder / "python" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f"#!/bin/sh\nexit {pip_ends_with}\n")
    python.chmod(0o755)
    return folder


def test_packages_that_no_registry_gives_are_said_in_one_sentence(tmp_path):
    with pytest.raises(PeerMissingError, match=r"^JupyterHub and DockerSpawner could not be installed by pip: [^.]*$"):
        install_peer(an_environment(tmp_path, pip_ends_with=1))


def test_a_proxy_that_cannot_be_installed_for_want_of_npm_is_said_in_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(PeerMissingError, match=r"^configurable-http-proxy@5.3.0 could not be installed by npm: [^.]*$"):
        install_peer(an_environment(tmp_path, pip_ends_with=0))


def test_what_is_there_already_is_taken(tmp_path):
    program = tmp_path / "node_modules" / ".bin" / "configurable-http-proxy"
    program.parent.mkdir(parents=True)
    program.touch()
    assert install_peer(an_environment(tmp_path, pip_ends_with=0)) == (tmp_path / "python" / "bin" / "python", program)
