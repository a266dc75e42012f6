"""What Prefect's server reads and computes for nothing whenever a run changes its state: changes to its own functions.

Each holds for the life of the process, and leaves every answer of the server as it is.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from prefect.server import models
from prefect.server.database import orm_models, provide_database_interface, query_components
from prefect.server.events.schemas.events import Event, ReceivedEvent
from prefect.server.logs.messaging import publish_logs
from prefect.server.models import deployments, flow_runs
from prefect.server.models import logs as log_models
from prefect.server.orchestration import core_policy
from prefect.server.orchestration.global_policy import EnsureFlowRunStateTimestampIsUnique
from prefect.server.schemas.actions import LogCreate
from prefect.server.schemas.core import FlowRun, Log, TaskRun
from prefect.server.services import task_run_recorder
from prefect.server.utilities.database import Timestamp
from prefect.server.utilities.messaging.memory import MemoryMessage
from prefect.types import DateTime
from prefect.types._datetime import now
from prefect.utilities.schema_tools import validation
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import lazyload
from sqlalchemy.orm.attributes import set_committed_value

from pool.store.kept_inserts import KeptInsert

#: Events that are kept in the form in which they were read first: as many as a burst has under way.
KEPT_EVENTS = 256
#: Schemas that are known to be well made: of each deployment and work pool that is in use, and some to spare.
KEPT_SCHEMAS = 200
#: What the rules are told of a deployment without a limit.
UNLIMITED = SimpleNamespace(concurrency_limit_id=None, global_concurrency_limit=None, concurrency_options=None)
#: Of a run that is asked for, what is no column, or is written with its first state.
NOT_WRITTEN = {"created", "state", "estimated_run_time", "estimated_start_time_delta"}
#: Under which a session of SQLAlchemy keeps the run that it has just recorded, and that no other one sees yet.
MADE = "a run that was made in this transaction"


def spare_the_server() -> None:
    """Have this process's Prefect server do all that follows."""
    ask_for_limits_first()
    read_runs_without_their_queues()
    record_runs_in_one_statement()
    trust_newer_moments()
    read_events_once()
    check_schemas_once()
    keep_inserts()
    write_rows_by_kept_statements()
    write_plain_moments()
    copy_messages_flat()


def ask_for_limits_first() -> None:
    """Have the rules read a deployment only where it limits its runs, which one number says.

    A deployment is read with its schedules, its limit, its work queue and that one's pool, each by a statement of its
    own; that was done when a run was taken and when it ended.
    """
    known: Any = deployments.read_deployment

    async def read_deployment(session: AsyncSession, deployment_id: UUID) -> Any:
        limit = sa.select(orm_models.Deployment.concurrency_limit_id).where(orm_models.Deployment.id == deployment_id)
        row = (await session.execute(limit)).one_or_none()
        if row is None:
            return None
        return await known(session=session, deployment_id=deployment_id) if row.concurrency_limit_id else UNLIMITED

    setattr(core_policy, "deployments", SimpleNamespace(**vars(deployments) | {"read_deployment": read_deployment}))  # noqa: B010 - a module, as far as its types know


def read_runs_without_their_queues() -> None:
    """Have a run whose state is to change be read without its queue and pool: no rule asks for them.

    Its state is read by a statement after the one that locks the run. By a join in that one, a worker that waited for
    the lock would read the run as it is and no state: PostgreSQL looks for the state of before again, in vain. Each
    rule would then let it take a run that another worker has.
    """
    known: Any = flow_runs.read_flow_run

    async def read_flow_run(session: AsyncSession, flow_run_id: UUID, for_update: bool = False) -> Any:
        if (made := session.info.pop(MADE, None)) and made.id == flow_run_id:
            return made
        if not for_update:
            return await known(session=session, flow_run_id=flow_run_id)
        run = orm_models.FlowRun
        one = sa.select(run).where(run.id == flow_run_id).with_for_update(of=run)
        found = await session.execute(one.options(lazyload(run.work_queue)))
        return found.scalar()

    setattr(models.flow_runs, "read_flow_run", read_flow_run)  # noqa: B010 - a function of Prefect's own


def record_runs_in_one_statement() -> None:
    """Have a run that is asked for under a key be recorded, and what was recorded be answered, by one statement.

    It was read after that with its queue and pool, which the request had read a moment before, and once more to be
    locked for its first state, though no other transaction sees it yet. Where the key is known, all is as Prefect does
    it: the answer is the run that has it.
    """
    known: Any = flow_runs.create_flow_run

    async def create_flow_run(session: AsyncSession, flow_run: FlowRun, **more: Any) -> Any:
        if not flow_run.idempotency_key or not flow_run.state:
            return await known(session=session, flow_run=flow_run, **more)
        flow_run.labels = await flow_runs.with_system_labels_for_flow_run(session=session, flow_run=flow_run)
        said = flow_run.model_dump_for_orm(exclude=NOT_WRITTEN, exclude_unset=True) | {"created": now("UTC")}
        db, run = provide_database_interface(), orm_models.FlowRun
        key = db.orm.flow_run_unique_upsert_columns
        once = db.queries.insert(run).values(**said).on_conflict_do_nothing(index_elements=key)
        answered = await session.execute(once.returning(run).options(lazyload(run.work_queue)))
        made = answered.scalar_one_or_none()
        if made is None:
            return await known(session=session, flow_run=flow_run, **more)
        queue = await session.get(orm_models.WorkQueue, made.work_queue_id) if made.work_queue_id else None
        set_committed_value(made, "work_queue", queue)  # read by now, mostly: the answer names it
        session.info[MADE] = made
        await models.flow_runs.set_flow_run_state(session, made.id, flow_run.state, force=True, **more)
        return made

    setattr(models.flow_runs, "create_flow_run", create_flow_run)  # noqa: B010 - a function of Prefect's own


