"""The way of a Hub's user into a session through the real gateway, with its sign-in by link."""

from datetime import UTC, datetime, timedelta

import pytest

from blocks.stored.link_keys import LinkKeys
from tests.rigs.gateways.backend import http_backend
from tests.rigs.gateways.browser import browser_page
from tests.rigs.gateways.gateway import only_routes, route_to, running_gateway
from tests.rigs.hub.paper_pool import PaperPool, served
from tests.rigs.hub.running_hub import needs_proxy, running_hub, sign_in
from tests.rigs.present import present

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240), needs_proxy]

KEYS = LinkKeys.create()


def test_a_user_of_a_hub_comes_through_the_gateway_to_the_place_that_was_asked_for(tmp_path):
    (tmp_path / "password").write_text("hub:made-up")
    with running_gateway() as gateway, http_backend() as backend, served(PaperPool()) as pool, browser_page() as page:
        route = route_to(backend.port, "ada", sign_in="link", token_header="token own")
        only_routes(gateway.client, [route])
        gateway.client.put_keys(KEYS.for_gateway())
        pool.link_to = lambda _: KEYS.launch_link(
            gateway.origin(route.id), route.id, datetime.now(UTC) + timedelta(seconds=60)
        )
        session = f"{gateway.origin(route.id)}/notebooks/{route.id}/"
        with running_hub(tmp_path, f"{pool.url}/api", tmp_path / "password") as hub:
            assert present(page.goto(f"{session}lab")).status == 401
            sign_in(page, hub, "ada")
            page.wait_for_url(session)
            page.goto(f"{hub.url}/user/ada/lab/tree/a%20b.ipynb?reset")
            page.wait_for_url(f"{session}lab/tree/a%20b.ipynb?reset")
            assert "token own" in page.content()
            assert "jupyterhub" not in page.content()  # no cookie of the Hub's comes along
