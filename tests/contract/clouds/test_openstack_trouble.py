"""What goes wrong in clouds, tried on the real services; and the sweep of what it leaves."""

import re
from contextlib import suppress
from multiprocessing import get_context

import httpx
import pytest
from openstack.connection import Connection

from blocks.clouds.openstack_project.cloud import OpenStackCloud
from blocks.clouds.openstack_project.login.clients import connect
from blocks.clouds.openstack_project.parts import ensure_port
from blocks.clouds.openstack_project.shared import remove_names
from blocks.clouds.openstack_project.snapshots import image_properties
from blocks.clouds.port import ServerStatus
from pool.errors import CloudTrouble
from pool.housekeeping.orphans import CloudPart, orphans
from tests.rigs.openstack.cloud_under_test import NAMESPACE, kinds, make_when_all_are_ready, opened, request, settled
from tests.rigs.openstack.misbehaving_proxy import Trouble
from tests.rigs.pool_data import a_host
from tests.rigs.present import present
from tests.rigs.waiting import until

pytest_plugins = ("tests.rigs.openstack.fixtures",)
pytestmark = [pytest.mark.contract, pytest.mark.openstack, pytest.mark.nightly]


@pytest.mark.parametrize(
    ("flavor", "fault"),
    [("rig.too-large", "No valid host was found"), ("rig.fails", "Exceeded maximum number of retries|asked to fail")],
)
def test_a_server_in_error_gives_the_cloud_s_own_words_and_is_removed(cloud, flavor, fault):
    cloud.create(request(flavor=flavor))
    server = present(settled(cloud))
    assert server.status is ServerStatus.ERROR
    assert re.search(fault, server.fault)
    cloud.delete("main-01")
    assert cloud.parts() == ()


def test_a_server_that_never_leaves_build_can_be_removed(cloud):
    cloud.create(request(flavor="rig.never-ready"))
    assert present(settled(cloud, seconds=5)).status is ServerStatus.BUILD
    cloud.delete("main-01")
    assert (cloud.find("main-01"), cloud.parts()) == (None, ())


def test_a_server_that_is_active_and_mute_shows_its_last_words(cloud):
    cloud.create(request())
    assert present(settled(cloud)).status is ServerStatus.ACTIVE
    assert cloud.console_log("main-01") == "kernel panic: no init found"


def test_a_server_that_was_deleted_by_hand_is_gone_and_its_rest_is_removed(cloud, project):
    server = cloud.create(request())
    project.compute.delete_server(server.id)
    until(lambda: cloud.find("main-01") is None, "the server is gone", 120)
    assert "port" in kinds(cloud)
    cloud.delete("main-01")
    assert cloud.parts() == ()


def test_a_server_that_will_not_die_is_trouble_until_it_does(cloud, openstack_rig):
    cloud.create(request(flavor="rig.undying"))
    assert present(settled(cloud)).status is ServerStatus.ACTIVE
    with pytest.raises(CloudTrouble, match=r"could not delete server .* of host main-01"):
        cloud.delete("main-01")
    openstack_rig.forgive()
    cloud.delete("main-01")
    assert cloud.parts() == ()


def test_a_cloud_that_answers_503_is_trouble_and_the_next_try_makes_one_host(cloud, proxy):
    proxied = opened("rig-proxied")
    with proxy.misbehaving("POST /v2.1/servers", Trouble.UNAVAILABLE), pytest.raises(CloudTrouble, match="503"):
        proxied.create(request())
    made = proxied.create(request())
    assert [server.id for server in cloud.list_servers()] == [made.id]
    assert kinds(cloud).count("port") == 1


@pytest.mark.parametrize("trouble", [Trouble.UNAVAILABLE, Trouble.DROP], ids=["503", "dropped"])
def test_a_cloud_that_does_not_answer_is_not_a_host_that_is_gone(cloud, proxy, trouble):
    proxied = opened("rig-proxied")
    with proxy.misbehaving("GET /v2.1/servers/detail", trouble), pytest.raises(CloudTrouble):
        proxied.find("main-01")


def test_a_server_whose_acceptance_we_never_heard_of_is_found_and_not_made_again(cloud, proxy):
    proxied = opened("rig-proxied")
    with proxy.misbehaving("POST /v2.1/servers", Trouble.DROP_ANSWER), pytest.raises(CloudTrouble):
        proxied.create(request())
    found = cloud.find("main-01")
    assert cloud.create(request()).id == found.id
    assert len(cloud.list_servers()) == 1


def test_a_port_of_a_spawn_that_died_is_used_by_the_next(cloud, project):
    network = project.network.find_network("pool-net")
    left = ensure_port(project, NAMESPACE, "main-01", network.id, [])
    assert cloud.find("main-01") is None
    cloud.create(request())
    assert present(settled(cloud)).address == left.fixed_ips[0]["ip_address"]


def test_a_token_that_was_revoked_is_renewed_in_the_middle(cloud, admin):
    server = cloud.create(request())
    settled(cloud)  # Nova itself builds with our token
    login = connect(cloud.credentials)
    token, servers = present(login.session.get_token()), f"{login.compute.get_endpoint()}/servers"
    admin.identity.delete("/auth/tokens", headers={"X-Subject-Token": token})
    until(lambda: httpx.get(servers, headers={"X-Auth-Token": token}).status_code == 401, "Nova refuses the token", 60)
    assert cloud.find("main-01").id == server.id


