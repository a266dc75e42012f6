"""The OpenStack cloud against the real services: the host that it makes, and what it refuses."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from blocks.clouds.openstack_project.cloud import OpenStackCloud
from blocks.clouds.openstack_project.login.credentials import OpenStackCredentials
from blocks.clouds.port import ServerStatus
from blocks.host_setup.shell import HostShell
from pool.errors import CloudRefused, CloudTrouble
from pool.records import Headroom
from tests.rigs.hosts.clouds import KEY, LOGIN
from tests.rigs.openstack.cloud_under_test import NAMESPACE, kinds, opened, request, settled
from tests.rigs.openstack.configuration import clouds
from tests.rigs.present import present

pytest_plugins = ("tests.rigs.openstack.fixtures",)
pytestmark = [pytest.mark.contract, pytest.mark.openstack]


SPAWN = (
    "GET nova/servers/detail",
    "GET neutron/security-groups",
    "GET nova/flavors/detail",
    "GET glance/images",
    "GET neutron/networks",
    "GET nova/limits",
    "GET nova/os-server-groups",
    "GET nova/os-keypairs/…",
    "GET neutron/ports",
    "POST neutron/ports",
    "POST nova/servers",
    "GET nova/servers/detail",
)

# The servers, seven kinds of things that may be left over, and two for the quota
LOOK = 10


# A host that works


def test_a_spawned_host_answers_ssh_with_our_key_at_its_port_s_address(cloud, project):
    cloud.create(request(flavor="standard.medium"))
    server = present(settled(cloud))
    port = next(project.network.ports(name="main-01"))
    shell = HostShell(present(server.address), KEY.public, LOGIN)
    shell.wait_for_ssh(60, print)
    assert (server.status, server.address) == (ServerStatus.ACTIVE, port.fixed_ips[0]["ip_address"])
    assert shell.run("hostname", timeout=10).strip() == "main-01"


def test_four_hosts_at_once_get_addresses_of_their_own_and_are_listed_in_one_request(cloud, api_calls):
    hosts = [f"main-{n:02d}" for n in range(1, 5)]
    with ThreadPoolExecutor() as pool:
        list(pool.map(cloud.create, map(request, hosts)))
    made = [present(settled(cloud, host)) for host in hosts]
    assert len({server.address for server in made}) == 4
    api_calls.clear()
    assert {server.host for server in cloud.list_servers()} == set(hosts)
    assert api_calls == ["GET nova/servers/detail"]


def test_a_spawn_asks_the_cloud_for_each_thing_once(cloud, api_calls):
    """What is listed is listed once, and servers only by the host's name."""
    cloud.create(request())
    api_calls.clear()
    cloud.create(request("main-02"))
    assert sorted(api_calls) == sorted(SPAWN)


def test_the_quota_costs_two_requests(cloud, api_calls):
    cloud.list_servers()
    api_calls.clear()
    cloud.headroom("rig.tiny")
    assert sorted(api_calls) == ["GET nova/flavors/detail", "GET nova/limits"]


@pytest.mark.nightly  # four hosts are listed by one request, says a test above
def test_a_look_at_the_pool_costs_as_many_requests_for_three_hosts_as_for_one(cloud, api_calls):
    cloud.create(request())
    one = asked_by_a_look(cloud, api_calls)
    cloud.create(request("main-02"))
    cloud.create(request("main-03"))
    assert asked_by_a_look(cloud, api_calls) == one
    assert len(one) <= LOOK


def test_deleting_a_host_never_lists_the_servers_of_others(cloud, project, api_calls):
    for host in ("main-01", "main-02", "main-03"):
        cloud.create(request(host))
    api_calls.clear()
    cloud.delete("main-01")
    assert api_calls.count("GET nova/servers") == 1
    assert project.network.find_security_group(f"{NAMESPACE}__main")


def asked_by_a_look(cloud: OpenStackCloud, api_calls: list[str]) -> list[str]:
    """Requests of the three questions that a tick asks of a pool's cloud."""
    api_calls.clear()
    for question in (cloud.list_servers, cloud.parts, lambda: cloud.headroom("rig.tiny")):
        question()
    return sorted(api_calls)


