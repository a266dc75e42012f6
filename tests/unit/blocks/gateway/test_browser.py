"""How `make up` looks whether a session answers."""

import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from blocks.gateway.browser import answers, browser, unreached
from blocks.gateway.settings import GatewayConfig, GatewaySettings

pytestmark = pytest.mark.unit


class Session(BaseHTTPRequestHandler):
    """Answers under one name alone."""

    def do_GET(self):
        self.send_response(200 if self.headers["Host"].startswith("abc.localhost:") else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def port():
    with HTTPServer(("127.0.0.1", 0), Session) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def test_a_session_with_a_name_of_its_own_below_localhost_is_found_on_this_machine(port):
    assert answers(f"http://abc.localhost:{port}/", browser())
    assert not answers(f"http://127.0.0.1:{port}/", browser())


def test_a_session_is_found_under_a_name_that_only_users_name_servers_know(port, tmp_path):
    """Below a session domain, and behind a proxy that ends TLS."""
    here, settings = tmp_path, GatewaySettings()
    gateway = GatewayConfig(here, here, here, here, here, settings, port=port, session_domain="users.invalid")
    assert not answers("https://abc.localhost.users.invalid/", browser(gateway))  # reached; it answers to another name
    named = replace(gateway, public_url=f"https://abc.localhost:{port}", session_domain="")
    assert answers(f"https://abc.localhost:{port}/", browser(named))


def test_why_this_machine_does_not_reach_an_address_is_said(port):
    assert "refused" in unreached("http://127.0.0.1:1/")
    assert unreached(f"http://127.0.0.1:{port}/") == ""  # 404 is an answer


def test_a_session_that_no_host_serves_does_not_answer(port):
    assert not answers("http://127.0.0.1:1/", browser())
