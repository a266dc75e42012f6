"""The client of a host's engine, against a real engine behind mutual TLS."""

import gzip
import io
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from statistics import median

import pytest

from blocks.engine.client import HostEngine
from blocks.engine.connection import EngineIdentity
from blocks.files.secret_files import text_tar
from blocks.stored.authority import CertificateAuthority
from pool.errors import EngineTrouble, HostUnreachable
from pool.images.distribution import chain_ids
from pool.records import ContainerSpec
from pool.sessions.log_lines import dated_lines, second_of
from tests.rigs.engines.light_engine import SERVE
from tests.rigs.engines.light_host import light_host
from tests.rigs.engines.tiny_image import busybox_image, tar_of
from tests.rigs.pool_data import an_instance
from tests.rigs.waiting import until

pytest_plugins = ("tests.rigs.engines.light_engine",)
pytestmark = pytest.mark.contract


def restarts(engine: HostEngine, container: str) -> int:
    with engine.client("count restarts") as client:
        return client.inspect_container(container)["RestartCount"]


@pytest.fixture
def spec(image):
    return ContainerSpec(
        name="dd-alice",
        image=image.id,
        port=8888,
        host_port=20001,
        memory_mb=32,
        environment={"TOKEN": "secret"},
        labels={"dockerdriver.namespace": "dd-test", "dockerdriver.instance": "alice"},
    )


def fetch(url):
    deadline = time.monotonic() + 10
    while True:
        try:
            return urllib.request.urlopen(url, timeout=5).read()  # noqa: S310 - our own http URL
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def reading(engine, spec, *command):
    """What a command prints in a container of this description."""
    engine.run(replace(spec, command=command))
    until(lambda: engine.find(spec.name).status == "exited", "it has ended")
    return engine.logs(spec.name)


def test_an_engine_with_our_certificate_answers_a_ping(engine):
    engine.ping()