def test_a_host_carries_its_pool_and_its_name_in_tags_and_metadata(cloud, project):
    server = project.compute.get_server(cloud.create(request()).id)
    assert set(server.tags) == {NAMESPACE, "pool=main", "host=main-01"}
    assert server.metadata["dockerdriver.host"] == "main-01"
    assert server.key_name == f"{NAMESPACE}__main"
    assert cloud.find("main-01").host_key == server.metadata["dockerdriver.host_key"] == KEY.public


def test_only_the_master_s_group_reaches_ssh_the_engine_and_the_sessions(cloud, project):
    cloud.create(request())
    group = project.network.find_security_group(f"{NAMESPACE}__main")
    master = project.network.find_security_group("pb_server")
    rules = [rule for rule in group.security_group_rules if rule["direction"] == "ingress"]
    ports = {(rule["port_range_min"], rule["port_range_max"]) for rule in rules}
    assert ports == {(22, 22), (2376, 2376), (20000, 20999)}
    assert {(rule["remote_group_id"], rule["remote_ip_prefix"]) for rule in rules} == {(master.id, None)}


@pytest.mark.nightly  # which rules there are is in the test above
def test_a_rule_that_was_added_by_hand_goes_at_the_next_spawn(cloud, project):
    cloud.create(request())
    group = project.network.find_security_group(f"{NAMESPACE}__main")
    open_to_all = {"direction": "ingress", "ethertype": "IPv4", "protocol": "tcp", "remote_ip_prefix": "0.0.0.0/0"}
    project.network.create_security_group_rule(security_group_id=group.id, **open_to_all)
    cloud.create(request("main-02"))
    rules = project.network.get_security_group(group).security_group_rules
    assert [rule for rule in rules if rule["remote_ip_prefix"]] == []


def test_extra_groups_are_added_to_the_port(cloud, project):
    extra = project.network.find_security_group("monitoring")
    opened(DD_HOST_EXTRA_SGS=["monitoring"]).create(request())
    port = next(project.network.ports(name="main-01"))
    assert (extra.id in port.security_group_ids, len(port.security_group_ids)) == (True, 2)


def test_hosts_of_a_pool_are_kept_apart_where_there_are_machines(cloud, project):
    server = cloud.create(request())
    group = next(group for group in project.compute.server_groups() if group.name == f"{NAMESPACE}__main")
    assert (group.policy, group.member_ids) == ("soft-anti-affinity", [server.id])


def test_what_a_pool_s_hosts_share_goes_with_its_last_host(cloud):
    for host, pool in (("main-01", "main"), ("main-02", "main"), ("gpu-01", "gpu")):
        cloud.create(request(host, pool=pool))
    cloud.delete("main-01")
    assert kinds(cloud).count("security group") == 2
    cloud.delete("main-02")
    assert {part.pool for part in cloud.parts() if part.host is None} == {"gpu"}
    cloud.delete("gpu-01")
    assert cloud.parts() == ()


def test_the_quota_is_known_before_a_host_is_spawned(cloud, quota):
    quota(instances=10, cores=2, ram=-1)
    assert (cloud.headroom("rig.tiny").hosts, cloud.headroom("standard.medium").hosts) == (2, 1)
    assert cloud.headroom("standard.xlarge") == Headroom(0, "0 of 2 cores are in use and standard.xlarge needs 4")
    quota(instances=-1, cores=-1, ram=-1)
    assert cloud.headroom("rig.tiny") is None


@pytest.mark.nightly  # what its fields become is tested without a cloud (unit/blocks/clouds/test_openstack_credentials)
def test_an_application_credential_is_enough(cloud, project):
    made = project.identity.create_application_credential(user=project.current_user_id, name="dockerdriver")
    auth_url = clouds()["clouds"]["rig"]["auth"]["auth_url"]
    fields = {"application_credential_id": made.id, "application_credential_secret": made.secret}
    credentials = OpenStackCredentials(auth_url=auth_url, **fields)
    assert OpenStackCloud(credentials=credentials, namespace=NAMESPACE).list_servers() == []
    assert made.secret not in repr(credentials)
    project.identity.delete_application_credential(project.current_user_id, made)


