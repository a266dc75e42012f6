"""What Prefect keeps to itself and this project uses all the same: after an upgrade, a failing test names what went."""

import ast
import asyncio
import contextlib
import inspect
import subprocess
import sys
from contextvars import copy_context
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from prefect import Flow, flow_engine, results, task_engine
from prefect.client.base import PrefectHttpxAsyncClient, PrefectHttpxSyncClient
from prefect.context import FlowRunContext, TaskRunContext
from prefect.flow_engine import AsyncFlowRunEngine, run_flow
from prefect.server.database.configurations import AioSqliteConfiguration
from prefect.states import Completed, Running
from prefect.utilities.engine import emit_task_run_state_change_event, propose_state
from prefect.workers.base import BaseWorker

from runtime.worker import prefect_internals
from runtime.worker.prefect_internals import OpenEngine, OpenWorker
from runtime.worker.runs.run_beginning import RunBeginning

pytestmark = pytest.mark.contract

HERE = Path(prefect_internals.__file__)
#: Methods that `OpenWorker` replaces: who calls each one, and its parameters.
REPLACED = {
    "_sync_and_initialize": (BaseWorker.start, []),
    "_setup_cancellation_observer": (BaseWorker._initialize_after_sync, []),
    "_submit_scheduled_flow_runs": (BaseWorker.get_and_submit_flow_runs, ["flow_run_response"]),
    "_submit_run": (BaseWorker._submit_scheduled_flow_runs, ["flow_run"]),
}
#: Methods that it calls, with their parameters, and attributes of a worker.
CALLED = {"_cancel_run": ["flow_run_id"], "_release_limit_slot": ["flow_run_id"]}
#: The method that sends a request in each kind of client, which is wrapped; it is called with all of these by name.
OF_THE_CLIENTS = {
    "_send_with_retry": ["request", "send", "send_args", "send_kwargs", "retry_codes", "retry_exceptions"],
    "_add_csrf_headers": ["request"],
}
CALLERS_IN_CLIENTS = {"_send_with_retry": "send", "_add_csrf_headers": "_send_with_retry"}
#: Functions that ask for the server's default result storage.
ASKERS = ("_aget_default_result_storage", "_get_default_result_storage")
ATTRIBUTES = (
    "_logger",
    "_runs_task_group",
    "_submitting_flow_run_ids",
    "_work_pool",
    "_work_pool_name",
    "_work_queues",
    "_prefetch_seconds",
)
OF_THE_ENGINE = ("_flow_run_suspension_request",)
#: Methods of the engine that `OpenEngine` replaces: who calls each one, by a name of the engine's own.
REPLACED_IN_THE_ENGINE = {"_emit_flow_run_heartbeat": flow_engine._send_heartbeats}
#: Public by name, described nowhere: with their parameters.
UNDESCRIBED = {
    AsyncFlowRunEngine.start: [],
    AsyncFlowRunEngine.is_running: [],
    AsyncFlowRunEngine.run_context: [],
    AsyncFlowRunEngine.call_flow_fn: [],
    AsyncFlowRunEngine.handle_crash: ["exc"],
    AsyncFlowRunEngine.handle_cancellation: ["exc"],
    AsyncFlowRunEngine.setup_flow_run_suspension_request: [],
    BaseWorker.sync_with_backend: [],
    BaseWorker.get_and_submit_flow_runs: [],
    run_flow: ["flow", "flow_run"],
    propose_state: ["client", "state", "flow_run_id"],
    emit_task_run_state_change_event: ["task_run", "initial_state", "validated_state", "follows"],
}
#: What the engine asks and says by the run's client, and by which of its own methods, before the flow is called.
BEFORE_THE_FLOW = {
    "update_flow_run": AsyncFlowRunEngine.initialize_run,
    "set_flow_run_name": AsyncFlowRunEngine.begin_run,
    "read_flow_run": AsyncFlowRunEngine.setup_run_context,
}