def test_settings_of_the_environment_do_not_replace_our_authority(host, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/etc/ssl/certs/ca-certificates.crt")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    host.engine.close()
    host.engine.ping()


def test_an_engine_that_proves_another_address_is_not_the_host(authority):
    with light_host(authority, named="10.231.255.2") as wrong, pytest.raises(HostUnreachable) as refusal:
        wrong.engine.ping()
    assert wrong.netns in str(refusal.value)
    assert f"certificate is not valid for '{wrong.address}'" in str(refusal.value)


def test_an_engine_of_another_authority_is_not_the_host(host):
    stranger = CertificateAuthority.create("another")
    client = stranger.issue_client("manager", days=1)
    identity = EngineIdentity(stranger.certificate, client.certificate, client.private_key)
    with pytest.raises(HostUnreachable, match="certificate verify failed"):
        HostEngine.connect(host.address, identity).ping()


def test_a_client_without_our_certificate_is_turned_away(host, authority):
    stranger = CertificateAuthority.create("another").issue_client("manager", days=1)
    identity = EngineIdentity(authority.certificate, stranger.certificate, stranger.private_key)
    with pytest.raises(HostUnreachable):
        HostEngine.connect(host.address, identity).ping()


def test_an_address_where_nothing_listens_is_named_with_the_step(host):
    with pytest.raises(HostUnreachable, match=r"^host h-07: the engine could not answer a ping: Connection refused$"):
        HostEngine.connect(host.address, host.identity, host="h-07", port=2999).ping()


def test_an_address_that_swallows_packets_costs_no_more_than_the_limit(host):
    start = time.monotonic()
    silent = host.address.removesuffix("2") + "9"
    with pytest.raises(HostUnreachable):
        HostEngine.connect(silent, host.identity).ping(timeout=1)
    assert time.monotonic() - start < 20


def test_the_key_is_on_no_disk_and_in_no_repr(host):
    assert host.identity.client_key not in repr(host.identity)


def test_a_loaded_image_is_there_under_the_id_that_its_archive_tells(host, image):
    assert image.id in host.engine.image_ids()
    assert set(chain_ids(image.diff_ids)) <= host.engine.chains()


@pytest.mark.parametrize("pack", [gzip.compress, bytes], ids=["gzip", "plain"])
def test_an_archive_is_loaded_in_pieces_however_it_is_packed(host, pack):
    image = busybox_image(f"packed-{pack.__name__}:1", SERVE, {"packed": pack.__name__.encode()})
    content = io.BytesIO(pack(image.archive()))
    assert host.engine.load(iter(lambda: content.read(10_000), b"")) == [f"packed-{pack.__name__}:1"]
    assert image.id in host.engine.image_ids()


def test_a_layer_that_is_not_what_the_config_names_is_refused_by_the_engine(host):
    image = busybox_image("swapped", SERVE, {"page": b"one"})
    members = image.members()
    members[list(members)[1]] = next(iter(members.values()))
    with pytest.raises(EngineTrouble, match="invalid diffID"):
        host.engine.load([tar_of(members)])


def test_a_container_answers_on_the_hosts_address(engine, host, spec):
    engine.run(spec)
    assert fetch(f"http://{host.address}:{spec.host_port}/index.html") == b"here"


def test_asked_twice_there_is_one_container(engine, spec):
    assert engine.run(spec) == engine.run(spec)
    assert len(engine.containers({"dockerdriver.instance": "alice"})) == 1


def test_a_container_that_was_only_created_is_started(engine, spec):
    engine._create(spec)
    assert engine.find(spec.name).status == "created"
    engine.run(spec)
    assert engine.find(spec.name).running


def test_a_container_that_is_filled_before_it_starts_is_the_one_that_runs(engine, spec):
    filled = engine.prepare(spec)
    engine.write_files(filled, [tar_of({"note": b"from before"})])
    assert engine.run(spec, prepared=filled) == filled
    assert b"from before" in b"".join(engine.read_files(spec.name, "/note"))
    assert engine.prepare(spec) == ""


def test_a_container_that_another_run_filled_never_starts(engine, spec):
    half = engine.prepare(spec)
    assert engine.prepare(spec) != half
    with pytest.raises(EngineTrouble, match="that was made ready is gone"):
        engine.run(spec, prepared=half)


def test_an_earlier_try_with_another_port_is_replaced(engine, host, spec):
    first = engine.run(spec)
    moved = replace(spec, host_port=20002)
    assert engine.run(moved) != first
    assert fetch(f"http://{host.address}:20002/index.html") == b"here"


def test_a_container_of_another_owner_is_left_alone(engine, spec):
    theirs = engine.run(replace(spec, labels={"dockerdriver.namespace": "dd-other"}))
    with pytest.raises(EngineTrouble, match="another owner's container is named dd-alice"):
        engine.run(spec)
    assert engine.find(spec.name).id == theirs


def test_a_container_that_cannot_start_leaves_nothing(engine, spec):
    with pytest.raises(EngineTrouble, match=r"refused to start container dd-alice: .*no-such-program"):
        engine.run(replace(spec, command=("no-such-program",), init=False))
    assert engine.find(spec.name) is None


def test_a_port_that_is_taken_is_named_and_nothing_is_left(engine, spec):
    engine.run(spec)
    with pytest.raises(EngineTrouble, match="20001"):
        engine.run(replace(spec, name="dd-bob"))
    assert engine.find("dd-bob") is None


def test_an_image_that_is_not_there_is_named(engine, spec):
    with pytest.raises(EngineTrouble, match=r"[Nn]o such image"):
        engine.run(replace(spec, image="sha256:" + "0" * 64))


def test_a_session_has_no_capability_but_those_that_its_image_needs(engine, spec):
    status = reading(
        engine, replace(spec, capabilities=("CHOWN",)), "grep", "-E", "CapEff|CapBnd|NoNewPrivs", "/proc/self/status"
    )
    lines = dict(line.split(":\t") for line in status.splitlines())
    assert lines == {"CapEff": "0000000000000001", "CapBnd": "0000000000000001", "NoNewPrivs": "1"}


def test_a_session_has_as_much_shared_memory_as_it_is_given(engine, spec):
    mounts = reading(engine, replace(spec, shm_mb=16), "grep", "/dev/shm", "/proc/mounts")
    assert "size=16384k" in mounts


def test_a_session_that_changes_nothing_of_its_image_writes_where_memory_is(engine, spec):
    write = "for folder in / /etc /tmp /var/tmp /run; do (: >$folder/note) 2>/dev/null && echo $folder; done; true"
    said = reading(engine, replace(spec, read_only=True, shm_mb=8), "sh", "-c", write)
    assert said.split() == ["/tmp", "/var/tmp", "/run"]


def test_nothing_can_be_put_into_such_a_session_and_it_is_known_of_it(engine, spec):
    engine.run(replace(spec, read_only=True, shm_mb=8))
    assert not engine.find(spec.name).takes_files
    with pytest.raises(EngineTrouble, match="read-only"):
        engine.write_files(spec.name, text_tar("/run/dockerdriver/tokens", "a token"))


def test_memory_and_swap_together_and_processes_are_limited(engine, spec):
    engine.run(replace(spec, memory_mb=48, swap_mb=16, pids_limit=77, cpus=64.5, open_files=1234))
    with engine.client("look") as client:
        limits = client.inspect_container(spec.name)["HostConfig"]
    assert (limits["Memory"], limits["MemorySwap"], limits["PidsLimit"]) == (48 << 20, 64 << 20, 77)
    files = {"Name": "nofile", "Soft": 1234, "Hard": 1234}
    assert limits["Ulimits"] == [{"Name": "core", "Soft": 0, "Hard": 0}, files]
    assert limits["Init"] is True
    assert (limits["CpuQuota"], limits["CpuPeriod"]) == (6_450_000, 100_000)  # more than any machine of the tests has


def test_a_rate_of_the_network_is_told_to_the_host_and_is_no_mark_of_whose_a_container_is(engine, spec):
    first = engine.run(replace(spec, network_mbit=8))
    assert engine.find(spec.name).labels["dockerdriver.network_mbit"] == "8"
    assert engine.run(replace(spec, network_mbit=0)) != first
    assert "dockerdriver.network_mbit" not in engine.find(spec.name).labels


def test_a_session_begins_in_no_network_that_its_host_does_not_hold_closed(engine, spec):
    with pytest.raises(EngineTrouble, match="has no network dd-closed for sessions that may not reach all"):
        engine.run(replace(spec, network="closed"))
    assert engine.find(spec.name) is None


def test_an_image_with_an_init_of_its_own_is_process_one(engine, spec):
    assert reading(engine, replace(spec, init=False), "head", "-c", "4", "/proc/1/comm") == "head"


def test_a_notebook_that_its_user_shut_down_stays_down(engine, spec):
    engine.run(replace(spec, command=("true",)))
    until(lambda: engine.find(spec.name).status == "exited", "it has ended")
    state = engine.find(spec.name)
    assert (state.exit_code, restarts(engine, state.id), state.running) == (0, 0, False)


def test_a_notebook_that_crashes_at_once_is_given_up(engine, spec):
    engine.run(replace(spec, command=("sh", "-c", "exit 3")))
    until(lambda: engine.find(spec.name).status == "exited", "it has ended")
    assert (engine.find(spec.name).exit_code, restarts(engine, spec.name)) == (3, 3)


def test_a_container_knows_its_image_and_whose_it_is(engine, spec):
    engine.run(spec)
    state = engine.find(spec.name)
    assert (state.name, state.image, state.labels["dockerdriver.instance"]) == ("dd-alice", spec.image, "alice")


def test_containers_are_found_by_their_labels_alone(engine, spec):
    engine.run(spec)
    engine.run(replace(spec, name="dd-bob", host_port=20005, labels={"dockerdriver.namespace": "dd-other"}))
    assert [one.name for one in engine.containers({"dockerdriver.namespace": "dd-test"})] == ["dd-alice"]
    assert {one.name for one in engine.containers({"dockerdriver.namespace": ""})} == {"dd-alice", "dd-bob"}


def test_removing_twice_is_harmless(engine, spec):
    engine.run(spec)
    engine.remove(spec.name)
    engine.remove(spec.name)
    assert engine.find(spec.name) is None


def test_two_who_remove_at_once_both_succeed(engine, spec):
    engine.run(spec)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(engine.remove, [spec.name] * 4))
    until(lambda: engine.find(spec.name) is None, "it is gone")


