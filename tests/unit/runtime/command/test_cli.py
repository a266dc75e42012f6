"""What the `dockerdriver` command says when it cannot do what it is asked."""

import os
from functools import partial

import pytest

from blocks.settings import ProcessSettings
from flows.hosts.drain_host import drain_host
from flows.hosts.return_host import return_host
from pool.errors import BadRequest, DockerDriverError, Refused
from runtime.command import cli

pytestmark = pytest.mark.unit


@pytest.fixture
def settings(tmp_path):
    """Of an installation that does not run: no process listens on port 1."""
    return ProcessSettings(data=tmp_path, prefect_port=1, _env_file=None)


def test_a_registry_wants_the_stack_that_signs_its_certificate(settings, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(Refused, match="the stack does not run; its authority signs"):
        cli.registry(settings, "manager.example:5000")


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (cli.up, "hosts are containers with networks"),
        (cli.down, "hosts are containers with networks"),
        (partial(cli.registry, address="manager.example:5000"), "a package and a service are installed"),
    ],
)
def test_who_is_not_root_is_told_why_that_is_needed(settings, monkeypatch, command, why):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(Refused, match=rf"^root is needed \({why}"):
        command(settings)


def test_what_cannot_be_rotated_is_named_and_nothing_is_while_the_stack_is_down(settings):
    with pytest.raises(BadRequest, match="passwort cannot be rotated: what can is authority, certificates, login-key"):
        cli.rotate_secrets(settings, ["passwort"], retire=False)
    with pytest.raises(DockerDriverError, match="does not answer"):
        cli.rotate_secrets(settings, [], retire=False)


@pytest.mark.parametrize(("words", "flow"), [("host drain main-01", drain_host), ("host return main-01", return_host)])
def test_where_no_reason_is_said_a_command_gives_the_one_that_the_form_of_its_flow_gives(words, flow):
    said = cli._parser().parse_args(words.split()).reason
    assert said == flow.parameters.properties["reason"]["default"]
