"""What one look at a real engine tells of the containers of sessions."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from blocks.engine.client import HostEngine
from blocks.engine.connection import EngineIdentity
from blocks.engine.probes.probe import probe
from blocks.stored.authority import CertificateAuthority
from pool.housekeeping.found import ContainerOutcome
from pool.records import ContainerSpec
from tests.rigs.engines.light_engine import SERVE
from tests.rigs.engines.light_host import light_host
from tests.rigs.present import present
from tests.rigs.waiting import until

pytest_plugins = ("tests.rigs.engines.light_engine",)
pytestmark = pytest.mark.contract

NAMESPACE = "dd-probe"
LABELS = {"dockerdriver.namespace": NAMESPACE, "dockerdriver.pool": "main", "dockerdriver.instance": "alice"}
EATS = "tail /dev/zero"  # all the memory that there is


@pytest.fixture
def run(host, image):
    """Run a session's container with this command, on a host that has none."""

    def run_one(*command: str, **values) -> None:
        spec = ContainerSpec("dd-alice", image.id, 8888, 20001, 32, command=command or SERVE, labels=LABELS)
        host.engine.run(replace(spec, **values))

    for state in host.engine.containers({}):
        host.engine.remove(state.id)
    return run_one


def seen(host):
    return probe(host.engine, NAMESPACE).containers


def outcome(host) -> ContainerOutcome:
    (container,) = seen(host)
    return container.outcome


def test_a_session_that_runs_is_seen_with_its_name_and_its_instance(host, run):
    run()
    (container,) = seen(host)
    assert (container.name, container.instance, container.outcome) == ("dd-alice", "alice", ContainerOutcome.RUNS)


def test_containers_of_others_are_not_even_seen(host, run):
    run(labels=LABELS | {"dockerdriver.namespace": "dd-other"})
    assert seen(host) == ()


def test_a_container_that_was_removed_by_hand_is_not_there(host, run):
    run()
    host.engine.remove("dd-alice")
    assert (probe(host.engine, NAMESPACE).answers, seen(host)) == (True, ())


def test_a_container_that_crashes_again_and_again_has_failed_with_its_exit_code(host, run):
    run("sh", "-c", "exit 3")
    until(lambda: outcome(host) is ContainerOutcome.FAILED, "it is given up")
    assert seen(host)[0].exit_code == 3


def test_a_notebook_that_its_user_ended_was_shut_down(host, run):
    run("true")
    until(lambda: outcome(host) is ContainerOutcome.SHUT_DOWN, "it is seen as shut down")


def test_a_container_whose_main_process_needs_too_much_memory_is_seen_as_such(host, run):
    run("sh", "-c", f"exec {EATS}")
    until(lambda: outcome(host) is ContainerOutcome.OUT_OF_MEMORY, "it is given up", 60)


def test_a_process_that_is_killed_for_memory_is_told_while_its_session_goes_on(host, run):
    run("sh", "-c", f"{EATS}; exec {' '.join(SERVE)}")
    until(lambda: "alice" in probe(host.engine, NAMESPACE).out_of_memory, "the engine tells of it")
    assert outcome(host) is ContainerOutcome.RUNS


def test_a_session_that_ended_well_because_its_host_shut_down_is_told_from_one_that_its_user_ended(host, run):
    run("sh", "-c", "trap 'exit 0' TERM; echo listening; while :; do sleep 0.1; done", init=False)
    until(lambda: host.engine.logs("dd-alice") == "listening\n", "it hears the signal")
    host.stop()
    host.start()
    assert outcome(host) is ContainerOutcome.STOPPED_WITH_ENGINE
    host.engine.start("dd-alice")
    assert outcome(host) is ContainerOutcome.RUNS


def test_the_clocks_agree_on_one_machine(host, run):
    assert abs(probe(host.engine, NAMESPACE).clock_ahead) < 5


def test_a_host_that_does_not_answer_says_why_and_is_not_distrusted(host):
    look = probe(HostEngine.connect(host.address, host.identity, host="h-07", port=2999), NAMESPACE)
    assert (look.answers, look.distrusted) == (False, False)
    assert "Connection refused" in look.trouble


def test_a_host_with_a_certificate_of_another_authority_is_distrusted(host):
    stranger = CertificateAuthority.create("another")
    client = stranger.issue_client("manager", days=1)
    identity = EngineIdentity(stranger.certificate, client.certificate, client.private_key)
    look = probe(HostEngine.connect(host.address, identity), NAMESPACE)
    assert (look.answers, look.distrusted) == (False, True)


def test_a_host_that_takes_our_certificate_for_expired_is_distrusted_and_its_clock_is_asked_about(host, authority):
    client = authority.issue_client("manager", days=0)
    identity = EngineIdentity(authority.certificate, client.certificate, client.private_key)
    look = probe(HostEngine.connect(host.address, identity), NAMESPACE)
    assert (look.answers, look.distrusted) == (False, True)
    assert "it does not take our certificate; is its clock right?" in look.trouble


def test_a_host_whose_certificate_has_expired_is_distrusted_and_says_so(authority, monkeypatch):
    issue = CertificateAuthority.issue_server
    monkeypatch.setattr(CertificateAuthority, "issue_server", lambda ours, name, at, days: issue(ours, name, at, 0))
    with light_host(authority) as late:
        look = probe(late.engine, NAMESPACE)
    assert (look.answers, look.distrusted) == (False, True)
    assert "certificate has expired" in look.trouble


def test_a_look_at_an_engine_tells_from_when_to_when_its_certificate_holds(host):
    certificate = present(probe(host.engine, NAMESPACE).certificate)
    assert certificate.since < datetime.now(UTC) < certificate.renewed_from < certificate.until
