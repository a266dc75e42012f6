"""By what Prefect's server answers requests, as `blocks/prefect/serving` changes it: a failing test names what went."""

import asyncio
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from fastapi.dependencies import utils as dependencies
from prefect.server.api import server
from prefect.server.database import configurations
from prefect.settings import PREFECT_SERVER_API_AUTH_STRING, temporary_settings
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from starlette.middleware.base import BaseHTTPMiddleware

from blocks.prefect.serving import AT_ONCE, Looking, pass_requests_on

pytestmark = pytest.mark.contract

#: What gives requests what they need, and none of which waits for anything.
GIVEN_AT_ONCE = {
    "LimitBody.<locals>.get_limit",
    "WorkerLookups",
    "docket",
    "get_created_by",
    "get_prefect_client_version",
    "get_updated_by",
    "is_ephemeral_request",
    "provide_database_interface",
    "provide_request_api_version",
    "verified_page_token",
}
PAIR = "ours:secret"


def asked_for(dependant: Any) -> Iterator[Callable[..., Any]]:
    """All that a route's requests are given, and what that is given."""
    for below in dependant.dependencies:
        yield below.call
        yield from asked_for(below)


def waits(call: Callable[..., Any]) -> bool:
    called = call if inspect.isfunction(call) or inspect.isclass(call) else type(call).__call__
    return inspect.iscoroutinefunction(called)


@pytest.fixture
def application() -> Iterator[Any]:
    """Prefect's API, as our server serves it."""
    with temporary_settings({PREFECT_SERVER_API_AUTH_STRING: PAIR}):
        api = server.create_api_app(ignore_cache=True)
        pass_requests_on(api)
        yield api


def asked(application: Any, pair: tuple[str, str] | None, **more: Any) -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(application)
        async with httpx.AsyncClient(transport=transport, base_url="http://x", auth=pair) as client:
            return await client.request(**{"method": "GET", "url": "/admin/version"} | more)

    return asyncio.run(ask())


def test_all_that_requests_are_given_in_no_thread_is_known():
    routes = [route for router in server.API_ROUTERS for route in router.routes if hasattr(route, "dependant")]
    given = {call for route in routes for call in asked_for(route.dependant) if not waits(call)}
    assert {call.__qualname__ for call in given} == GIVEN_AT_ONCE
    assert all(call.__module__.startswith(AT_ONCE) and not inspect.isgeneratorfunction(call) for call in given)


def test_what_is_given_in_a_thread_is_called_by_the_name_that_is_replaced():
    assert "await run_in_threadpool(call, **" in inspect.getsource(dependencies.solve_dependencies)


def test_prefects_layers_look_at_a_request_and_pass_it_on_or_refuse_it():
    for line in inspect.getsource(server.create_api_app).splitlines():
        assert "call_next(" not in line or line.strip() == "return await call_next(request)"


def test_no_layer_is_left_that_has_a_task_for_each_request(application):
    kinds = [layer.cls for layer in application.user_middleware]
    assert (kinds.count(Looking), BaseHTTPMiddleware in kinds) == (2, False)


@pytest.mark.parametrize(("pair", "status"), [(None, 401), (("ours", "wrong"), 401), (("ours", "secret"), 200)])
def test_the_password_is_asked_for_as_before(application, pair, status):
    assert asked(application, pair).status_code == status


def test_a_body_of_an_old_client_that_does_not_name_its_kind_is_read_as_before(application):
    answer = asked(application, ("ours", "secret"), method="POST", url="/artifacts/", content=b'{"type": 5}')
    assert answer.status_code == 422
    assert [one["loc"] for one in answer.json()["detail"]] == [["body", "type"]]


def test_a_connection_is_asked_whether_it_is_there_by_the_method_that_is_replaced():
    assert [*inspect.signature(PGDialect_asyncpg.do_ping).parameters] == ["self", "dbapi_connection"]
    assert "pool_pre_ping=True" in inspect.getsource(configurations.AsyncPostgresConfiguration.engine)
