"""What flow runs are called from the moment in which they are recorded."""

from typing import Any

import pytest
from prefect import Flow

from flows.sessions.deprovision_instance import deprovision_instance
from flows.sessions.provision_instance import provision_instance
from pool.reports.run_names import NAMES

pytestmark = pytest.mark.unit

START, END = "provision-instance", "deprovision-instance"


def test_a_start_is_called_by_who_gets_what_and_under_which_id():
    said = {"instance_id": "s-7", "user": "ada", "blueprint": "jupyter"}
    assert NAMES[START](said) == "provision ada · jupyter · s-7"


def test_a_start_of_a_session_of_no_user_is_called_by_its_id():
    assert NAMES[START]({"instance_id": "s-7", "blueprint": "jupyter"}) == "provision s-7 · jupyter"


def test_an_end_is_called_as_its_flow_calls_it():
    template = deprovision_instance.flow_run_name
    assert isinstance(template, str)
    assert NAMES[END]({"instance_id": "s-7", "patient": True}) == template.format(instance_id="s-7")


def test_the_names_are_of_flows_that_there_are():
    flows: list[Flow[Any, Any]] = [provision_instance, deprovision_instance]
    assert {flow.name for flow in flows} == {*NAMES}
