"""What a run of spawn-host says, and what is left, when a cloud goes wrong: on the real services, a pool a trouble."""

import asyncio
import re
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import pytest
from prefect.client.schemas.objects import State

from blocks.clouds.local.cloud import LocalCloud
from blocks.clouds.openstack_project.login.clients import connect
from blocks.clouds.port import ServerStatus
from blocks.outside import outside, standing_in
from blocks.prefect.port import PrefectPort
from blocks.stored.documents.stored_blocks import StoredBlocks
from blocks.stored.host_keys import HostLogin
from blocks.stored.pool_config import PoolConfig
from flows.hosts.spawn_host import spawn_host
from pool.records import Host
from pool.states import HostState
from runtime.command.doctor.pools import examine_pools
from runtime.command.doctor.told import tell
from tests.rigs.openstack.cloud_under_test import opened
from tests.rigs.openstack.misbehaving_proxy import Trouble
from tests.rigs.present import present
from tests.rigs.services.prefect_server import flows_run_here

if TYPE_CHECKING:
    from blocks.clouds.openstack_project.cloud import OpenStackCloud

pytest_plugins = ("tests.rigs.openstack.fixtures",)
pytestmark = [pytest.mark.integration, pytest.mark.openstack, pytest.mark.nightly]

FLAVORS = {
    "no-host": "rig.too-large",
    "broken": "rig.fails",
    "stuck": "rig.never-ready",
    "mute": "rig.tiny",
    "quota": "rig.over-quota",
    "by-hand": "rig.never-ready",
    "no-volumes": "rig.tiny",
    "lost-answer": "standard.medium",
    "away": "rig.tiny",
}
CLOUDS = {"mute": "rig-revoked", "lost-answer": "rig-proxied", "away": "rig-away"}
WHY = {
    "no-host": "host no-host-01: the cloud could not make it: No valid host was found",
    "broken": "host broken-01: the cloud could not make it: .*(asked to fail|maximum number of retries)",
    "stuck": r"host stuck-01: the cloud still says build \(waited for 3 s\)",
    "mute": r"host mute-01: ssh at .* \(tried for 8 s\); its console ends: kernel panic: no init found",
    "quota": r"cannot make host quota-01: quota: \d+ of 40 cores are in use and rig\.over-quota needs 41",
    "by-hand": "host by-hand-01: its server is gone from the cloud",
    "no-volumes": "no volume service, and a data volume of 24 GB is requested: set DD_HOST_DATA_VOLUME_FACTOR of",
    "away": r"cannot find host away-01: no usable answer from http://127\.0\.0\.1",
}


@dataclass
class Ending:
    """How a run of spawn-host ended, and its host's record."""

    state: State
    host: Host


@pytest.fixture(scope="module")
def pools(openstack_rig, proxy, prefect_server, tmp_path_factory):
    """An installation whose pools are named by what goes wrong in them."""
    with flows_run_here(prefect_server, tmp_path_factory.mktemp("data")) as patch:
        HostLogin.create().save("main")
        openstack_rig.add_cloud("rig-revoked")
        openstack_rig.add_cloud("rig-away", compute_endpoint_override="http://127.0.0.1:9/v2.1")
        for pool, flavor in FLAVORS.items():
            opened(CLOUDS.get(pool, "rig")).save(pool)
            factor = 4 if pool == "no-volumes" else 0
            names = {"DD_HOST_FLAVOR_NAME_SMALL": flavor, "DD_HOST_DATA_VOLUME_FACTOR": factor}
            PoolConfig(cloud=f"openstack-cloud/{pool}", **names).save(pool)
        yield patch


@pytest.fixture(scope="module")
def endings(pools, proxy, admin, project) -> dict[str, Ending]:
    """All runs at once, with less patience than usual; two of the pools meet their trouble while the run waits."""
    hasty = standing_in(replace(outside(), prefect=HastyPrefect()))
    with hasty, proxy.misbehaving("POST /v2.1/servers", Trouble.DROP_ANSWER):
        states = asyncio.run(all_runs(admin, project))
    hosts = {host.pool: host for host in outside().store.hosts.all()}
    return {pool: Ending(state, hosts[pool]) for pool, state in states.items()}


