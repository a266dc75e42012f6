"""Both clients, on an API that answers what a test says, in a time that passes only by pauses."""

import asyncio
import json
from collections import defaultdict
from typing import Any

import httpx
import pytest

from dockerdriver_client import AsyncClient, Client
from dockerdriver_client.settings import Settings

ADDRESS = "http://prefect.test/api"
PASSWORD = "platform:made-up"
FLOWS = (
    "provision-instance", "provision-instances", "deprovision-instance",
    "issue-link", "extend-instance", "instance-logs",
)  # fmt: skip
COMPLETED = {"type": "COMPLETED", "name": "Completed", "message": None}


def answer(state: str, **more) -> dict:
    """The artifact of a session in this state."""
    opens = {"launch_url": "http://s.test/dd-launch?ticket=1"} if state in {"queued", "starting", "running"} else {}
    said = {"instance_id": "ada-1", "user": "ada", "state": state, "url": "http://s.test/", "phases": {}} | opens | more
    return {"key": f"instance-{said['instance_id']}", "data": json.dumps([said])}


class Api:
    """Answers each call with the next that the test has for it, and with the last of them from then on."""

    def __init__(self) -> None:
        self.asked: list[httpx.Request] = []
        self.now, self.pauses = 0.0, list[float]()
        self._answers: dict[str, list] = defaultdict(list)
        for flow in FLOWS:
            self.says(f"GET /deployments/name/{flow}/on-demand", {"id": flow})
            self.says(f"POST /deployments/{flow}/create_flow_run", {"id": f"run-of-{flow}"})
            self.says(f"GET /flow_runs/run-of-{flow}", {"state": COMPLETED})
        self.says("POST /flow_runs/filter", [])

    def says(self, call: str, *answers) -> None:
        """Answers of this call, in their order: JSON, a status, a response or an error."""
        self._answers[call] = list(answers)

    def ends(self, flow: str, *states) -> None:
        """States in which the run of a flow is found, in their order."""
        self.says(f"GET /flow_runs/run-of-{flow}", *({"state": state} for state in states))

    def session(self, *artifacts) -> None:
        """What is told of ada-1, in its order."""
        self.says("GET /artifacts/instance-ada-1/latest", *artifacts)

    def calls(self) -> list[str]:
        return [f"{each.method} {each.url.path.removeprefix('/api')}" for each in self.asked]

    def bodies(self, call: str) -> list[dict]:
        """What was sent with each of these calls."""
        return [json.loads(each.content) for each, name in zip(self.asked, self.calls(), strict=True) if name == call]

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answers = self._answers[self.calls()[-1]]
        said = (answers.pop(0) if len(answers) > 1 else answers[0]) if answers else 404
        if isinstance(said, Exception):
            raise said
        if isinstance(said, int):
            return httpx.Response(said, json={"detail": "as the test says"})
        return said if isinstance(said, httpx.Response) else httpx.Response(200, json=said)

    def passes(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


def settings_of(api: Api) -> Settings:
    """The time of the test, and no chance."""
    return Settings(timeout=60, events=False, clock=lambda: api.now, chance=lambda: 1.0)


def behind(api: Api) -> dict[str, Any]:
    """What a client of these tests is made with."""
    return {"password": PASSWORD, "settings": settings_of(api), "transport": httpx.MockTransport(api)}


class QuickClient(Client):
    """The one for threads. Its pauses take no time."""

    def __init__(self, api: Api, **more) -> None:
        self.api = api
        super().__init__(ADDRESS, **behind(api) | more)

    def _pause(self, seconds: float) -> None:
        self.api.passes(seconds)

    def __call__(self, method: str, *words, **said):
        return getattr(self, method)(*words, **said)


class QuickAsyncClient(AsyncClient):
    """The one for asyncio. Its pauses take no time."""

    def __init__(self, api: Api, **more) -> None:
        self.api = api
        super().__init__(ADDRESS, **behind(api) | more)

    async def _pause(self, seconds: float) -> None:
        self.api.passes(seconds)

    def __call__(self, method: str, *words, **said):
        return asyncio.run(getattr(self, method)(*words, **said))


KINDS: dict[str, type[QuickClient | QuickAsyncClient]] = {"sync": QuickClient, "async": QuickAsyncClient}


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture(params=KINDS)
def kind(request) -> type[QuickClient | QuickAsyncClient]:
    return KINDS[request.param]


@pytest.fixture
def call(kind, api) -> QuickClient | QuickAsyncClient:
    """Call a method of a client by its name: each of both kinds in turn."""
    return kind(api)
