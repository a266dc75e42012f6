"""The main job on real parts, in the order in which a user meets it. The last test brings everything down."""

import os
import re
import time
from typing import Any

import httpx
import pytest

from blocks.gateway.browser import answers, browser
from blocks.settings import ProcessSettings
from pool.states import HostState, InstanceState
from pool.store.pool_store import PoolStore
from tests.rigs.gateways.browser import browser_page, run_cell_in_jupyterlab
from tests.rigs.hosts.leftovers import containers_of, mounts_of_stack, network_state, processes_of
from tests.rigs.present import present

pytestmark = [pytest.mark.system, pytest.mark.timeout(1500)]


def get(url: str) -> httpx.Response:
    """As a browser that knows nothing yet; a link signs it in on the way."""
    return httpx.get(url, trust_env=False, follow_redirects=True, timeout=10)


def namespace(stack) -> str:
    return ProcessSettings(data=stack.data, _env_file=None).identity


def store(stack) -> PoolStore:
    return stack.records


def test_make_up_ends_with_a_session_that_answers_and_the_address_of_the_ui(stack):
    assert stack.first_visit.status_code == 200
    assert f"127.0.0.1:{stack.prefect_port}" in stack.first_output


def test_the_link_of_make_up_works_once_and_what_it_says_gives_another(stack):
    assert get(stack.first_link).status_code == 401
    words = present(re.search(r"another one: \S+/dockerdriver (link \S+)\)", stack.first_output))[1].split()
    assert answers(stack.command(*words).stdout.strip(), browser())
    unknown = stack.command("link", "unknown-1")
    assert (unknown.returncode, "no instance is named 'unknown-1'" in unknown.stdout) == (3, True)


def test_status_says_what_runs_the_hosts_the_slots_and_the_sessions(stack):
    status = stack.command("status")
    assert status.returncode == 0
    for word in ("server", "gateway", "main-", "active", "welcome"):
        assert word in status.stdout


def test_an_operator_logs_in_to_a_host_as_its_workers_do(stack):
    host = stack.answer("welcome-1")["host"]
    told = stack.command("host", "ssh", host, "sudo", "docker", "ps", "--format", "{{.Names}}")
    assert (told.returncode, "dd-welcome-1" in told.stdout) == (0, True), told.stdout
    assert stack.command("host", "ssh", host, "exit 7").returncode == 7


def test_a_session_opens_in_a_browser_and_computes(stack, artifacts):
    answer = stack.provision("browser-1", user="alice")
    with browser_page() as page:
        shown = run_cell_in_jupyterlab(page, answer["launch_url"], "6*7", artifacts / "jupyterlab.png")
    assert shown == "42"


def test_asked_twice_with_one_id_there_is_one_session(stack):
    runs = [stack.trigger("provision-instance/on-demand", instance_id="twice-1") for _ in range(2)]
    assert [stack.finish(run)[0] for run in runs] == ["COMPLETED", "COMPLETED"]
    answer = stack.answer("twice-1")
    assert answers(stack.link("twice-1"), browser())
    assert "dd-twice-1" in stack.containers_on(answer["host"])


def test_the_answer_holds_no_token_and_the_notebook_refuses_who_comes_past_the_gateway(stack):
    stack.provision("guarded-1")
    instance = store(stack).instances.get("guarded-1")
    assert instance.token not in str(stack.answer("guarded-1"))
    host = store(stack).hosts.get(instance.get_placement().host)
    direct = get(f"http://{host.address}:{instance.port}{instance.base_url}api/contents")
    assert direct.status_code == 403


def test_deprovisioning_twice_is_harmless_and_leaves_no_container_and_no_route(stack):
    answer = stack.provision("short-1")
    for _ in range(2):
        state, _message = stack.run("deprovision-instance/on-demand", instance_id="short-1")
        assert state == "COMPLETED"
    assert "dd-short-1" not in stack.containers_on(answer["host"])
    assert get(answer["url"]).status_code == 410


BAD_REQUESTS = [
    ("provision-instance/on-demand", {"instance_id": "Bad_Id"}, "a-z"),
    ("provision-instance/on-demand", {"instance_id": "x" * 64}, "63"),
    ("provision-instance/on-demand", {"instance_id": "ok", "blueprint": "nope"}, "no blueprint is named 'nope'"),
    ("provision-instance/on-demand", {"instance_id": "ok", "options": {"cpu": 3}}, "no option is named 'cpu'"),
    ("provision-instance/on-demand", {"instance_id": "ok", "blueprint": "rstudio"}, "rocker/rstudio"),
    ("spawn-host/on-demand", {"pool": "nope"}, "no pool is named 'nope'"),
]
#: Each a process of its own, as a spawn is; what they say is tested where no process starts, too (tests/unit/flows).
BAD_LONG_REQUESTS = [
    ("configure-host/on-demand", {"host": "nope"}, "no host is named nope"),
    ("distribute-images/on-demand", {"images": ["nope"]}, "no image is named 'nope'"),
    ("distribute-images/on-demand", {"hosts": ["nope"]}, "no host is named 'nope'"),
]


