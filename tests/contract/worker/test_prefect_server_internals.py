"""What our server changes of Prefect's own (blocks/prefect): after an upgrade, a failing test names what went."""

import ast
import inspect
from collections.abc import Callable
from copy import deepcopy
from dataclasses import fields
from datetime import datetime
from types import ModuleType
from typing import Any

import jsonschema
import pendulum
import pytest
from prefect.server.api import artifacts as artifacts_api
from prefect.server.api import background_workers
from prefect.server.api import deployments as deployments_api
from prefect.server.api import logs as logs_api
from prefect.server.api import workers as workers_api
from prefect.server.database import orm_models, query_components
from prefect.server.events import messaging, stream, triggers
from prefect.server.events.schemas.events import Event, ReceivedEvent
from prefect.server.events.services import event_persister
from prefect.server.models import artifacts, deployments, flow_runs, logs
from prefect.server.orchestration import core_policy, global_policy, rules
from prefect.server.orchestration.global_policy import EnsureFlowRunStateTimestampIsUnique, GlobalFlowPolicy
from prefect.server.schemas.core import FlowRun
from prefect.server.services import task_run_recorder
from prefect.server.utilities.database import Timestamp
from prefect.server.utilities.messaging.memory import MemoryMessage, Topic
from prefect.utilities.schema_tools import validation

from blocks.prefect.sparing import NOT_WRITTEN, UNLIMITED, copy_messages_flat, plain

pytestmark = pytest.mark.contract

LATER: Any = background_workers  # what it imports is not its own, as far as its types know
#: Functions that are replaced: with their parameters.
REPLACED: dict[Callable[..., Any], list[str]] = {
    deployments.read_deployment: ["session", "deployment_id"],
    flow_runs.read_flow_run: ["session", "flow_run_id", "for_update"],
    flow_runs.create_flow_run: ["session", "flow_run", "orchestration_parameters"],
    EnsureFlowRunStateTimestampIsUnique.before_transition: ["context"],
    Event.receive: ["received"],
    artifacts.create_artifact: ["session", "artifact"],
    logs.create_logs: ["session", "logs"],
    logs._sanitize_log_strings: ["log"],
    task_run_recorder._insert_task_run_states: ["session", "task_runs"],
    query_components.AsyncPostgresQueryComponents.insert: ["obj"],
    Timestamp.process_bind_param: ["value", "dialect"],
    LATER.Docket.add: ["function", "when", "key"],
}
#: What reads an event from JSON, each for itself.
READERS = (event_persister.create_handler, triggers.consumer, task_run_recorder.consumer, stream.distributor)


def parameters(of: Callable[..., Any]) -> list[str]:
    return [name for name in inspect.signature(inspect.unwrap(of)).parameters if name not in ("self", "db")]


def asked_of(module: ModuleType, name: str) -> set[str]:
    """Which attributes of something of that name a module's code uses."""
    nodes = [node for node in ast.walk(ast.parse(inspect.getsource(module))) if isinstance(node, ast.Attribute)]
    return {node.attr for node in nodes if isinstance(node.value, ast.Name) and node.value.id == name}


@pytest.mark.parametrize("function", REPLACED, ids=lambda function: function.__qualname__)
def test_a_function_that_is_replaced_takes_the_same(function):
    assert parameters(function) == REPLACED[function]


def test_rules_ask_for_deployments_alone_and_of_one_what_they_are_told_of_each():
    assert asked_of(core_policy, "deployments") == {"read_deployment"}
    assert asked_of(core_policy, "deployment") == {*vars(UNLIMITED)}


@pytest.mark.parametrize("module", [core_policy, global_policy, rules], ids=lambda module: module.__name__)
def test_no_rule_asks_a_run_for_its_queue(module):
    assert "work_queue" not in {
        node.attr for node in ast.walk(ast.parse(inspect.getsource(module))) if isinstance(node, ast.Attribute)
    }


def test_a_run_whose_state_is_set_is_read_by_the_function_that_is_replaced():
    set_state = inspect.getsource(flow_runs.set_flow_run_state)
    assert "models.flow_runs.read_flow_run(" in set_state
    assert "for_update=True" in set_state
    assert {"_state", "work_queue"} <= {*orm_models.FlowRun.__mapper__.relationships.keys()}


