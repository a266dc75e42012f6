"""The forms of flows in Prefect's UI, what a run is called, and what asks before it is done."""

import asyncio
from pathlib import Path

import pytest
import yaml
from prefect.utilities.callables import parameter_schema

from blocks.outside import standing_in
from flows.hosts.drain_host import drain_host
from flows.images.retire_image import retire_image
from flows.sessions.provision_instance import run_name
from pool.reports.run_forms import SUBJECTS
from runtime.stack.deployments import DESCRIPTION
from runtime.worker.loaded_flows import load_flow
from tests.rigs.fakes import ScriptedTasks, fake_outside
from tests.rigs.pool_data import a_host, an_instance

pytestmark = pytest.mark.unit

ENTRIES = yaml.safe_load(Path(DESCRIPTION).read_text())["deployments"]
ENTRYPOINTS = sorted({entry["entrypoint"] for entry in ENTRIES})


def ended(flow, **parameters):
    """The state that a flow's body ends with, and the tasks that it called."""
    return asyncio.run(flow.fn(**parameters))


@pytest.mark.parametrize("entrypoint", ENTRYPOINTS)
def test_every_parameter_has_a_title_that_people_would_say_and_a_help(entrypoint):
    for name, field in parameter_schema(load_flow(entrypoint)).properties.items():
        assert field["title"] != name, f"{name} has no title of its own"
        assert field["title"][:1].isupper(), name
        assert field.get("description"), name
        assert "<" not in field["description"], "the form swallows what stands in <>"


def test_the_runs_of_a_subject_are_found_by_its_tag_which_no_tick_has():
    by_tag = {tag: {entry["entrypoint"] for entry in ENTRIES if tag in entry["tags"]} for tag in SUBJECTS}
    assert all(by_tag.values())
    assert "flows.housekeeping.housekeep.housekeep" not in set().union(*by_tag.values())


def test_the_options_of_a_session_are_fields():
    options = parameter_schema(load_flow("flows.sessions.provision_instance.provision_instance")).properties["options"]
    assert set(options["properties"]) == {"lifetime", "wait", "restore", "course", "secrets", "environment"}


@pytest.mark.parametrize(
    ("user", "called"),
    [("ada", "provision ada · jupyter-minimal · s-7"), ("", "provision s-7 · jupyter-minimal")],
)
def test_a_run_that_provisions_is_called_by_its_user_and_blueprint(user, called):
    said = {"instance_id": "s-7", "blueprint": "jupyter-minimal", "user": user}
    tasks = ScriptedTasks()
    tasks._parameters = said
    with standing_in(fake_outside(prefect=tasks)):
        assert run_name() == called


@pytest.mark.parametrize(("deadline", "confirmed"), [(None, False), (30, True)])
def test_a_drain_that_ends_no_session_or_is_confirmed_asks_nothing(deadline, confirmed):
    tasks = ScriptedTasks(sessions_on=[an_instance()], take_out_of_service=a_host())
    with standing_in(fake_outside(prefect=tasks)):
        state = ended(drain_host, host="main-01", deadline=deadline, confirmed=confirmed)
    assert (state.is_completed(), tasks.asked) == (True, [])


def test_a_deadline_that_is_none_is_refused_before_anything_is_asked():
    tasks = ScriptedTasks(sessions_on=[an_instance()])
    with standing_in(fake_outside(prefect=tasks)):
        state = ended(drain_host, host="main-01", deadline=0)
    assert (state.is_failed(), state.message[:13], tasks.asked) == (True, "deadline is 0", [])


@pytest.mark.parametrize("says_yes", [True, False])
def test_a_drain_that_would_end_sessions_waits_for_a_confirmation(says_yes):
    tasks = ScriptedTasks(sessions_on=[an_instance()], take_out_of_service=a_host())
    tasks.says_yes = says_yes
    with standing_in(fake_outside(prefect=tasks)):
        state = ended(drain_host, host="main-01", deadline=30)
    assert tasks.asked == ["1 session runs on main-01; those that are left in 30 minutes are ended"]
    assert ("take_out_of_service" in tasks.names) is state.is_completed() is says_yes


def test_an_image_in_use_is_retired_only_when_that_is_confirmed():
    tasks = ScriptedTasks(uses_of="by blueprint lab, of which 2 sessions live")
    with standing_in(fake_outside(prefect=tasks)):
        state = ended(retire_image, name="lab")
    assert state.is_failed()
    assert state.message.startswith("image lab of pool main is in use: by blueprint lab, of which 2 sessions live")
    assert tasks.names == ["uses_of"]
