"""An operator takes the only host out of service, and puts it back, while a session runs on it."""

import httpx
import pytest

from pool.states import HostState

pytestmark = [pytest.mark.system, pytest.mark.timeout(1500)]


@pytest.fixture
def host(stack):
    """The one active host; while it is away, no other is wanted."""
    stack.set_pool(DD_FREE_SLOT_TARGET=0)
    (only,) = stack.records.hosts.all("main", [HostState.ACTIVE])
    yield only.name
    stack.run("return-host/on-demand", host=only.name)
    for session in ("stays-1", "new-1"):
        stack.run("deprovision-instance/on-demand", instance_id=session)
    stack.set_pool(DD_FREE_SLOT_TARGET=4)  # now again met by this host


def test_a_drained_host_keeps_its_session_takes_no_other_and_comes_back(stack, host):
    session = stack.provision("stays-1")
    state, message = stack.run("drain-host/on-demand", host=host, reason="new kernel")
    assert (state, message.endswith("they live out their time")) == ("COMPLETED", True)
    assert "new kernel" in stack.command("status").stdout
    assert stack.run("housekeep/scheduled")[0] == "COMPLETED"
    assert httpx.post(stack.link("stays-1"), trust_env=False, follow_redirects=True).status_code == 200
    assert stack.run("return-host/on-demand", host=host)[0] == "COMPLETED"
    assert stack.provision("new-1")["host"] == session["host"] == host


@pytest.mark.parametrize(
    ("deployment", "parameters", "sentence"),
    [
        ("drain-host", {"host": "main-99"}, "no host is named main-99"),
        ("return-host", {"host": "main-01"}, "host main-01 is active: only a draining host is returned"),
        ("reset-breaker", {"pool": "nope"}, "no pool is named 'nope'; known: main"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(stack, deployment, parameters, sentence):
    state, message = stack.run(f"{deployment}/on-demand", **parameters)
    assert (state, message.startswith(sentence)) == ("FAILED", True), message


def test_a_deadline_that_is_none_is_refused_by_the_server_before_there_is_a_run(stack):
    with pytest.raises(httpx.HTTPStatusError) as refusal:
        stack.trigger("drain-host/on-demand", host="main-01", deadline=0)
    assert refusal.value.response.status_code in {409, 422}, refusal.value.response.text
