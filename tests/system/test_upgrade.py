"""An installation of an earlier version, with a host and a session in use, whose checkout gets the code that is tested.

The tests go on from one another; the last one brings everything down.
"""

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
import pytest

from blocks.settings import ProcessSettings
from tests.rigs.hosts.leftovers import mounts_of_stack, network_state, processes_of
from tests.rigs.stacks.moving_checkout import MovingCheckout
from tests.rigs.stacks.stack import Stack
from tests.system.conftest import fresh_installation

pytestmark = [pytest.mark.system, pytest.mark.nightly, pytest.mark.timeout(1500)]

#: The version before, by whose recipes the images of this one are built, too: no others need be built for the test.
EARLIER = os.environ.get("UPGRADE_FROM", "6f6a21e")
SESSION = "welcome-1"  # the one that `make up` opens
MOVES_ON = {"local-cloud"}  # kinds of block that `make up` itself changes: which image is the newest
ERROR = 40


@dataclass(frozen=True)
class Seen:
    """What is to be there before and after."""

    host: str  # container of the host, and since when it runs
    session: str
    operator: dict[str, dict]  # what the blocks hold, secrets too, by kind and name


@dataclass
class Upgrade:
    """The stack, what it was like before, and what came of the upgrade."""

    stack: Stack
    visitor: httpx.Client  # signed in before the upgrade
    url: str
    before: Seen
    booked: str  # a flow run that the earlier version was asked for, for a later time
    network_before: set[str]
    began: datetime
    output: str = ""


@pytest.fixture(scope="module")
def upgrade(tmp_path_factory) -> Iterator[Upgrade]:
    """An installation that was started by the earlier version and then by this one."""
    checkout = MovingCheckout(tmp_path_factory.mktemp("checkout"))
    checkout.take_commit(EARLIER)
    stack = fresh_installation()
    (stack.data / "api-password").unlink(missing_ok=True)  # versions made none once
    stack.program, stack.settings = checkout.program, stack.settings | checkout.environment
    network_before = network_state()
    try:
        make_up(stack)
        with httpx.Client(trust_env=False, follow_redirects=True, timeout=10) as visitor:
            it = use(stack, visitor, network_before)
            checkout.take_these_files()
            it.output = make_up(stack)
            yield it
    finally:
        checkout.take_these_files()  # not every earlier version can be told to leave nothing behind
        stack.take_away()


def make_up(stack: Stack) -> str:
    """Start the stack with the code that its checkout has; what was printed."""
    up = stack.command("up")
    assert up.returncode == 0, f"{up.stdout}\n{stack.logs()}"
    return up.stdout


def use(stack: Stack, visitor: httpx.Client, network_before: set[str]) -> Upgrade:
    """Do what an operator, a platform and a visitor do with the earlier version."""
    stack.set_pool(DD_MAX_HOSTS=1, DD_FREE_SLOT_TARGET=0)
    stack.save_blueprint("tiny", memory_mb=300, sign_in="open")
    assert visitor.post(stack.link(SESSION)).status_code == 200
    booked = book(stack, "provision-instance/on-demand", instance_id="booked-1", blueprint="tiny")
    url = stack.answer(SESSION)["url"]
    return Upgrade(stack, visitor, url, look(stack), booked, network_before, datetime.now(UTC))


def book(stack: Stack, deployment: str, **parameters) -> str:
    """Ask for a flow run that is to begin when the upgrade is under way; its id."""
    found = stack.api("GET", f"/deployments/name/{deployment}").json()
    when = (datetime.now(UTC) + timedelta(seconds=15)).isoformat()
    state = {"type": "SCHEDULED", "state_details": {"scheduled_time": when}}
    body = {"parameters": parameters, "idempotency_key": uuid4().hex, "state": state}
    return stack.api("POST", f"/deployments/{found['id']}/create_flow_run", json=body).json()["id"]


def look(stack: Stack) -> Seen:
    host = f"{namespace(stack)}-{stack.answer(SESSION)['host']}"
    session = docker(stack, "exec", host, "docker", *RUNS, f"dd-{SESSION}")
    return Seen(docker(stack, *RUNS, host), session, blocks(stack))