def test_a_run_that_is_asked_for_is_recorded_by_the_function_that_names_it():
    assert "models.flow_runs.create_flow_run(" in inspect.getsource(deployments_api.create_flow_run_from_deployment)
    assert {"name", "tags", "parameters", "flow_id", "deployment_id"} <= FlowRun.model_fields.keys()


def test_a_run_is_recorded_with_the_columns_that_prefect_writes():
    recorded = inspect.getsource(flow_runs.create_flow_run)
    written = ast.parse(inspect.cleandoc("def _" + recorded.partition("async def create_flow_run")[2]))
    (left_out,) = [node.value for node in ast.walk(written) if isinstance(node, ast.keyword) and node.arg == "exclude"]
    assert ast.literal_eval(left_out) == NOT_WRITTEN
    assert "flow_run_unique_upsert_columns" in recorded
    assert "force=True" in recorded


def test_an_artifact_is_recorded_by_the_function_that_is_replaced():
    assert "models.artifacts.create_artifact(" in inspect.getsource(artifacts_api.create_artifact)
    row, newest = (inspect.getsource(getattr(artifacts, f"_insert_into_artifact{of}")) for of in ("", "_collection"))
    assert ["on_conflict_do_update" in source for source in (row, newest)] == [False, True]


def test_a_schema_is_held_to_the_rules_of_schemas_wherever_something_is_held_to_it():
    validator = validation._VALIDATOR
    assert parameters(validator.check_schema) == ["schema", "format_checker"]
    assert "jsonschema.validate(" in inspect.getsource(validation.validate)
    assert "cls.check_schema(schema)" in inspect.getsource(jsonschema.validate)


def test_rows_are_written_by_the_functions_that_are_replaced():
    assert "models.logs.create_logs(" in inspect.getsource(logs_api.create_logs)
    assert "await _insert_task_run_states(session," in inspect.getsource(task_run_recorder)


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "America/New_York"])
def test_a_plain_moment_is_the_same_moment(zone):
    moment = pendulum.datetime(2026, 11, 1, 1, 30, 5, 123456, tz=zone)  # an hour that is there twice in New York
    assert type(plain(moment)) is datetime
    assert plain(moment).timestamp() == moment.timestamp()


def test_a_message_is_copied_for_each_that_hears_of_it(monkeypatch):
    monkeypatch.setattr(MemoryMessage, "__deepcopy__", None, raising=False)
    copy_messages_flat()
    message = MemoryMessage(b"{}", {"id": "1"}, 2)
    copied = deepcopy(message)
    assert copied == message
    assert copied is not message
    assert copied.attributes is not message.attributes
    assert {field.name for field in fields(MemoryMessage)} == {"data", "attributes", "retry_count"}
    assert "copy.deepcopy(message)" in inspect.getsource(Topic.publish)


def test_the_moment_of_a_state_is_looked_for_at_each_change():
    assert EnsureFlowRunStateTimestampIsUnique in GlobalFlowPolicy.priority()


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.__module__)
def test_an_event_is_read_from_json_by_the_method_that_keeps_it(reader):
    assert "ReceivedEvent.model_validate_json(message.data)" in inspect.getsource(reader)


def test_what_is_received_is_an_event_and_the_moment_of_it():
    assert {*ReceivedEvent.model_fields} - {*Event.model_fields} == {"received"}
    assert "model_dump_json" in inspect.getsource(messaging.EventPublisher.publish_event)


def test_a_poll_has_its_queues_and_their_deployments_noted_by_tasks_that_are_added():
    assert {"mark_work_queues_ready", "mark_deployments_ready"} <= {
        argument.id
        for call in ast.walk(ast.parse(inspect.getsource(workers_api)))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "add"
        for argument in call.args
        if isinstance(argument, ast.Name)
    }


def test_what_carries_out_tasks_takes_its_pauses_and_is_made_by_the_name_that_is_replaced():
    assert {"minimum_check_interval", "scheduling_resolution"} <= {*parameters(LATER.Worker.__init__)}
    assert "Worker(docket)" in inspect.getsource(background_workers)