def an_order(project: Connection) -> dict:
    """What another installation would ask for, by the name of our host."""
    network = present(project.network.find_network("pool-net"))
    flavor = present(project.compute.find_flavor("rig.tiny"))
    image = present(project.image.find_image("Debian-12"))
    return {"name": "main-01", "flavor_id": flavor.id, "image_id": image.id, "networks": [{"uuid": network.id}]}


def test_a_stranger_s_server_of_the_same_name_is_neither_adopted_nor_deleted(cloud, project):
    theirs = project.compute.create_server(**an_order(project))
    ours = cloud.create(request())
    cloud.delete("main-01")
    assert ours.id != theirs.id
    assert [server.id for server in project.compute.servers()] == [theirs.id]
    project.compute.delete_server(theirs)
    until(lambda: not list(project.compute.servers()), "the stranger's server is gone", 120)


def without_group(project: Connection) -> None:
    group = present(project.network.find_security_group(f"{NAMESPACE}__main"))
    project.network.delete_security_group(group)


def without_names(project: Connection) -> None:
    remove_names(project, NAMESPACE, "main")


@pytest.mark.parametrize("loss", [without_group, without_names])
def test_what_another_process_removes_with_the_last_host_of_a_pool_is_made_again(cloud, project, monkeypatch, loss):
    def port_after_loss(*words):
        loss(project)
        return ensure_port(*words)

    with monkeypatch.context() as patch, pytest.raises(CloudTrouble, match="removed meanwhile"):
        patch.setattr("blocks.clouds.openstack_project.cloud.ensure_port", port_after_loss)
        cloud.create(request())
    assert cloud.find("main-01") is None
    cloud.create(request())
    assert present(settled(cloud)).status is ServerStatus.ACTIVE


def second_server(project: Connection, first: str) -> str:
    """What a process makes that has not seen the first server of the host; the id."""
    like = project.compute.get_server(first)
    return project.compute.create_server(metadata=like.metadata, tags=like.tags, **an_order(project)).id


def test_two_servers_of_one_host_are_both_removed(cloud, project):
    second_server(project, cloud.create(request()).id)
    assert len(cloud.list_servers()) == 2
    cloud.delete("main-01")
    assert cloud.parts() == ()


def test_of_two_servers_of_one_host_each_look_keeps_the_first_and_deletes_the_other(cloud, project):
    both = [first := cloud.create(request()).id, second_server(project, first)]
    oldest = min(both, key=lambda server: (project.compute.get_server(server).created_at, server))
    assert cloud.create(request()).id == oldest
    until(lambda: [server.id for server in cloud.list_servers()] == [oldest], "the other one is gone", 120)


def test_two_processes_that_make_one_host_at_once_leave_one_server(cloud):
    spawn = get_context("spawn")
    line = spawn.Barrier(2)
    makers = [spawn.Process(target=make_when_all_are_ready, args=(line, "main-01"), daemon=True) for _ in range(2)]
    for maker in makers:
        maker.start()
    for maker in makers:
        maker.join(120)
    assert [maker.exitcode for maker in makers] == [0, 0]
    until(lambda: len(cloud.list_servers()) == 1, "one server is left", 120)


# The sweep


def test_every_kind_of_thing_of_ours_is_found_by_its_mark(cloud):
    cloud.create(request())
    assert kinds(cloud) == ["keypair", "port", "security group", "server", "server group"]
    assert opened(namespace="dd-con").parts() == ()


def test_a_host_image_that_no_run_finishes_goes_with_the_host_that_it_was_made_of(cloud, project):
    begun = {"disk_format": "raw", "container_format": "bare"} | image_properties(
        NAMESPACE, "dd-half", "main", "main-01", "r-1"
    )
    image = project.image.create_image(name="dd-half", **begun)
    (part,) = cloud.parts()
    assert (part.kind, part.id, part.pool, part.host) == ("host image", image.id, "main", "main-01")
    assert orphans([part], {"main-01": a_host()}) == []
    cloud.remove_part(part)
    cloud.remove_part(part)
    assert cloud.parts() == ()


def test_what_has_no_living_record_is_an_orphan():
    ours = [
        CloudPart("server", "1", "main-01", "main", "main-01"),
        CloudPart("port", "2", "main-02", None, "main-02"),
        CloudPart("security group", "3", "dd__main", "main"),
        CloudPart("keypair", "4", "dd__gone", "gone"),
    ]
    assert [part.id for part in orphans(ours, {"main-01": a_host()})] == ["2", "4"]


def test_orphans_can_be_removed_one_by_one(cloud, project):
    cloud.create(request())
    settled(cloud)
    until(lambda: swept(cloud), "all are removed", 120)


def swept(cloud: OpenStackCloud) -> bool:
    """Whether nothing is left once each part was removed that can be: a group is in use until the port is gone."""
    for part in orphans(cloud.parts(), living={}):
        with suppress(CloudTrouble):
            cloud.remove_part(part)
    return cloud.parts() == ()
