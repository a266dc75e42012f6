"""What every request runs is compiled by LuaJIT as a whole: a pattern or a loop in there would cost all of them."""

from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from blocks.stored.link_keys import LinkKeys
from tests.rigs.gateways.backend import http_backend
from tests.rigs.gateways.gateway import only_routes, route_to, running_gateway

pytestmark = pytest.mark.integration

#: How what LuaJIT compiled of a function ends: "return" where it is the whole of it; "" while nothing is compiled.
ENDING = """location = /ending { content_by_lua_block {
    local util, names = require("jit.util"), require("jit.vmdef").bcnames
    local found = { judge = gateway.session.judge, balance = gateway.session.balance,
                    filter_headers = gateway.answers.filter_headers, ended = gateway.session.ended }
    local first = util.funcbc(found[ngx.var.arg_of], 0)
    local operation = bit.band(first, 0xff) * 6
    if names:sub(operation + 1, operation + 6) == "JFUNCF" then
        ngx.print(util.traceinfo(bit.rshift(first, 16)).linktype)
    end
} }
location = / {"""
MODULES = next(Path("/usr/share").glob("luajit-2.1*"))  # of LuaJIT itself, which knows its instructions' names
MOST = 15  # times fifty requests: a session's limit lets a thousand pass at once


@pytest.fixture
def gateway():
    with running_gateway(workers=1) as gateway:
        gateway.change_configuration('lua_package_path "', f'lua_package_path "{MODULES}/?.lua;')
        gateway.change_configuration("location = / {", ENDING)
        yield gateway


@pytest.fixture
def browser(gateway):
    """Signed in, at a session that answers."""
    keys = LinkKeys.create()
    with http_backend() as session, httpx.Client(base_url=gateway.url, trust_env=False) as browser:
        route = route_to(session.port, sign_in="link")
        only_routes(gateway.client, [route])
        gateway.client.put_keys(keys.for_gateway())
        browser.post(keys.launch_link(gateway.url, route.id, keys.expiry(datetime.now(UTC))))
        browser.base_url = gateway.address(route.id)
        yield browser


@pytest.mark.parametrize("function", ["judge", "balance", "filter_headers", "ended"])
def test_what_every_request_runs_is_compiled(gateway, browser, function):
    statuses, ending = set(), ""
    for _ in range(MOST):
        statuses |= {browser.get("lab").status_code for _ in range(50)}
        ending = ending or browser.get(f"{gateway.url}/ending?of={function}").text
    assert (statuses, ending) == ({200}, "return")
