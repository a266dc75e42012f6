"""The main job on OpenStack, as an operator with a ``clouds.yaml`` meets it. The tests go on from one another.

Its workers and Prefect's server are not root, as is the default there.
"""

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from blocks.clouds.openstack_project.marks import description
from blocks.settings import ProcessSettings
from pool.records import Host
from pool.states import HostState
from pool.store.pool_store import PoolStore
from tests.rigs.gateways.browser import browser_page, run_cell_in_jupyterlab
from tests.rigs.hosts.leftovers import containers_of, processes_of
from tests.rigs.present import present
from tests.rigs.stacks.accounts import OF_THE_ACCOUNT, users_by_word
from tests.rigs.stacks.open_checkout import PLACE, opened
from tests.rigs.stacks.stack import Stack
from tests.rigs.waiting import until
from tests.system.conftest import fresh_installation

pytest_plugins = ("tests.rigs.openstack.fixtures",)
pytestmark = [pytest.mark.system, pytest.mark.openstack, pytest.mark.nightly, pytest.mark.timeout(1500)]


@pytest.fixture(scope="module")
def clouds_yaml(openstack_rig) -> Path:
    """The operator's file, which is theirs alone until `make up` lets the workers read it."""
    file = Path(os.environ["OS_CLIENT_CONFIG_FILE"])
    file.chmod(0o600)
    return file


@pytest.fixture(scope="module")
def stack(clouds_yaml, engine_url) -> Iterator[Stack]:
    """A running stack whose cloud has no volume service; nothing but what the docs name was set."""
    it = opened(
        fresh_installation(
            PLACE.with_name("dockerdriver-checkout-openstack") / ".dockerdriver",
            DD_CLOUD="openstack",
            DD_ENGINE_URL=engine_url,
            OS_CLOUD="rig",
            OS_CLIENT_CONFIG_FILE=str(clouds_yaml),
            DD_HOST_DATA_VOLUME_FACTOR="0",
        )
    )
    try:
        up = it.command("up")
        assert up.returncode == 0, f"{up.stdout}\n{it.logs()}"
        it.first_output = up.stdout
        yield it
    finally:
        it.take_away()


def hosts(stack) -> list[Host]:
    return store(stack).hosts.all("main")


def store(stack) -> PoolStore:
    return stack.records


def namespace(stack) -> str:
    return ProcessSettings(data=stack.data, _env_file=None).identity


def test_make_up_checks_the_project_and_has_nova_spawn_a_host(stack, project):
    [host] = hosts(stack)
    server = project.compute.get_server(host.server_id)
    [port] = project.network.ports(device_id=server.id)
    assert "ok       quota: room for 4 hosts of flavor standard.xlarge" in stack.first_output
    assert (host.state, host.address) == (HostState.ACTIVE, port.fixed_ips[0]["ip_address"])
    assert (server.name, server.status, server.tags[0]) == ("main-01", "ACTIVE", namespace(stack))


def test_workers_and_prefects_server_are_not_root_and_read_the_operator_s_clouds_yaml(stack, clouds_yaml):
    settings = ProcessSettings(data=stack.data, cloud="openstack", _env_file=None)
    assert users_by_word(settings, *OF_THE_ACCOUNT) == OF_THE_ACCOUNT
    assert (clouds_yaml.group(), clouds_yaml.stat().st_mode & 0o777) == ("dockerdriver", 0o640)


def test_a_session_on_the_server_opens_in_a_browser_and_computes_until_it_is_ended(stack, artifacts):
    answer = stack.provision("browser-1", user="alice")
    with browser_page() as page:
        assert run_cell_in_jupyterlab(page, answer["launch_url"], "6*7", artifacts / "openstack.png") == "42"
    assert stack.run("deprovision-instance/on-demand", instance_id="browser-1")[0] == "COMPLETED"
    assert httpx.get(answer["url"], trust_env=False).status_code == 410


def test_a_port_of_ours_without_a_host_is_reported_and_then_removed_and_a_stranger_s_stays(stack, project):
    network = project.network.find_network("pool-net").id
    marked = project.network.create_port(network_id=network, name="main-99", description=description(namespace(stack)))
    strange = project.network.create_port(network_id=network, name="main-98")
    subject = f"port/main/main-99/{marked.id}"
    try:
        until(lambda: stack.run("housekeep/scheduled") and not project.network.find_port(marked.id), "it is swept", 120)
        assert decided(stack, subject) == ["report", "remove-part"]
        assert project.network.find_port(strange.id)
    finally:
        project.network.delete_port(strange)


def decided(stack, subject: str) -> list[str]:
    """What ticks decided about it, in their order."""
    return [recorded.decision.kind for recorded in reversed(store(stack).ticks.decisions(subject))]


def test_shutdown_mode_removes_the_host_and_the_cloud_shows_nothing_of_ours(stack, openstack_rig):
    stack.set_pool(DD_SHUTDOWN_MODE=True)
    welcome = present(re.search(r"welcome-\d+", str(stack.command("status").stdout))).group()
    stack.run("deprovision-instance/on-demand", instance_id=welcome)
    deadline = time.monotonic() + 300
    while {host.state for host in hosts(stack)} != {HostState.REMOVED} and time.monotonic() < deadline:
        stack.run("housekeep/scheduled")
    assert [host.state for host in hosts(stack)] == [HostState.REMOVED]
    assert openstack_rig.project_holds() == set()
    assert containers_of(namespace(stack), stack.engine) == set()


def test_make_down_ends_every_process(stack):
    down = stack.command("down")
    assert down.returncode == 0, down.stdout
    assert processes_of(stack.data) == set()
