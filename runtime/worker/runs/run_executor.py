"""How a warm worker runs what it found, each run in a thread of its own, and how it cancels and stops runs."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from uuid import UUID

import anyio
import httpx
from prefect import Flow
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.exceptions import Abort
from prefect.states import Crashed, Failed, Pending
from prefect.utilities.engine import propose_state

from runtime.worker.loaded_flows import LoadedFlows, unknown_parameters
from runtime.worker.places import Places
from runtime.worker.prefect_internals import OpenWorker
from runtime.worker.runs.beginnings import Beginnings
from runtime.worker.runs.isolated_run import IsolatedRun, ProcessKilledError
from runtime.worker.runs.lost_runs import LostRuns, taken_by
from runtime.worker.runs.run_notes import RunNotes
from runtime.worker.runs.run_states import RECONNECT_SECONDS, RunStates
from runtime.worker.runs.warm_run import WarmRun

#: Seconds for which a run that begins keeps others from it: it may wait for what they do not.
BEGIN_SECONDS = 1.0
UNDER_WAY = (StateType.PENDING, StateType.RUNNING)
#: How a run that was cancelled lost what worked on it, where its own process does not say that it was cancelled.
TOLD_TO_END = "it was told to end"
CANCELLED = (StateType.CANCELLED, StateType.CANCELLING)


class RunExecutor:
    """The runs that this worker has under way."""

    def __init__(
        self,
        worker: OpenWorker,
        states: RunStates,
        flows: LoadedFlows,
        notes: RunNotes,
        lost: LostRuns,
        places: Places,
        beginnings: Beginnings,
    ) -> None:
        self._worker, self._places, self._beginnings = worker, places, beginnings
        self._states = states
        self._flows = flows
        self._notes = notes
        self._lost = lost
        self._runs: dict[UUID, WarmRun | IsolatedRun] = {}
        self.has_given_up = False  # whether runs were left to another worker, while their threads go on here

    # -- running -----------------------------------------------------------------------------------------------------

    async def carry_out(self, flow_run: FlowRun) -> None:
        """Run one flow run, from Scheduled to its end.

        It stays noted where this is cancelled: `stop` or the next worker process settles it.
        """
        self._notes.begin(flow_run.id)
        try:
            await self._claim_and_run(flow_run)
            self._notes.end(flow_run.id)
        finally:
            self._worker.release(flow_run.id)
            if self._places.may_have_been_full():
                self._worker.in_background(self._worker.get_and_submit_flow_runs)

    async def _claim_and_run(self, flow_run: FlowRun) -> None:
        try:
            async with AsyncExitStack() as turn:
                await turn.enter_async_context(self._beginnings.turn(flow_run))
                self._beginnings.begin_beside(flow_run)
                if not await self._claim(flow_run):
                    cancelled = await self._leave(flow_run)
                elif flow := await self._flow_of(flow_run):
                    cancelled = await self._run(flow, flow_run, has_begun=turn.aclose)
                else:
                    cancelled = False
                await self._beginnings.settle(flow_run, cancelled)
        except Exception as error:  # one run's trouble must not end the worker and with it all other runs
            self._worker.log.exception("Lost track of run %s", flow_run.id)
            await self._lost.settle(self._worker.client, flow_run.id, f"its worker lost track of it: {error!r}")

    async def _claim(self, flow_run: FlowRun) -> bool:
        """Whether the server let this worker have the run: of all that propose Pending, it takes one.

        The state names this process. Where the answer got lost, that tells whether the proposal was taken. One that
        was not taken by then may be so later, when the server comes to it: it is proposed until there is an answer.
        """
        message, state = taken_by(self._notes.folder.name), await self._propose(flow_run)
        return state is not None and state.is_pending() and state.message == message

    async def _propose(self, flow_run: FlowRun) -> State | None:
        """Propose that this worker takes the run; its state as the server has it then."""
        lost = False
        while True:
            try:
                pending: State = Pending(message=taken_by(self._notes.folder.name))
                return await propose_state(self._worker.client, pending, flow_run_id=flow_run.id)
            except Abort as reason:
                self._worker.log.debug("Run %s is not for this worker: %s", flow_run.id, reason)
                return await self._states.read(flow_run.id) if lost else None
            except httpx.HTTPError as error:
                self._states.tolerate_outage(error)
            lost, state = True, await self._states.read(flow_run.id)
            if state is None or not state.is_scheduled():
                return state
            await anyio.sleep(RECONNECT_SECONDS)

    async def _leave(self, flow_run: FlowRun) -> bool:
        """Leave it to the worker that has it; whether it was cancelled."""
        state = await self._states.read(flow_run.id)
        cancelled = state is not None and state.type in (StateType.CANCELLED, StateType.CANCELLING)
        await self._beginnings.leave(flow_run, is_over=state is None or (state.is_final() and not cancelled))
        return cancelled

    async def _flow_of(self, flow_run: FlowRun) -> Flow | None:
        """The flow, loaded once; None where it cannot be loaded, or lacks a parameter: the run's state says so."""
        try:
            read = self._worker.client.read_deployment
            entrypoint = self._flows.entrypoint_of(flow_run.deployment_id)
            if entrypoint is None:
                deployment = await self._states.through_outage(lambda: read(str(flow_run.deployment_id)))
                entrypoint = self._flows.keep(deployment)
            flow = await self._flows.get(entrypoint)
        except Exception as error:  # noqa: BLE001 - importing runs the code of a deployment
            message = f"The flow of run {flow_run.name} cannot be loaded: {error}"
            self._worker.get_flow_run_logger(flow_run).exception(message)
            await self._states.end(flow_run.id, Failed(message=message))
            return None
        if wrong := unknown_parameters(flow, flow_run.parameters):
            await self._states.end(flow_run.id, Failed(message=wrong))
            return None
        return flow

    async def _run(self, flow: Flow, flow_run: FlowRun, has_begun: Callable[[], Awaitable[None]]) -> bool:
        """Have its thread, or a process of its own, run it to its end; whether it was cancelled."""
        alone = self._worker.isolates_runs
        run = self._runs[flow_run.id] = IsolatedRun(flow_run) if alone else WarmRun(flow, flow_run)
        try:
            run.start()
            await run.begun(BEGIN_SECONDS)
            await has_begun()
            raised = await run.ended()
            cancelled = await self._settled_as_cancelled(run, flow_run.id, raised)
            if alone and not isinstance(raised, ProcessKilledError):  # such a run is run again
                await self._beginnings.leave(flow_run, is_over=True)
            return cancelled
        finally:
            del self._runs[flow_run.id]

    async def _settled_as_cancelled(
        self, run: WarmRun | IsolatedRun, run_id: UUID, raised: BaseException | None
    ) -> bool:
        """Have the server know how a run ended; whether as cancelled, be it before its first line."""
        if run.cancelled:  # it may have ended nothing: it was killed while it did so, or its database was away
            await self._lost.settle(self._worker.client, run_id, TOLD_TO_END, cancelled=True)
            return True
        states = [run.told]
        if run.told is None or run.told.type in CANCELLED:  # told so before its first line, it has ended nothing
            states.append(await self._ensure_told(run_id, raised))
        return any(state is not None and state.type in CANCELLED for state in states)

    async def _ensure_told(self, run_id: UUID, raised: BaseException | None) -> State | None:
        """Prefect's engine has told the server how the run ended. Where it could not, tell it here, or run it again.

        Returns:
            The state that the server had the run in.
        """
        state = await self._states.read(run_id)
        if state and (state.is_cancelling() or state.is_cancelled()):  # between its taking and its beginning, say
            await self._lost.settle(self._worker.client, run_id, TOLD_TO_END, cancelled=True)
        elif state is None or isinstance(raised, Abort):
            return state
        elif state.type in UNDER_WAY and isinstance(raised, ProcessKilledError):
            await self._lost.settle(self._worker.client, run_id, str(raised))
        elif state.type in UNDER_WAY and by_outage(raised):
            await self._lost.settle(self._worker.client, run_id, "Prefect's server was away when it ended")
        elif state.type in UNDER_WAY:
            await self._states.end(run_id, Crashed(message=f"The run ended without a result: {raised!r}"))
        return state

    # -- cancelling --------------------------------------------------------------------------------------------------

    async def cancel(self, run_id: UUID) -> bool:
        """Cancel the run if it is this worker's; False: no worker has begun it, as far as this one knows."""
        if run := self._runs.get(run_id):
            await run.cancel()
        return run is not None or run_id in self._worker.taken

    async def cancel_as_asked(self) -> None:
        """Cancel the runs that the server has as Cancelling, of which an event may have told in vain, or as Cancelled.

        A platform may set that state itself, of which no event tells: the run would go on to its end.
        """
        wanted = [run_id for run_id, run in self._runs.items() if not run.cancelled]
        if not wanted:
            return
        cancelling = FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.CANCELLING, StateType.CANCELLED]))
        runs = FlowRunFilter(id=FlowRunFilterId(any_=wanted), state=cancelling)
        for flow_run in await self._worker.client.read_flow_runs(flow_run_filter=runs):
            self._worker.in_background(self._worker.cancel_run, flow_run.id)

    # -- stopping ----------------------------------------------------------------------------------------------------

    async def stop(self, patience: float, last_patience: float) -> None:
        """Wait for the runs to end; those that do not are run again by another worker, as if this one had been killed.

        They are not interrupted: what a flow does then would undo what is to be completed. Their threads end with the
        process, which is to end at once then.

        Args:
            patience: seconds that runs get to end by themselves.
            last_patience: seconds for settling the others; what is not settled then stays noted for the next process.
        """
        await self._wait(patience)
        self.has_given_up = bool(self._runs)
        with anyio.move_on_after(last_patience):
            for run_id, run in list(self._runs.items()):
                reason = f"its worker {self._worker.name} was stopped"
                await self._lost.settle(self._worker.client, run_id, reason, cancelled=run.cancelled)
                self._notes.end(run_id)

    async def _wait(self, seconds: float) -> None:
        with anyio.move_on_after(seconds):
            while self._worker.taken:
                await anyio.sleep(0.1)


def by_outage(error: BaseException | None) -> bool:
    """Whether the error, or one that it came of, is that Prefect's server did not answer."""
    while error and not isinstance(error, httpx.TransportError):
        error = error.__cause__ or error.__context__
    return error is not None
