"""A session of RStudio on a light host, by the blueprint of docs/applications, and a browser's requests to it."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

import httpx

from blocks.gateway.session_probe import answers
from pool.records import ContainerSpec, Placement, Route
from pool.sessions.containers import container_spec
from tasks.gateway.routes import route_of
from tests.rigs.applications.running import ROUTE, blueprint_of
from tests.rigs.engines.light_host import LightHost
from tests.rigs.gateways.gateway import RunningGateway, only_routes
from tests.rigs.pool_data import a_host, an_instance
from tests.rigs.waiting import until

CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"
TOKEN = "rs-csrf-token"


@dataclass
class RStudio:
    """A session that runs."""

    host: LightHost
    spec: ContainerSpec
    route: Route
    ready_path: str
    start_timeout: int

    def wait(self) -> None:
        """Until it answers where the flow asks it."""
        ready = lambda: answers(self.host.address, self.spec.host_port, f"/{self.ready_path}")  # noqa: E731
        until(ready, "RStudio answers", self.start_timeout)

    def log(self) -> str:
        return self.host.engine.logs(self.spec.name)


@contextlib.contextmanager
def rstudio(host: LightHost, image: str, port: int = 20000, **environment: str) -> Iterator[RStudio]:
    """Run it, with more of an environment than its blueprint has; the gateway asks for no link."""
    blueprint = blueprint_of("rstudio")
    proxy = replace(blueprint.proxy, sign_in="open")
    instance = an_instance(f"alice-{port}", route=ROUTE, placement=Placement("main-01", port), proxy=proxy)
    blueprint = replace(blueprint, environment=blueprint.environment | environment)
    spec = container_spec(instance, blueprint, image, "tests")
    route = route_of(instance, a_host(address=host.address))
    session = RStudio(host, spec, route, blueprint.ready_path, blueprint.start_timeout)
    host.engine.run(spec)
    try:
        session.wait()
        yield session
    except AssertionError as error:
        error.add_note(session.log())
        raise
    finally:
        host.engine.remove(spec.name)


class Browser(httpx.Client):
    """What a browser asks of RStudio through the gateway; it keeps cookies and follows redirects."""

    def __init__(self, gateway: RunningGateway, session: RStudio, agent: str = CHROME) -> None:
        only_routes(gateway.client, [session.route])
        self.address = gateway.address(session.route.id)
        headers = {"User-Agent": agent}
        super().__init__(base_url=self.address, headers=headers, follow_redirects=True, trust_env=False, timeout=60)

    def call(self, path: str, method: str, *parameters: object) -> dict:
        """Ask for a method; what is answered, with a "result" or an "error" in it."""
        token = self.cookies[TOKEN]
        body = {"method": method, "params": parameters, "clientId": "", "clientVersion": ""}
        return self.post(path, json=body, headers={"X-RS-CSRF-Token": token, "X-CSRF-Token": token}).json()

    def strays(self, answer: httpx.Response) -> list[str]:
        """Addresses that it was led to, last of all the one that answered, outside of its session."""
        led = [str(one.url.join(one.headers["Location"])) for one in answer.history]
        return [one for one in (*led, str(answer.url)) if not one.startswith(self.address)]
