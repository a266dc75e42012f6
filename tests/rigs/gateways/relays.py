"""Relays beside gateways of the test's own, over TLS, in threads of its process."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Lock, Thread

import uvicorn

from blocks.gateway.all_gateways import AllGateways
from blocks.gateway.certificate import self_signed
from blocks.gateway.relayed import Relay
from runtime.supervision.gateway_relay import relay_application
from tests.rigs.gateways.gateway import RunningGateway
from tests.rigs.ports import free_port
from tests.rigs.waiting import until

SECRET = "relays-of-a-test-" + 32 * "s"


@contextmanager
def relays(folder: Path, *gateways: RunningGateway, secrets: tuple[str, ...] = (SECRET,)) -> Iterator[list[Relay]]:
    """A client of a relay for each of these gateways."""
    certificate, key = self_signed(folder, ["127.0.0.1"])
    with ExitStack() as stack:
        urls = [stack.enter_context(_serving(gateway, certificate, key, secrets)) for gateway in gateways]
        yield [Relay(url, SECRET, str(certificate)) for url in urls]


def as_one(found: Sequence[Relay]) -> AllGateways:
    """All of them as one, for the threads of this process."""
    exclusive = Lock()

    @contextmanager
    def lock(_name: str) -> Iterator[None]:
        with exclusive:
            yield

    return AllGateways(found, lock)


@contextmanager
def _serving(gateway: RunningGateway, certificate: Path, key: Path, secrets: tuple[str, ...]) -> Iterator[str]:
    app, port = relay_application(gateway.client, *secrets), free_port()
    config = uvicorn.Config(
        app, port=port, log_level="error", lifespan="off", ssl_certfile=str(certificate), ssl_keyfile=str(key)
    )
    server = uvicorn.Server(config)
    thread = Thread(target=server.run)
    thread.start()
    try:
        until(lambda: server.started, "the relay listens")
        yield f"https://127.0.0.1:{port}"
    finally:
        server.should_exit = server.force_exit = True  # connections that clients keep are not waited for
        thread.join(10)