@pytest.mark.parametrize(
    ("deployment", "parameters", "sentence"),
    [*BAD_REQUESTS, *(pytest.param(*bad, marks=pytest.mark.nightly) for bad in BAD_LONG_REQUESTS)],
)
def test_bad_input_gets_one_sentence_that_names_the_thing(stack, deployment, parameters, sentence):
    state, message = stack.run(deployment, **parameters)
    assert (state, "\n" in message) == ("FAILED", False)
    assert sentence in message


@pytest.mark.nightly  # integration/images/test_distribute_images.py says it of the same flow and real engines
def test_a_broken_archive_is_named_and_holds_up_nothing(stack):
    broken = stack.data / "images" / "broken.tar"
    broken.write_bytes(b"this is no archive")
    os.utime(broken, (0, 0))  # a file that changed just now is taken for one that is still being copied
    try:
        state, message = stack.run("distribute-images/on-demand")
    finally:
        broken.unlink()
    assert (state, "broken.tar" in message) == ("COMPLETED", True)


def test_a_blueprint_made_in_the_form_counts_for_the_next_session(stack):
    stack.save_blueprint("tiny", memory_mb=300, sign_in="open")
    answer = stack.provision("tiny-1", blueprint="tiny")
    assert answer["launch_url"] == answer["url"]
    assert get(answer["url"]).status_code == 200


def test_a_session_past_its_lifetime_is_ended_by_housekeeping(stack):
    answer = stack.provision("brief-1", options={"lifetime": 1})
    deadline = time.monotonic() + 60
    while store(stack).instances.get("brief-1").state != "deleted" and time.monotonic() < deadline:
        assert stack.run("housekeep/scheduled")[0] == "COMPLETED"
    assert get(answer["url"]).status_code == 410


def test_in_a_full_pool_a_session_waits_and_starts_when_another_one_ends(stack):
    stack.set_pool(DD_MAX_HOSTS=1, DD_FREE_SLOT_TARGET=0)
    number = 0
    answer: dict[str, Any] = {"state": "running"}
    while answer["state"] == "running" and number < 8:  # each takes all the room of one host
        number += 1
        hosts = store(stack).hosts.all("main", [HostState.ACTIVE])
        room = max(1, *(host.free for host in hosts))
        stack.save_blueprint("wide", slots=room, memory_mb=300, sign_in="open")
        answer = stack.provision(f"wide-{number}", blueprint="wide")
    assert (answer["state"], answer["position"], answer["host"]) == ("queued", 1, None)
    assert "It is the next one." in httpx.get(answer["url"], headers={"accept": "text/html"}, trust_env=False).text
    stack.run("deprovision-instance/on-demand", instance_id=f"wide-{number - 1}")
    deadline = time.monotonic() + 120
    while answer["state"] in ("queued", "starting") and time.monotonic() < deadline:
        time.sleep(0.5)
        answer = stack.answer(f"wide-{number}")
    assert (answer["state"], get(answer["url"]).status_code) == ("running", 200)
    assert all(host.reserved <= host.slots for host in store(stack).hosts.all("main"))


def test_a_session_that_will_not_wait_is_refused_in_one_sentence_and_leaves_nothing(stack):
    stack.set_pool(DD_HOST_FLAVOR_SLOTS_LARGE=48)  # it has no such host, whatever ended meanwhile
    stack.save_blueprint("wide", slots=48, memory_mb=300)
    request = {"instance_id": "hasty-1", "blueprint": "wide", "options": {"wait": 0}}
    state, message = stack.run("provision-instance/on-demand", **request)
    assert (state, message.startswith("pool main is full")) == ("FAILED", True)
    assert store(stack).instances.get("hasty-1").host is None


def test_shutdown_mode_refuses_sessions_drains_and_removes_every_host(stack):
    stack.set_pool(DD_SHUTDOWN_MODE=True)
    state, message = stack.run("provision-instance/on-demand", instance_id="late-1")
    assert (state, "shutdown mode" in message) == ("FAILED", True)
    for instance in store(stack).instances.all(states=[InstanceState.RUNNING]):
        stack.run("deprovision-instance/on-demand", instance_id=instance.id)
    deadline = time.monotonic() + 400  # a host that is being configured just now is drained only afterwards
    while {host.state for host in store(stack).hosts.all()} != {HostState.REMOVED} and time.monotonic() < deadline:
        stack.run("housekeep/scheduled")
        time.sleep(2)  # a tick costs as much as what it waits for
    assert {host.state for host in store(stack).hosts.all()} == {HostState.REMOVED}
    assert containers_of(namespace(stack), stack.engine) == set()


def test_make_down_leaves_nothing_behind(stack, network_before):
    down = stack.command("down")
    assert down.returncode == 0, down.stdout
    assert processes_of(stack.data) == set()
    assert mounts_of_stack(stack, namespace(stack)) == set()
    assert network_state() - network_before == set()


def test_make_down_again_finds_nothing_to_do(stack):
    assert stack.command("down").returncode == 0
