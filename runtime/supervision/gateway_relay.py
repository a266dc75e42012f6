"""The relay beside a gateway: `python -m runtime.supervision.gateway_relay` does here what workers elsewhere tell it.

It speaks TLS alone, and to those alone who bring the secret. What it may do to the gateway is what the admin socket
lets it: it reads no database and knows no cloud.
"""

import hmac
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route as Endpoint

from blocks.gateway.client import Gateway, RouteRefused
from blocks.gateway.last_heard import LastHeard
from blocks.gateway.relayed import KEPT_SECONDS, written_activity
from blocks.gateway.settings import RelaySettings
from blocks.settings import process_settings
from pool.errors import GatewayTrouble, Refused
from pool.records import Notice, Route

Act = Callable[[Gateway, Any], Any]


def main() -> None:
    """Serve until it is ended; the exit status is 1 where it has no certificate or no secret, as a sentence says."""
    settings, relay = process_settings(), RelaySettings.given()
    try:
        relay.check_relay()
    except Refused as refusal:
        sys.exit(f"dockerdriver: {refusal}")
    heard = LastHeard(settings.relay_heard, lambda line: print(f"dockerdriver: {line}", file=sys.stderr, flush=True))
    app = relay_application(Gateway(settings.gateway_socket, settings.gateway_snapshot), *relay.secrets, heard=heard)
    tls: dict[str, Any] = {"ssl_certfile": str(relay.certificate), "ssl_keyfile": str(relay.certificate_key)}
    kept = {"timeout_keep_alive": KEPT_SECONDS, "access_log": False, "log_level": "warning"}
    uvicorn.run(app, host=relay.address, port=relay.port, **tls | kept)


def relay_application(gateway: Gateway, *secrets: str, heard: LastHeard | None = None) -> Starlette:
    """Return what answers to those who bring one of the secrets.

    Each action is done to the end in a thread, also where the asker hangs up.

    Args:
        gateway: beside it.
        secrets: that workers bring; the second one while a new one is brought to all machines.
        heard: is told of each that brings one.
    """

    def endpoint(path: str, method: str, act: Act) -> Endpoint:
        async def answer(request: Request) -> Response:
            if not _is_let_in(request, secrets):
                return JSONResponse({"error": "the secret is another one"}, 401)
            said = await request.json() if method == "PUT" else None
            if heard:
                await run_in_threadpool(heard.note, datetime.now(UTC))
            return await run_in_threadpool(_answer, gateway, act, said)

        return Endpoint(path, answer, methods=[method])

    return Starlette(routes=[endpoint(path, method, act) for (method, path), act in ACTIONS.items()])


def _is_let_in(request: Request, secrets: tuple[str, ...]) -> bool:
    """Compare in a time that tells nothing of where they differ."""
    brought = request.headers.get("authorization", "").encode()
    return any(hmac.compare_digest(brought, f"Bearer {secret}".encode()) for secret in secrets)


def _answer(gateway: Gateway, act: Act, said: Any) -> Response:
    try:
        return JSONResponse(act(gateway, said))
    except RouteRefused as refusal:
        return JSONResponse({"error": str(refusal)}, 422)
    except GatewayTrouble as trouble:
        return JSONResponse({"error": str(trouble)}, 503)


def _change(gateway: Gateway, said: Any) -> None:
    if not said["add"] and len(said["remove"]) == 1:  # the table need not be read for one
        gateway.remove_route(said["remove"][0])
    else:
        gateway.change_routes([Route(**record) for record in said["add"]], said["remove"])


def _health(gateway: Gateway, _: Any) -> bool:
    if not gateway.alive():
        raise GatewayTrouble("the gateway beside the relay does not answer")
    return True


ACTIONS: dict[tuple[str, str], Act] = {
    ("GET", "/health"): _health,
    ("PUT", "/route"): lambda gateway, said: gateway.add_route(Route(**said)),
    ("PUT", "/changes"): _change,
    ("GET", "/routes"): lambda gateway, _: [vars(route) for route in gateway.list_routes()],
    ("PUT", "/keys"): lambda gateway, said: gateway.put_keys(said),
    ("GET", "/keys"): lambda gateway, _: gateway.key_ids(),
    ("PUT", "/notices"): lambda gateway, said: gateway.put_notices([Notice(**record) for record in said]),
    ("GET", "/notices"): lambda gateway, _: gateway.count_notices(),
    ("GET", "/extensions"): lambda gateway, _: {
        route: moment.isoformat() for route, moment in gateway.requested_extensions().items()
    },
    ("PUT", "/pool-page"): lambda gateway, said: gateway.put_pool_page(said["html"]),
    ("GET", "/activity"): lambda gateway, _: written_activity(gateway.activity()),
}


if __name__ == "__main__":
    main()
