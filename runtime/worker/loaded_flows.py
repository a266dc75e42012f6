"""The flows of a warm worker: each imported once, and for a while known by the deployment that names it."""

import inspect
import logging
import threading
import time
from collections.abc import Iterable
from importlib import import_module
from uuid import UUID

import anyio
from prefect import Flow
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId, WorkPoolFilter, WorkPoolFilterName
from prefect.client.schemas.responses import DeploymentResponse
from prefect.flows import load_flow_from_entrypoint

from runtime.supervision.garbage import pass_over_imported

#: For which a deployment counts as it was read: an operator's `prefect deploy` counts after it, `make up` at once.
#: Those that had a run are read anew with each heartbeat, every 30 s, so that no run waits for it.
KNOWN_SECONDS = 45.0


def load_flow(entrypoint: str) -> Flow:
    """Import the flow that a deployment names.

    Its module is imported first: Prefect looks for it in the working directory before all, where a folder may be called
    `flows` or `tasks`, too.
    """
    if ":" not in entrypoint:  # a module's, not a file's
        import_module(entrypoint.rpartition(".")[0])
    return load_flow_from_entrypoint(entrypoint, use_placeholder_flow=False)


def unknown_parameters(flow: Flow, given: Iterable[str]) -> str:
    """Say which parameters of a request the flow does not have, and which it has; empty: it has all.

    Prefect's server takes them, and its engine would crash on them: a caller repeats what crashed.
    """
    known = inspect.signature(flow.fn).parameters
    if any(one.kind is one.VAR_KEYWORD for one in known.values()):
        return ""
    unknown = sorted(set(given) - set(known))
    has = f"it has {', '.join(known)}" if known else "it has none"
    return f"{flow.name} has no parameter {', '.join(map(repr, unknown))}; {has}" if unknown else ""


class LoadedFlows:
    """Flows by entrypoint; safe to ask from several threads."""

    def __init__(self) -> None:
        self._flows: dict[str, Flow] = {}
        self._entrypoints: dict[UUID, tuple[float, str | None]] = {}
        self._loading = threading.Lock()

    def keep(self, deployment: DeploymentResponse) -> str | None:
        """Remember which flow a deployment names, and return its entrypoint."""
        self._entrypoints[deployment.id] = time.monotonic(), deployment.entrypoint
        return deployment.entrypoint

    def entrypoint_of(self, deployment_id: UUID | None) -> str | None:
        """Return the entrypoint that a deployment names; None where it was not read lately."""
        read, entrypoint = self._entrypoints.get(deployment_id, (0.0, None)) if deployment_id else (0.0, None)
        return entrypoint if time.monotonic() - read < KNOWN_SECONDS else None

    async def read_again(self, client: PrefectClient) -> None:
        """Read the deployments that had a run here, by one request; what is gone counts no longer after a while."""
        if known := [*self._entrypoints]:
            wanted = DeploymentFilter(id=DeploymentFilterId(any_=known))
            for deployment in await client.read_deployments(deployment_filter=wanted):
                self.keep(deployment)

    async def get(self, entrypoint: str | None) -> Flow:
        """The flow; what importing it raises is raised here.

        Raises:
            ValueError: the deployment names no entrypoint.
        """
        if entrypoint is None:
            raise ValueError("its deployment names no entrypoint")
        return await anyio.to_thread.run_sync(self._load, entrypoint)

    async def load_ahead(
        self, client: PrefectClient, work_pool: str, log: logging.Logger | logging.LoggerAdapter
    ) -> None:
        """Import every flow of the pool before its first run needs it. A failure here is reported by that run."""
        pool = WorkPoolFilter(name=WorkPoolFilterName(any_=[work_pool]))
        try:
            for deployment in await client.read_deployments(
                deployment_filter=DeploymentFilter(), work_pool_filter=pool
            ):
                await self.get(deployment.entrypoint)
        except Exception as error:  # noqa: BLE001 - importing runs arbitrary code
            log.warning("A flow could not be loaded ahead: %r", error)
        pass_over_imported()

    def _load(self, entrypoint: str) -> Flow:
        with self._loading:
            if entrypoint not in self._flows:
                self._flows[entrypoint] = load_flow(entrypoint)
            return self._flows[entrypoint]
