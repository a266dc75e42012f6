"""What a session's container is made of."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from pool.records import BlueprintSpec, Instance, Placement
from pool.sessions.containers import container_spec, container_user
from pool.states import InstanceState

pytestmark = pytest.mark.unit

NOW = datetime(2026, 1, 5, tzinfo=UTC)
PLACEMENT = Placement("main-01", 20007)
INSTANCE = Instance(
    "alice-1", "main", "jupyter", "alice", InstanceState.STARTING, 1, "r0ute", "t0ken", NOW, NOW, PLACEMENT
)
BLUEPRINT = BlueprintSpec(
    name="jupyter",
    pool="main",
    image="jupyter-minimal",
    port=8888,
    command=("start", "--base={base_url}", "--port={port}", "--json={}"),
    environment={"JUPYTER_TOKEN": "{token}", "NB_USER": "{user}"},
    memory_mb=768,
    capabilities=("CHOWN",),
)


def spec(timezone: str = "UTC", **blueprint):
    return container_spec(INSTANCE, replace(BLUEPRINT, **blueprint), "sha256:abc", "dd-test", timezone)


def test_its_base_url_is_the_route_and_other_braces_stay():
    assert spec().command == ("start", "--base=/notebooks/r0ute/", "--port=8888", "--json={}")


def test_its_token_is_its_own_and_never_on_the_command_line():
    assert spec().environment.items() >= {"JUPYTER_TOKEN": "t0ken", "NB_USER": "alice"}.items()
    assert not any("t0ken" in word for word in spec().command)


def test_it_is_published_on_the_port_that_was_reserved():
    assert (spec().port, spec().host_port) == (8888, 20007)


def test_it_gets_the_limits_and_capabilities_of_its_blueprint():
    assert (spec().memory_mb, spec().capabilities, spec().pids_limit) == (768, ("CHOWN",), 512)
    assert (spec().disk_mb, spec().swap_mb, spec(memory_swap_mb=256).swap_mb) == (10240, 0, 256)
    assert (spec().network_mbit, spec(network_mbit=50).network_mbit) == (0, 50)
    assert (spec().network, spec(network="closed").network) == ("open", "closed")
    assert (spec(network_list=("10.0.0.0/8",)).network_list, spec(open_files=9).open_files) == (("10.0.0.0/8",), 9)


@pytest.mark.parametrize(("user", "told"), [("", ""), ("1000:100", "1000:100"), ("root", "root")])
def test_it_is_run_by_the_user_that_its_blueprint_names(user, told):
    assert container_user("alice-1", user) == told


def test_a_session_has_a_uid_of_its_own_in_the_group_of_its_image():
    users = {container_user(f"alice-{number}", "session:1000").partition(":") for number in range(20_000)}
    uids = {int(uid) for uid, _, _ in users}
    assert (len(uids) > 19_990, {gid for _, _, gid in users}) == (True, {"1000"})
    assert 1_879_048_192 <= min(uids) < max(uids) < 2_147_352_576
    assert container_user("alice-1", "session:1000") == container_user("alice-1", "session:1000")


@pytest.mark.parametrize(("wanted", "memory", "given"), [(0, 2048, 1024), (0, 100, 64), (256, 2048, 256)])
def test_its_shared_memory_is_half_of_its_memory_or_what_the_blueprint_says(wanted, memory, given):
    blueprint = replace(BLUEPRINT, shm_mb=wanted, memory_mb=memory)
    assert container_spec(INSTANCE, blueprint, "sha256:abc", namespace="dd-test").shm_mb == given


def test_its_labels_tell_whose_it_is():
    assert spec().labels == {
        "dockerdriver.namespace": "dd-test",
        "dockerdriver.pool": "main",
        "dockerdriver.instance": "alice-1",
    }


def test_its_id_and_the_time_zone_of_its_pool_are_filled_in():
    filled = spec("Europe/Berlin", environment={"ME": "{instance_id} in {timezone}"}, command=("run", "{instance_id}"))
    assert (filled.environment["ME"], filled.command) == ("alice-1 in Europe/Berlin", ("run", "alice-1"))


def test_it_is_told_its_memory_in_bytes_and_its_pools_time_zone():
    environment = spec("Europe/Berlin").environment
    assert (environment["MEM_LIMIT"], environment["TZ"]) == (str(768 * 1024 * 1024), "Europe/Berlin")


def test_its_image_keeps_its_own_time_zone_where_the_pool_has_none_and_its_own_threads_without_a_limit():
    assert not {"TZ", "CPU_LIMIT", "OMP_NUM_THREADS"} & spec().environment.keys()


@pytest.mark.parametrize(("cpus", "said", "threads"), [(0.5, "0.5", "1"), (1.5, "1.5", "2"), (4, "4", "4")])
def test_numeric_libraries_begin_as_many_threads_as_it_has_cpus(cpus, said, threads):
    environment = spec(cpus=cpus).environment
    assert spec(cpus=cpus).cpus == cpus
    assert (environment["CPU_LIMIT"], environment["OMP_NUM_THREADS"], environment["MC_CORES"]) == (
        said,
        threads,
        threads,
    )


def test_what_the_blueprint_or_the_request_sets_counts_before_what_it_is_told():
    own = {"OMP_NUM_THREADS": "8", "TZ": "Asia/Tokyo"}
    asked = replace(INSTANCE, options={"environment": {"MEM_LIMIT": "1"}})
    made = container_spec(asked, replace(BLUEPRINT, cpus=2, environment=own), "sha256:abc", "dd-test", "Europe/Berlin")
    assert made.environment.items() >= (own | {"MEM_LIMIT": "1"}).items()
