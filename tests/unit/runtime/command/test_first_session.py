"""What `make up` says beside the link to the first session."""

from typing import Any

import pytest

from blocks.settings import ProcessSettings
from runtime.command.first_session import of_origins

pytestmark = pytest.mark.unit


def said(**settings: Any) -> str:
    return of_origins(ProcessSettings(_env_file=None, **settings))


def test_sessions_that_share_an_address_are_said_to_and_the_way_out_is_named():
    assert "DD_SESSION_DOMAIN (localhost)" in said()
    assert "DD_SESSION_DOMAIN (a domain of its own" in said(public_url="https://nb.example")
    assert "DD_SESSION_DOMAIN (a domain of its own" in said(gateway_address="0.0.0.0")  # noqa: S104 - as it would be set


def test_where_each_has_a_host_name_there_is_nothing_to_say():
    assert said(session_domain="localhost") == ""