def trust_newer_moments() -> None:
    """Have the server look whether a run has another state of the same moment only where that can be.

    It looked at each change, for clocks that are coarse: where a moment is later than that of the newest state, or
    there is no state yet, no state has it.
    """
    look = EnsureFlowRunStateTimestampIsUnique.before_transition

    async def before_transition(self: Any, context: Any) -> None:
        newest, proposed = context.run.state_timestamp, context.proposed_state
        is_first = context.run.state_id is None and newest is None
        if not is_first and (newest is None or proposed is None or proposed.timestamp <= newest):
            await look(self, context)

    setattr(EnsureFlowRunStateTimestampIsUnique, "before_transition", before_transition)  # noqa: B010 - as above


def read_events_once() -> None:
    """Have an event be checked once on its way through the server, which was done six times.

    It is checked when it comes in, once more as received, and then read from JSON by each that consumes it: what keeps
    it, what records task runs, what starts automations, and what sends it to those that listen. None changes it.
    """
    read = ReceivedEvent.model_validate_json.__func__  # type: ignore[attr-defined]  # a class method

    @lru_cache(KEPT_EVENTS)
    def read_once(data: str | bytes) -> ReceivedEvent:
        return read(ReceivedEvent, data)

    def receive(self: Event, received: DateTime | None = None) -> ReceivedEvent:
        moment: dict[str, Any] = {"received": received} if received is not None else {}
        return ReceivedEvent.model_construct(**dict(self), **moment)

    setattr(ReceivedEvent, "model_validate_json", staticmethod(read_once))  # noqa: B010 - a method of Prefect's own
    setattr(Event, "receive", receive)  # noqa: B010 - as above


def check_schemas_once() -> None:
    """Have each schema be held to the rules of schemas once, where that was done for every run that is asked for.

    A run's parameters are held to the schema of its deployment, and its variables to that of its work pool, each time.
    That both are well made themselves was looked at each time as well, in Python, which took longer than all the rest.
    """
    validator: Any = validation._VALIDATOR  # noqa: SLF001 - the one class that all checks are made by
    check = validator.check_schema

    @lru_cache(KEPT_SCHEMAS)
    def check_once(schema: str, told: tuple[tuple[str, Any], ...]) -> None:
        check(json.loads(schema), **dict(told))

    def check_schema(schema: Any, **told: Any) -> None:
        check_once(json.dumps(schema, sort_keys=True), tuple(told.items()))

    validator.check_schema = staticmethod(check_schema)


def keep_inserts() -> None:
    """Have each INSERT into PostgreSQL be composed once: runs, artifacts, events, steps, lines of logs.

    SQLAlchemy composes those with its dialect's own INSERT anew each time.
    """

    def insert(_self: Any, obj: Any) -> KeptInsert:
        return KeptInsert(obj)

    setattr(query_components.AsyncPostgresQueryComponents, "insert", insert)  # noqa: B010 - a method of Prefect's own


def write_rows_by_kept_statements() -> None:
    """Have lines of logs, and states of task runs, be written by one statement for a row, which SQLAlchemy keeps.

    A statement for so many rows as there are was composed anew each time: a tenth of what a start cost.
    """

    async def create_logs(session: AsyncSession, logs: Sequence[LogCreate]) -> None:
        whole = [Log(**clean_log(log).model_dump()) for log in logs]
        rows = [log.model_dump(exclude={"created", "updated"}) for log in whole]
        await session.execute(provide_database_interface().queries.insert(orm_models.Log), rows)
        await publish_logs(whole)

    async def insert_states(session: AsyncSession, task_runs: Sequence[TaskRun]) -> None:
        moment = now("UTC")
        states = ((run.id, run.state) for run in task_runs)
        rows = [{"created": moment, "task_run_id": run, **state.model_dump()} for run, state in states if state]
        insert = provide_database_interface().queries.insert(orm_models.TaskRunState)
        once = insert.on_conflict_do_nothing(index_elements=["id"]).execution_options(dml_strategy="raw")
        await session.execute(once, rows)

    clean_log = log_models._sanitize_log_strings  # noqa: SLF001 - strips what PostgreSQL does not take
    setattr(models.logs, "create_logs", create_logs)  # noqa: B010 - a function of Prefect's own
    setattr(task_run_recorder, "_insert_task_run_states", insert_states)  # noqa: B010 - as above


def write_plain_moments() -> None:
    """Have the database's client be given moments of Python's own: it reckons with each, slowly with Pendulum's."""
    known = Timestamp.process_bind_param

    def process_bind_param(self: Timestamp, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        bound = known(self, value, dialect)
        return bound if bound is None or type(bound) is datetime else plain(bound)

    setattr(Timestamp, "process_bind_param", process_bind_param)  # noqa: B010 - a method of Prefect's own


def plain(moment: datetime) -> datetime:
    """Return the same moment, of Python's own type."""
    date, time = (moment.year, moment.month, moment.day), (moment.hour, moment.minute, moment.second)
    made, offset = datetime(*date, *time, moment.microsecond, tzinfo=UTC), moment.utcoffset()
    return made - offset if offset else made


def copy_messages_flat() -> None:
    """Have each of those that hear of an event get a copy of the message that holds it, and not of all that is in that.

    What is in it are bytes and texts, which nothing can change.
    """

    def copied(self: MemoryMessage, _known: dict[int, Any]) -> MemoryMessage:
        return MemoryMessage(self.data, dict(self.attributes), self.retry_count)

    setattr(MemoryMessage, "__deepcopy__", copied)  # noqa: B010 - a method that Python asks for
