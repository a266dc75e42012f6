"""What a host is configured with: what sessions on it may not reach, and the version that is recorded of it."""

import asyncio
from types import SimpleNamespace

import pytest

from blocks.addresses.own_addresses import own_addresses, reachable_addresses
from blocks.clouds.port import Cloud
from blocks.host_setup.playbook import PlaybookRun
from blocks.host_setup.setup import HostSetup
from blocks.outside import standing_in
from blocks.stored.authority import CertificateAuthority
from blocks.stored.blueprint import Blueprint
from blocks.stored.host_keys import HostLogin
from blocks.stored.pool_config import PoolConfig
from pool.errors import PlaybookFailed
from tasks.hosts.setup import apply_playbook, check_escapes, finish_baked
from tests.rigs.fakes import Blocks, FakeBlocks, fake_outside
from tests.rigs.pool_data import a_host

pytestmark = pytest.mark.unit

CONFIG = PoolConfig(DD_BLOCKED_NETWORKS=["10.20.0.0/16"])
HOST = a_host(address="192.0.2.9", host_key="ssh-ed25519 0")


class NotedHosts(HostSetup):
    """No host is touched; what it would have been told is kept."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.runs, self._failure = list[PlaybookRun](), failure
        self.inputs: dict[str, str | bytes | None] = {}

    def own_addresses(self):
        return ["192.0.2.1"]

    def run_playbook(self, run, say, seconds):
        self.runs.append(run)
        if self._failure:
            raise self._failure

    def shell(self, host):
        return self

    def __enter__(self):
        return SimpleNamespace(run=lambda command, timeout, stdin: self.inputs.update({command: stdin}))

    def __exit__(self, *error):
        pass


def configured(task, hosts, config=CONFIG):
    """What is recorded of the host after the task."""
    noted = {}
    store = SimpleNamespace(writes=0, hosts=SimpleNamespace(note=lambda name, **facts: noted.update({name: facts})))
    stored: Blocks = {PoolConfig: {"main": config}, Cloud: {"main": SimpleNamespace(data_device="")}}
    authority, login = CertificateAuthority.create("test"), HostLogin.create()
    secrets: Blocks = {CertificateAuthority: {"main": authority}, HostLogin: {"main": login}}
    with standing_in(fake_outside(hosts=hosts, store=store, stored=FakeBlocks(stored | secrets))):
        asyncio.run(task.fn(HOST))
    return noted


def test_sessions_are_kept_from_the_manager_and_from_what_the_operator_lists():
    configured(apply_playbook, hosts := NotedHosts())
    assert hosts.runs[0].variables["firewall_networks"] == ["192.0.2.1", "10.20.0.0/16"]


def test_a_baked_host_gets_them_before_its_engine_starts():
    configured(finish_baked, hosts := NotedHosts())
    blocked, engine = list(hosts.inputs)
    assert (hosts.inputs[blocked], "/etc/notebook-firewall/blocked" in blocked) == ("192.0.2.1\n10.20.0.0/16\n", True)
    assert "systemctl enable --quiet --now docker" in engine


@pytest.mark.parametrize("task", [apply_playbook, finish_baked])
def test_a_host_gets_the_swap_and_the_look_at_its_gpus_that_its_pools_settings_say(task):
    configured(task, hosts := NotedHosts(), PoolConfig(DD_HOST_SWAP_MB=1536, DD_HOST_GPUS=2))
    (run,) = hosts.runs
    assert (run.variables["storage_swap_mb"], run.variables["gpu_count"]) == (1536, 2)


def test_a_baked_host_without_swap_or_volume_of_its_own_needs_no_playbook():
    configured(finish_baked, hosts := NotedHosts())
    assert hosts.runs == []


@pytest.mark.parametrize("task", [apply_playbook, finish_baked])
def test_the_version_of_its_setup_is_recorded_once_it_is_done(task):
    assert configured(task, NotedHosts()) == {"main-01": {"setup": CONFIG.settings("main").setup_version}}


def test_a_playbook_that_failed_leaves_the_version_as_it_was():
    with pytest.raises(PlaybookFailed):
        configured(apply_playbook, NotedHosts(PlaybookFailed("no")))


@pytest.mark.parametrize(("pool", "mbit", "tried"), [("main", 8, True), ("main", 0, False), ("gpu", 8, False)])
def test_a_rate_of_the_network_is_tried_where_a_blueprint_of_the_pool_has_one(pool, mbit, tried):
    asked = []
    engines = SimpleNamespace(open_doors=lambda host, doors, limited: asked.append(limited))
    lab = Blueprint(image="lab", port=8888, pool=pool, network_mbit=mbit)
    nothing = SimpleNamespace(all=lambda **_: [])
    stored, store = FakeBlocks({Blueprint: {"lab": lab}}), SimpleNamespace(writes=0, hosts=nothing, instances=nothing)
    with standing_in(fake_outside(engines=engines, hosts=NotedHosts(), stored=stored, store=store)):
        asyncio.run(check_escapes.fn(HOST))
    assert asked == [tried]


def test_a_machine_is_not_reached_by_others_under_the_addresses_of_its_loopback():
    assert {"127.0.0.1"} <= set(own_addresses()) - set(reachable_addresses())
