"""What every cloud must do. A new cloud joins by a fixture that gives its `Rig`."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from blocks.clouds.port import Server, ServerRequest, ServerStatus
from pool.errors import CloudTrouble
from tests.rigs.hosts.clouds import KEY, NAMESPACE, Rig, server_request, ssh_when_it_answers
from tests.rigs.present import present
from tests.rigs.waiting import until

pytest_plugins = ("tests.rigs.engines.engine", "tests.rigs.hosts.cloud_fixtures", "tests.rigs.openstack.fixtures")
pytestmark = pytest.mark.contract


@pytest.fixture(params=["local", "static", pytest.param("openstack", marks=pytest.mark.openstack)])
def rig(request) -> Rig:
    return request.getfixturevalue(request.param)


def built(rig: Rig, request: ServerRequest) -> Server:
    """The host's server once it is built: some clouds answer before it is."""
    host = request.host
    rig.cloud.create(request)
    until(lambda: present(rig.cloud.find(host)).status is not ServerStatus.BUILD, f"{host} is built", 60)
    return present(rig.cloud.find(host))


def test_a_created_server_is_found_with_its_name_and_pool(rig):
    made = rig.cloud.create(rig.request("h-1"))
    found = built(rig, rig.request("h-1"))
    assert (made.host, made.pool, made.id) == ("h-1", "main", found.id)
    assert (found.host, found.pool, found.status) == ("h-1", "main", ServerStatus.ACTIVE)


def test_a_host_that_was_never_made_is_not_found(rig):
    assert rig.cloud.find("h-1") is None


def test_created_twice_is_one_server(rig):
    first, second = rig.cloud.create(rig.request("h-1")), rig.cloud.create(rig.request("h-1"))
    assert first.id == second.id
    assert [server.id for server in rig.cloud.list_servers()] == [first.id]


def test_created_twice_at_once_is_one_server(rig):
    with ThreadPoolExecutor() as pool:
        first, second = pool.map(rig.cloud.create, [rig.request("h-1"), rig.request("h-1")])
    assert first.id == second.id
    assert len(rig.cloud.list_servers()) == 1


def test_hosts_made_at_once_get_addresses_of_their_own(rig):
    with ThreadPoolExecutor() as pool:
        made = list(pool.map(lambda n: built(rig, rig.request(f"h-{n}")), range(3)))
    assert len({server.address for server in made}) == 3
    assert {server.host for server in rig.cloud.list_servers()} == {"h-0", "h-1", "h-2"}


def test_what_a_cloud_makes_counts_against_the_limit_that_it_knows(rig):
    before = rig.cloud.headroom("small")
    built(rig, rig.request("h-1"))
    after = rig.cloud.headroom("small")
    assert (after and after.hosts) == (before and before.hosts - 1)


def test_deleting_twice_is_harmless_and_the_server_is_gone(rig):
    rig.cloud.create(rig.request("h-1"))
    rig.cloud.delete("h-1")
    rig.cloud.delete("h-1")
    assert (rig.cloud.find("h-1"), rig.cloud.list_servers()) == (None, [])


def test_deleting_one_host_leaves_the_others(rig):
    rig.cloud.create(rig.request("h-1"))
    other = rig.cloud.create(rig.request("h-10"))
    rig.cloud.delete("h-1")
    assert [server.id for server in rig.cloud.list_servers()] == [other.id]


def test_a_namespace_sees_and_deletes_only_its_own(rig):
    ours, stranger = rig.cloud.create(rig.request("h-1")), rig.open(f"{NAMESPACE}-other")
    theirs = stranger.create(rig.request("h-1"))
    stranger.delete("h-1")
    assert ours.id != theirs.id
    assert [server.id for server in rig.cloud.list_servers()] == [ours.id]


def test_a_host_without_a_server_has_an_empty_console(rig):
    assert rig.cloud.console_log("h-1") == ""


def test_the_server_proves_itself_with_the_recorded_key_and_lets_our_login_in(rig, tmp_path):
    server = built(rig, server_request("h-1"))
    key = server.host_key or KEY.public
    assert ssh_when_it_answers(server, key, tmp_path, "sudo -n id -u").stdout == "0\n"


def test_what_came_with_a_server_is_listed_by_our_mark_and_can_be_removed_one_by_one(rig):
    built(rig, rig.request("h-1"))
    assert {part.host for part in rig.cloud.parts()} >= {"h-1"}
    assert rig.open(f"{NAMESPACE}-none").parts() == ()

    def removed() -> bool:
        for part in rig.cloud.parts():
            with suppress(CloudTrouble):  # a volume or a group is in use until what has it is gone
                rig.cloud.remove_part(part)
        return rig.cloud.parts() == ()

    until(removed, "nothing of ours is left", 60)
    assert rig.cloud.find("h-1") is None
