"""What Prefect's engine asks and says before a flow run begins: answered from what the worker knows, and said after.

Until a run is running the engine makes four requests, one after the other, and one more until its flow is called. Three
of the five can be spared or can wait: the run's version and policy, its name, and its record, which the worker read a
moment before. Each takes Prefect's server 10 to 20 ms. The run's tags are said with them.
"""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import ObjectNotFound


class RunBeginning:
    """Stands before three methods of a client, which belongs to one run, until the flow of the run is called.

    Args:
        client: of this run alone.
        known: returns the run's record as the worker knows it when its flow is called.
        facts: that the worker says of the run beside what the engine says.
    """

    STANDS_BEFORE = ("update_flow_run", "set_flow_run_name", "read_flow_run")

    def __init__(self, client: PrefectClient, known: Callable[[], FlowRun], facts: Mapping[str, Any]) -> None:
        self.client = client
        self._update = client.update_flow_run
        self._known = known
        self._facts = dict(facts)
        for name in self.STANDS_BEFORE:
            setattr(client, name, getattr(self, name))

    async def update_flow_run(self, flow_run_id: UUID, **facts: Any) -> None:  # noqa: ARG002 - Prefect's signature
        """Keep what is to be said of the run."""
        self._facts |= facts

    async def set_flow_run_name(self, flow_run_id: UUID, name: str) -> None:  # noqa: ARG002 - as above
        """Keep the run's name."""
        self._facts["name"] = name

    async def read_flow_run(self, flow_run_id: UUID) -> FlowRun:  # noqa: ARG002 - as above
        """Return the run's record, and leave all that follows to the client: the flow is called next."""
        for name in self.STANDS_BEFORE:
            vars(self.client).pop(name, None)
        return self._known()

    async def say(self, flow_run_id: UUID) -> None:
        """Say what was kept, by one request. That the run has no name yet, say, is no reason to fail it."""
        try:
            await self._update(flow_run_id, **self._facts)
        except (httpx.HTTPError, ObjectNotFound):
            return