# Refused, and nothing made


def test_a_wrong_password_is_told_as_such(openstack_rig):
    auth = clouds()["clouds"]["rig"]["auth"]
    wrong = OpenStackCloud(credentials=OpenStackCredentials(**auth | {"password": "guess"}), namespace=NAMESPACE)
    with pytest.raises(CloudRefused, match="Keystone refuses the credentials"):
        wrong.list_servers()


def test_an_unknown_cloud_lists_those_of_clouds_yaml(openstack_rig):
    with pytest.raises(CloudRefused, match=r"no cloud is named 'nowhere' in clouds.yaml; known: rig, rig-admin"):
        opened("nowhere").list_servers()


def test_an_unreachable_keystone_is_named(openstack_rig):
    auth = clouds()["clouds"]["rig"]["auth"] | {"auth_url": "http://127.0.0.1:9/v3"}
    with pytest.raises(CloudTrouble, match=r"no usable answer from http://127\.0\.0\.1:9/v3"):
        OpenStackCloud(credentials=OpenStackCredentials(**auth), namespace=NAMESPACE).list_servers()


UNKNOWN = {
    "flavor": ({"flavor": "nix"}, {}, "no flavor is named 'nix'; the project has: .*rig.tiny, .*standard.xlarge"),
    "image": ({"image": "nix"}, {}, "no image is named 'nix'; the project has: Debian-12, bare"),
    "network": ({}, {"DD_HOST_NETWORK": "nix"}, "no network is named 'nix'; the project has: pool-net"),
    "master": ({}, {"DD_HOST_MASTER_SG": "nix"}, "no security group is named 'nix'; the project has: .*pb_server"),
    "extra": ({}, {"DD_HOST_EXTRA_SGS": ["nix"]}, "no security group is named 'nix'"),
    "data volume": ({"data_volume_gb": 24}, {}, "no volume service, and a data volume of 24 GB is requested"),
    "root volume": ({}, {"DD_HOST_ROOT_VOLUME_SIZE": 20}, "no volume service, and a root volume of 20 GB"),
}


@pytest.mark.parametrize(("asked", "fields", "sentence"), UNKNOWN.values(), ids=UNKNOWN)
def test_what_the_cloud_lacks_is_refused_with_what_it_has(cloud, asked, fields, sentence):
    with pytest.raises(CloudRefused, match=sentence):
        opened(**fields).create(request(**asked))
    assert cloud.parts() == ()


def test_two_images_of_one_name_are_told_apart_by_id(cloud, project):
    twin = {"name": "twin", "disk_format": "raw", "container_format": "bare", "data": b"x"}
    images = [project.image.create_image(allow_duplicates=True, **twin) for _ in range(2)]
    try:
        with pytest.raises(CloudRefused, match=f"2 images are named 'twin'.*{min(image.id for image in images)}"):
            cloud.create(request(image="twin"))
        assert cloud.create(request(image=images[0].id)).host == "main-01"
    finally:
        for image in images:
            project.image.delete_image(image)


def test_auto_refuses_to_choose_between_two_networks(cloud, project):
    second = project.network.create_network(name="second-net")
    try:
        with pytest.raises(CloudRefused, match="not just one network: pool-net, second-net"):
            cloud.create(request())
    finally:
        project.network.delete_network(second)


def test_a_used_up_quota_is_refused_before_anything_is_made(cloud, quota):
    cloud.create(request())
    quota(instances=1)
    with pytest.raises(CloudRefused, match="cannot make host main-02: quota: 1 of 1 instances are in use"):
        cloud.create(request("main-02"))
    assert {part.host for part in cloud.parts()} == {"main-01", None}


def test_a_quota_that_is_used_up_meanwhile_leaves_nothing(cloud, admin, project):
    admin.set_network_quotas(project.current_project_id, port=0)
    try:
        with pytest.raises(CloudRefused, match=r"cannot make host main-01: quota: .*port"):
            cloud.create(request())
    finally:
        admin.delete_network_quotas(project.current_project_id)
    assert cloud.parts() == ()
