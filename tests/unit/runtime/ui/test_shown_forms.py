"""The forms of flows as a browser shows them; what programs read of a deployment stays as it is."""

import asyncio
import json
from pathlib import Path

import httpx
import pytest
import yaml
from prefect.utilities.callables import parameter_schema

from blocks.prefect.choices import HOST, NAMED
from runtime.stack.deployments import DESCRIPTION
from runtime.ui.browsers import WithForms
from runtime.ui.shown_forms import CHOICES, completed
from runtime.worker.loaded_flows import load_flow

pytestmark = pytest.mark.unit

DEPLOYMENTS = yaml.safe_load(Path(DESCRIPTION).read_text())["deployments"]

PRESENT = {
    "blueprint": ["lab", "rstudio"],
    "pool-config": ["gpu", "main"],
    "host": ["main-01", "main-02"],
    "course": ["bio101"],
}
ADDRESS = "/api/deployments/2b1d7f6e-5a55-4b0e-9c6d-0f6f0c9f7a11"


def form_of(flow: str, choices=PRESENT) -> dict[str, dict]:
    return completed(parameter_schema(load_flow(flow)).model_dump(), choices)["properties"]


def test_blueprints_pools_and_hosts_are_chosen_among_those_that_there_are():
    assert form_of("flows.sessions.provision_instance.provision_instance")["blueprint"]["enum"] == ["lab", "rstudio"]
    distribution = form_of("flows.images.distribute_images.distribute_images")
    assert distribution["pool"]["enum"] == ["gpu", "main"]
    assert distribution["hosts"]["items"]["enum"] == ["main-01", "main-02"]


def test_a_host_that_may_be_left_open_can_be():
    assert form_of("flows.sessions.move_instance.move_instance")["host"]["enum"] == ["", "main-01", "main-02"]


def test_where_nothing_is_known_to_choose_among_a_name_is_typed():
    assert "enum" not in form_of("flows.hosts.drain_host.drain_host", {"host": []})["host"]


def test_the_options_of_a_session_are_fields_and_no_choice_between_a_dictionary_and_none():
    options = form_of("flows.sessions.provision_instance.provision_instance")["options"]
    assert (options["type"], "anyOf" in options, "default" in options) == ("object", False, False)
    assert options["properties"]["lifetime"]["title"] == "Lifetime, in seconds"
    assert options["properties"]["course"]["enum"] == ["bio101"]


def test_a_deadline_that_may_be_left_out_is_a_number():
    deadline = form_of("flows.hosts.drain_host.drain_host")["deadline"]
    assert (deadline["type"], deadline["title"]) == ("integer", "Deadline, in minutes")
    assert deadline["minimum"] == 1


def test_every_choice_of_a_form_is_one_that_the_server_knows():
    flows = {load_flow(entry["entrypoint"]) for entry in DEPLOYMENTS}
    fields = [field for flow in flows for field in parameter_schema(flow).properties.values()]
    assert {field[CHOICES] for field in fields if CHOICES in field} == {HOST, *NAMED}


def read(path: str = ADDRESS, status: int = 200, headers: dict[str, str] | None = None) -> httpx.Response:
    """What is answered where Prefect's server answers with a deployment."""
    schema = {"properties": {"pool": {"type": "string", "choices": "pool-config"}}}
    body = json.dumps({"name": "on-demand", "parameter_openapi_schema": schema}).encode()

    async def prefect(scope, _receive, send):
        length = (b"content-length", str(len(body)).encode())
        packed = (b"x-packed", dict(scope["headers"]).get(b"accept-encoding", b""))
        await send({"type": "http.response.start", "status": status, "headers": [length, packed]})
        await send({"type": "http.response.body", "body": body[:9], "more_body": True})
        await send({"type": "http.response.body", "body": body[9:]})

    async def present() -> dict[str, list[str]]:
        return PRESENT

    async def asked() -> httpx.Response:
        transport = httpx.ASGITransport(WithForms(prefect, present))
        async with httpx.AsyncClient(transport=transport, base_url="http://prefect") as client:
            return await client.get(path, headers=headers)

    return asyncio.run(asked())


def test_a_browser_reads_the_choices_with_the_deployment():
    answer = read(headers={"Sec-Fetch-Site": "same-origin"})
    assert answer.json()["parameter_openapi_schema"]["properties"]["pool"]["enum"] == ["gpu", "main"]
    assert (answer.json()["name"], int(answer.headers["content-length"])) == ("on-demand", len(answer.content))
    assert answer.headers["x-packed"] == "", "what Prefect packs could not be completed"


@pytest.mark.parametrize(
    "asked",
    [
        (ADDRESS, 200, {}),
        (f"{ADDRESS}/schedules", 200, {"Sec-Fetch-Site": "none"}),
        (ADDRESS, 404, {"Sec-Fetch-Site": "none"}),
    ],
)
def test_a_program_and_what_is_no_form_get_what_prefect_answers(asked):
    assert "enum" not in read(*asked).text