RUNS = ("inspect", "--format", "{{.Id}} {{.State.Status}} since {{.State.StartedAt}}")


def docker(stack: Stack, *words: str) -> str:
    return subprocess.run(["docker", "-H", stack.engine, *words], capture_output=True, text=True, check=True).stdout


def blocks(stack: Stack) -> dict[str, dict]:
    """What each block holds that only operators change."""
    found = stack.api("POST", "/block_documents/filter", json={"include_secrets": True}).json()
    kinds = [(document["block_type"]["slug"], document) for document in found]
    return {f"{kind}/{d['name']}": d["data"] for kind, d in kinds if kind not in MOVES_ON}


def namespace(stack: Stack) -> str:
    return ProcessSettings(data=stack.data, _env_file=None).identity


def runs(stack: Stack, **wanted) -> list[dict]:
    return stack.api("POST", "/flow_runs/filter", json={"flow_runs": wanted}).json()


def opened(url: str) -> int:
    """The status that a browser that knows nothing yet ends with."""
    return httpx.get(url, trust_env=False, follow_redirects=True, timeout=10).status_code


def test_make_up_starts_the_processes_anew_and_finds_the_session_answering(upgrade):
    assert "taking it over" not in upgrade.output
    assert "a session of an earlier start still answers" in upgrade.output


def test_the_host_and_the_session_have_lived_on(upgrade):
    after = look(upgrade.stack)
    assert (after.host, after.session) == (upgrade.before.host, upgrade.before.session)
    assert "running" in after.host
    assert "running" in after.session


def test_the_visitor_of_before_is_still_signed_in_and_others_are_not(upgrade):
    assert upgrade.visitor.get(upgrade.url).status_code == 200
    assert opened(upgrade.url) == 401


def test_what_the_operator_has_set_and_the_secrets_are_as_before(upgrade):
    after = blocks(upgrade.stack)
    before = upgrade.before.operator
    assert {name: {key: after[name][key] for key in fields} for name, fields in before.items()} == before


def test_a_flow_run_that_the_earlier_version_accepted_is_carried_out(upgrade):
    assert upgrade.stack.finish(upgrade.booked) == ("COMPLETED", "")
    assert opened(upgrade.stack.answer("booked-1")["url"]) == 200


def test_a_tick_keeps_the_host_and_has_no_trouble(upgrade):
    stack = upgrade.stack
    run = stack.trigger("housekeep/scheduled")
    assert stack.finish(run)[0] == "COMPLETED"
    said = stack.api("POST", "/logs/filter", json={"logs": {"flow_run_id": {"any_": [run]}, "level": {"ge_": ERROR}}})
    assert [line["message"] for line in said.json()] == []
    [host] = json.loads(stack.api("GET", "/artifacts/hosts-main/latest").json()["data"])
    assert (host["state"], host["errors"]) == ("active", "")


def test_a_new_session_starts_on_the_host_of_before(upgrade):
    answer = upgrade.stack.provision("new-1", blueprint="tiny")
    assert answer["host"] == upgrade.stack.answer(SESSION)["host"]
    assert opened(answer["url"]) == 200


def test_the_session_of_before_tells_its_life_and_can_be_ended(upgrade):
    told = upgrade.stack.command("why", "session", SESSION).stdout
    assert [word for word in ("queued", "starting on main-", "running") if word not in told] == []
    assert upgrade.stack.run("deprovision-instance/on-demand", instance_id=SESSION)[0] == "COMPLETED"
    assert upgrade.visitor.get(upgrade.url).status_code == 410


def test_no_flow_run_has_failed_since(upgrade):
    bad = {"state": {"type": {"any_": ["FAILED", "CRASHED"]}}, "start_time": {"after_": upgrade.began.isoformat()}}
    assert [(run["name"], run["state"]["message"]) for run in runs(upgrade.stack, **bad)] == []


def test_make_down_leaves_nothing_behind(upgrade):
    stack = upgrade.stack
    down = stack.command("down")
    assert down.returncode == 0, down.stdout
    assert processes_of(stack.data) == set()
    assert mounts_of_stack(stack, namespace(stack)) == set()
    assert network_state() - upgrade.network_before == set()