def test_the_last_lines_of_the_log_are_read(engine, spec):
    assert reading(engine, spec, "sh", "-c", "echo one; sleep 1; echo two >&2") == "one\ntwo\n"
    assert engine.logs(spec.name, lines=1) == "two\n"


def test_lines_have_their_moments_and_those_of_a_second_or_later_can_be_read_alone(engine, spec):
    reading(engine, spec, "sh", "-c", "echo one; sleep 2; echo two >&2")
    one, two = dated_lines(said := engine.dated_logs(spec.name, 10), an_instance(), 10)
    assert (one.line, two.line, one.at < two.at) == ("one", "two", True)
    assert engine.dated_logs(spec.name, 10, second_of(two.at)) == said.splitlines(keepends=True)[1]
    assert engine.dated_logs(spec.name, 1) == said.splitlines(keepends=True)[1]


def test_many_threads_share_one_engine(engine, spec):
    specs = [replace(spec, name=f"dd-{n}", host_port=20100 + n) for n in range(6)]
    with ThreadPoolExecutor(6) as pool:
        assert len(set(pool.map(engine.run, specs))) == 6
    assert all(engine.find(one.name).running for one in specs)


def test_the_self_test_runs_a_container_and_leaves_none(engine, image):
    engine.try_image(image.id)
    assert engine.containers({}) == []


def test_connections_are_kept_and_quick(engine):
    engine.ping()
    took = []
    for _ in range(20):
        start = time.monotonic()
        engine.ping()
        took.append(time.monotonic() - start)
    assert median(took) < 0.05
    assert threading.active_count() < 50


def test_a_session_survives_a_power_cut_with_its_files(host, engine, spec):
    engine.run(replace(spec, command=("sh", "-c", "echo kept >> /file; exec httpd -f -p 8888 -h /")))
    fetch(f"http://{host.address}:{spec.host_port}/file")
    host.cut_power()
    with pytest.raises(HostUnreachable):
        engine.find(spec.name)
    host.start()
    assert fetch(f"http://{host.address}:{spec.host_port}/file") == b"kept\nkept\n"
    assert engine.find(spec.name).running