class HastyPrefect(PrefectPort):
    """Waits for less long, tries again sooner; and a host that was spawned stays as it is, not configured."""

    def call(self, task, args, kwargs):
        if task.name == "wait_for_server":
            kwargs = {"seconds": 3 if args[0].pool == "stuck" else 120}
        if task.name == "wait_for_ssh":
            kwargs = {"seconds": 8 if args[0].pool == "mute" else 240}
        task.retry_delay_seconds = 0.5 if task.retries else task.retry_delay_seconds
        return super().call(task, args, kwargs)

    async def trigger(self, deployment, parameters, key, tags=()):
        return key


async def all_runs(admin, project) -> dict[str, State]:
    runs = [spawn_host(pool=pool, flavor="small", return_state=True) for pool in FLAVORS]
    meanwhile = asyncio.gather(delete_by_hand(project), revoke_token(admin))
    states = await asyncio.gather(*runs)
    await meanwhile
    return dict(zip(FLAVORS, states, strict=True))


async def delete_by_hand(project) -> None:
    server = await seen("by-hand-01", lambda server: True)
    await asyncio.to_thread(project.compute.delete_server, server.id)


async def revoke_token(admin) -> None:
    """While the run waits for ssh: what it does afterwards needs a new token."""
    await seen("mute-01", lambda server: server.status is ServerStatus.ACTIVE)
    login = connect(opened("rig-revoked").credentials)
    revoke = partial(admin.identity.delete, "/auth/tokens", headers={"X-Subject-Token": login.session.get_token()})
    await asyncio.to_thread(revoke)


async def seen(host: str, as_wanted):
    cloud: OpenStackCloud = opened()
    for _ in range(300):
        server = await asyncio.to_thread(cloud.find, host)
        if server and as_wanted(server):
            return server
        await asyncio.sleep(0.2)
    raise AssertionError(f"host {host} was not seen as wanted in 60 s")


def test_the_doctor_looks_at_every_pool_with_its_own_cloud(pools, monkeypatch):
    PoolConfig().save("here")
    LocalCloud().save("main")
    monkeypatch.setattr(StoredBlocks, "pools", lambda _: ["here", "lost-answer", "no-volumes", "away"])
    lines: list[str] = []
    assert tell(examine_pools(), lines.append) > 2
    said = "\n".join(lines)
    assert "pool here gets its hosts from local-cloud/main: nothing to check" in said
    healthy = said.partition("pool lost-answer gets its hosts from rig-proxied")[2].partition("pool no-volumes")[0]
    assert ("ok       quota: room for 4 hosts" in healthy, "MISSING" in healthy) == (True, False)
    assert "MISSING  volumes: the cloud has no volume service" in said
    assert "no usable answer from http://127.0.0.1:9" in said


@pytest.mark.parametrize("pool", WHY)
def test_the_flow_run_says_in_one_sentence_what_went_wrong(endings, pool):
    state = endings[pool].state
    assert (state.name, "\n" in state.message) == ("Failed", False)
    assert re.search(WHY[pool], state.message), state.message


@pytest.mark.parametrize("pool", [pool for pool in WHY if pool != "away"])
def test_the_host_is_removed_and_its_record_keeps_the_reason(endings, pool):
    host = endings[pool].host
    assert (host.state, host.reserved) == (HostState.REMOVED, 0)
    assert re.search(WHY[pool], host.reason), host.reason


def test_a_host_of_a_cloud_that_is_away_is_left_to_housekeeping(endings):
    assert endings["away"].host.state is HostState.REMOVING


def test_a_host_whose_acceptance_got_lost_comes_up_with_the_recorded_key(endings):
    ending = endings["lost-answer"]
    server = present(opened().find("lost-answer-01"))
    assert (ending.state.name, ending.host.state) == ("Completed", HostState.CONFIGURING)
    assert (ending.host.server_id, ending.host.host_key) == (server.id, server.host_key)


def test_nothing_is_in_the_cloud_that_the_pool_does_not_know(endings, openstack_rig):
    assert {part.host for part in opened().parts() if part.host} == {"lost-answer-01"}
    opened().delete("lost-answer-01")
    assert openstack_rig.project_holds() == set()