class AnyWorker(OpenWorker, BaseWorker):
    type = "any"

    async def run(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError


def parameters(of: Any) -> list[str]:
    return [name for name in inspect.signature(of).parameters if name != "self"]


def private_names(file: Path) -> set[str]:
    """Private attributes that a module's code uses, of whatever object, and private methods that it defines."""
    nodes = list(ast.walk(ast.parse(file.read_text())))
    names = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    names |= {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    return {name for name in names if name.startswith("_") and not name.startswith("__")}


@pytest.mark.parametrize("method", REPLACED)
def test_a_method_that_is_replaced_is_still_called(method):
    caller, expected = REPLACED[method]
    assert method in caller.__code__.co_names
    assert parameters(getattr(BaseWorker, method)) == expected


@pytest.mark.parametrize("method", CALLED)
def test_a_method_that_is_called_takes_the_same(method):
    assert parameters(getattr(BaseWorker, method)) == CALLED[method]


@pytest.mark.parametrize("client", [PrefectHttpxAsyncClient, PrefectHttpxSyncClient])
@pytest.mark.parametrize("method", OF_THE_CLIENTS)
def test_a_client_still_sends_by(client, method):
    assert parameters(getattr(client, method)) == OF_THE_CLIENTS[method]
    assert method in getattr(client, CALLERS_IN_CLIENTS[method]).__code__.co_names


@pytest.mark.parametrize("name", prefect_internals.RESULT_STORAGE)
def test_results_still_ask_by(name):
    assert parameters(getattr(results, name)) == []
    assert any(name in vars(results)[caller].__code__.co_names for caller in ASKERS)


@pytest.mark.parametrize("attribute", ATTRIBUTES)
def test_a_worker_still_has(attribute):
    assert hasattr(AnyWorker(work_pool_name="any"), attribute)


def test_a_poll_still_asks_for_runs_as_far_ahead_as_it_is_told():
    assert "_prefetch_seconds" in BaseWorker._get_scheduled_flow_runs.__code__.co_names


@pytest.mark.parametrize("attribute", OF_THE_ENGINE)
def test_an_engine_still_has(attribute):
    assert attribute in AsyncFlowRunEngine.__dataclass_fields__


@pytest.mark.parametrize("method", REPLACED_IN_THE_ENGINE)
def test_a_method_of_the_engine_that_is_replaced_is_still_called(method):
    looped = inspect.unwrap(REPLACED_IN_THE_ENGINE[method]).__code__.co_consts
    assert any(method in code.co_names for code in looped if inspect.iscode(code))


def heard_of(monkeypatch, *states) -> list:
    """What a run that lasts sends, whose state is these one after the other, each time that a heartbeat is due."""
    sent = []
    monkeypatch.setattr(AsyncFlowRunEngine, "_emit_flow_run_heartbeat", lambda _, *told: sent.append(told))
    monkeypatch.setattr(prefect_internals, "HEARTBEAT_SECONDS", 0)
    engine = OpenEngine(flow=Flow(lambda: None, name="any"))
    for state in states:
        run: Any = SimpleNamespace(state=state)
        engine.flow_run = run
        engine._emit_flow_run_heartbeat({"id": "r"}, [])
    return sent


def test_a_run_that_lasts_is_heard_of(monkeypatch):
    assert heard_of(monkeypatch, Running(), Running()) == [({"id": "r"}, [])] * 2


def test_a_run_that_has_ended_when_its_first_heartbeat_is_due_sends_none(monkeypatch):
    assert heard_of(monkeypatch, Completed()) == []


@pytest.mark.parametrize("function", UNDESCRIBED, ids=lambda function: function.__qualname__)
def test_what_is_described_nowhere_takes_the_same(function):
    wanted = UNDESCRIBED[function]
    assert [name for name in parameters(function) if name in wanted] == wanted


@pytest.mark.parametrize("method", RunBeginning.STANDS_BEFORE)
def test_the_engine_still_asks_and_says_by_the_runs_client(method):
    caller = inspect.unwrap(BEFORE_THE_FLOW[method])
    assert method in caller.__code__.co_names
    assert "client" in caller.__code__.co_names + caller.__code__.co_varnames


def test_tasks_still_tell_of_each_state_by_the_function_that_is_wrapped():
    assert vars(task_engine)["emit_task_run_state_change_event"] is emit_task_run_state_change_event
    assert "emit_task_run_state_change_event" in task_engine.AsyncTaskRunEngine.set_state.__code__.co_names


class PaperSession:
    """What Prefect's server opens a transaction on; keeps how it begins."""

    def __init__(self) -> None:
        self.begun: list[str] = []

    def begin(self) -> contextlib.nullcontext:
        begin: Any = AioSqliteConfiguration.begin_sqlite_stmt
        begin(None, self)
        return contextlib.nullcontext()

    def exec_driver_sql(self, statement: str) -> None:
        self.begun.append(statement)


@pytest.mark.parametrize(("writes", "statement"), [(False, "BEGIN DEFERRED"), (True, "BEGIN IMMEDIATE")])
def test_prefect_begins_a_transaction_on_sqlite_with_the_words_that_are_rewritten(writes, statement):
    session = PaperSession()

    async def transaction() -> None:
        begun: Any = AioSqliteConfiguration.begin_transaction
        async with begun(None, session, with_for_update=writes):
            pass

    asyncio.run(transaction())
    assert session.begun == [statement]


def test_every_private_member_that_is_used_is_named_here():
    assert private_names(HERE) == {
        *REPLACED,
        *CALLED,
        *ATTRIBUTES,
        *OF_THE_ENGINE,
        *REPLACED_IN_THE_ENGINE,
        *OF_THE_CLIENTS,
    }


@pytest.mark.parametrize("file", sorted(HERE.parent.glob("*.py")), ids=lambda file: file.stem)
def test_no_other_module_of_the_worker_uses_one(file):
    prefects = {*dir(AnyWorker(work_pool_name="any")), *dir(OpenEngine), *OF_THE_ENGINE}
    assert file == HERE or not private_names(file) & prefects


def test_a_signal_that_comes_with_the_first_line_of_a_worker_finds_all_imported_that_it_prints_with():
    program = "from runtime.worker.warm_worker import import_printing, WarmWorker as w; import sys; import_printing()"
    printed = f"{program}; print('rich._emoji_codes' in sys.modules, w.start.__code__.co_names[0])"
    assert subprocess.check_output([sys.executable, "-c", printed], text=True).split() == ["True", "import_printing"]


@pytest.mark.parametrize("kind", [FlowRunContext, TaskRunContext])
def test_a_thread_leaves_a_run_by_emptying_the_variable_of_its_context(kind):
    context = copy_context()
    context.run(kind.__var__.set, None)  # as blocks/publisher.py does
    assert context.run(kind.get) is None
