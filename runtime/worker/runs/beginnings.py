"""How runs begin: of one that was found alone, what can be done ahead is done beside its taking; of several, before it.

Prefect's server answers one request after the other. Where twenty runs begin together, each is under way when all are;
and what one of them tells meanwhile waits behind the requests of the others. So a few begin at a time.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import UUID

import anyio
from prefect import Flow
from prefect.client.schemas.objects import FlowRun
from prefect.utilities.callables import get_call_parameters, parameters_to_args_kwargs

from blocks.outside import outside
from blocks.turns import Turns
from flows.steps.ahead import AHEAD, FoundRun, Undoing, Wait
from runtime.worker.loaded_flows import LoadedFlows
from runtime.worker.places import Kind, kind_of
from runtime.worker.prefect_internals import OpenWorker
from tasks.sessions.coming_runs import beginning_of

MOST_AT_ONCE = 4
#: Seconds after which what is done for all is waited for no more.
AHEAD_SECONDS = 5.0


class Beginnings:
    """Of the runs of one worker. All calls are made on its event loop."""

    def __init__(
        self, worker: OpenWorker, flows: LoadedFlows, works: Callable[[], Turns] = lambda: outside().turns
    ) -> None:
        self._worker, self._flows, self._works = worker, flows, works
        self._alone: set[UUID] = set()  # found alone a moment ago, and not begun yet
        self._turns = anyio.CapacityLimiter(MOST_AT_ONCE)
        self._turns_ahead = anyio.CapacityLimiter(1)
        self._undoing: Undoing = {}
        self._holds: set[anyio.Event] = set()

    async def prepare(self, runs: Sequence[FlowRun]) -> None:
        """Do what their flows do together for several of these, which begin next. What fails here, each run does."""
        if len(runs) < 2 and not self._turns.borrowed_tokens:
            self._alone = {run.id for run in runs}
            return
        by_deployment = defaultdict[UUID | None, list[FlowRun]](list)
        for run in runs:
            by_deployment[run.deployment_id].append(run)
        for deployment, several in by_deployment.items():
            try:
                with anyio.move_on_after(AHEAD_SECONDS):
                    await self._prepare(deployment, several)
            except Exception as error:  # noqa: BLE001 - see above
                self._worker.log.debug("Runs of deployment %s begin one by one: %r", deployment, error)

    async def _prepare(self, deployment: UUID | None, runs: Sequence[FlowRun]) -> None:
        entrypoint = self._flows.entrypoint_of(deployment)
        if entrypoint is None:
            entrypoint = self._flows.keep(await self._worker.client.read_deployment(str(deployment)))
        flow = await self._flows.get(entrypoint)
        if (ahead := AHEAD.get(flow.name)) is None:
            return
        several = [found for run in runs if (found := _found(flow, run))]
        if self._worker.isolates_runs:
            await ahead.share(several)
        self._undoing |= await ahead.record(several)
        if wait := await ahead.place(several):
            self._holds.add(hold := anyio.Event())
            self._worker.in_background(self._release, hold, wait)

    def begin_beside(self, run: FlowRun) -> None:
        """Do what is done ahead for a run that was found alone, while the server is asked for it; its flow waits.

        The run is noted as this process's by then: should the process die, its successor finds what was done. A run
        that gets a process of its own is under way there for seconds before it could wait for anything.
        """
        entrypoint = self._flows.entrypoint_of(run.deployment_id)
        if run.id not in self._alone or entrypoint is None or self._worker.isolates_runs:
            return
        self._alone.discard(run.id)
        done = self._works().begin_work(beginning_of(str(run.id)))
        self._worker.in_background(self._begin_alone, entrypoint, run, done)

    async def _begin_alone(self, entrypoint: str, run: FlowRun, done: Callable[[], None]) -> None:
        try:
            flow = await self._flows.get(entrypoint)
            if (ahead := AHEAD.get(flow.name)) and (found := _found(flow, run)):
                with anyio.move_on_after(AHEAD_SECONDS):
                    self._undoing |= await ahead.alone(found)
        except Exception as error:  # noqa: BLE001 - what fails here, the run does
            self._worker.log.debug("Run %s begins without what is done beside: %r", run.id, error)
        finally:
            done()

    async def _begun_beside(self, run: FlowRun) -> None:
        """Wait until nothing is done beside the run's taking any more."""
        await self._works().end_of_work(beginning_of(str(run.id)), AHEAD_SECONDS)

    async def _release(self, hold: anyio.Event, wait: Wait) -> None:
        """Let runs begin again once this was waited for."""
        try:
            await wait()
        except Exception as error:  # noqa: BLE001 - what cannot be waited for holds nothing up, and no worker ends by it
            self._worker.log.debug("Runs begin before all were told: %r", error)
        finally:
            self._holds.discard(hold)
            hold.set()

    async def settle(self, run: FlowRun, cancelled: bool) -> None:
        """Undo what was done ahead for a run that was cancelled, and did not come to undo it itself."""
        await self._begun_beside(run)
        undo = self._undoing.pop(str(run.id), None)
        if undo and cancelled:
            await undo()

    async def leave(self, run: FlowRun, is_over: bool) -> None:
        """Rely no more on a run that another process took. Where that fails, a tick finds what is left."""
        entrypoint = self._flows.entrypoint_of(run.deployment_id)
        try:
            await self._begun_beside(run)
            flow = await self._flows.get(entrypoint) if entrypoint else None
            if flow and (ahead := AHEAD.get(flow.name)):
                await ahead.leave(self._as_found(run), is_over)
        except Exception as error:  # noqa: BLE001 - the run is the other process's: nothing here may settle it
            self._worker.log.debug("Run %s is left to another process: %r", run.id, error)

    def _as_found(self, run: FlowRun) -> FoundRun:
        accepted = run.expected_start_time or datetime.now(UTC)
        return FoundRun(str(run.id), run.parameters, accepted, self._worker.isolates_runs)

    @asynccontextmanager
    async def turn(self, run: FlowRun) -> AsyncIterator[None]:
        """Wait until it is the run's turn to begin, and have it for the block. Runs of schedules wait for none.

        What is started ahead of any request begins one by one, and no request waits for it.
        """
        kind = kind_of(run)
        if kind is Kind.SCHEDULE:
            yield
            return
        async with self._turns_ahead if kind is Kind.BACKGROUND else self._turns:
            for hold in [*self._holds]:  # of those found later only as many as came before its turn
                await hold.wait()
            yield


def _found(flow: Flow, run: FlowRun) -> FoundRun | None:
    """The run as its flow knows it; None where its parameters are not the flow's, which it says itself."""
    try:
        args, kwargs = parameters_to_args_kwargs(flow.fn, run.parameters)
        parameters = get_call_parameters(flow.fn, args, kwargs)
    except Exception:  # noqa: BLE001 - whatever is wrong with them
        return None
    return FoundRun(str(run.id), parameters, run.expected_start_time or datetime.now(UTC))
