"""What Prefect's engine asks and says before a flow run begins: answered from what the worker knows, and said after.

Until a run is running the engine makes four requests, one after the other, and one more until its flow is called. Three
of the five can be spared or can wait: the run's version and policy, its name, and its record, which the worker read a
moment before. Each takes Prefect's server 10 to 20 ms. The run's tags are said with them. Where the server has all of
that already, which gives runs of which there are many their names when it records them, nothing is said.
"""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import ObjectNotFound

#: What is worth no request of its own.
OF_NO_USE = {"flow_version"}


class RunBeginning:
    """Stands before three methods of a client, which belongs to one run, until the flow of the run is called.

    Args:
        client: of this run alone.
        known: returns the run's record as the worker knows it when its flow is called.
        facts: that the worker says of the run beside what the engine says.
        recorded: of what can be said, what the server has.
    """

    STANDS_BEFORE = ("update_flow_run", "set_flow_run_name", "read_flow_run")

    def __init__(
        self,
        client: PrefectClient,
        known: Callable[[], FlowRun],
        facts: Mapping[str, Any],
        recorded: Mapping[str, Any],
    ) -> None:
        self.client = client
        self._update = client.update_flow_run
        self._known = known
        self._facts, self._recorded = dict(facts), dict(recorded)
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
        if not self._is_news():
            return
        try:
            await self._update(flow_run_id, **self._facts)
        except (httpx.HTTPError, ObjectNotFound):
            return

    def _is_news(self) -> bool:
        """Whether there is anything that the server does not know, and that anything comes of.

        A version is the digest of a file, beside which a run has that of its deployment; and not to be retried is what
        a run is when nothing is said of it.
        """
        facts = {name: value for name, value in self._facts.items() if name not in OF_NO_USE}
        policy = facts.pop("empirical_policy", None)
        return bool(policy and policy.retries) or any(self._recorded.get(name) != facts[name] for name in facts)
