"""`dockerdriver doctor` on a real project: what is there, what is missing, and what to do about it."""

import pytest

from blocks.clouds.openstack_project.cloud import OpenStackCloud
from blocks.settings import ProcessSettings
from blocks.stored.pool_config import PoolConfig
from runtime.command.doctor.pools import examine_openstack, examine_plans
from runtime.command.doctor.told import tell
from tests.rigs.openstack.cloud_under_test import opened, request
from tests.rigs.openstack.configuration import clouds

pytest_plugins = ("tests.rigs.openstack.fixtures",)
pytestmark = [pytest.mark.contract, pytest.mark.openstack]


def told(cloud: OpenStackCloud, **config) -> tuple[int, str]:
    """How many problems the doctor finds, and all that it says."""
    lines: list[str] = []
    wanted = PoolConfig(**{"DD_HOST_DATA_VOLUME_FACTOR": 0} | config)
    return tell(examine_openstack("main", wanted, cloud), lines.append), "\n".join(lines)


def test_a_project_with_everything_has_no_problem_and_nothing_is_made(cloud):
    problems, said = told(cloud)
    assert problems == 0, said
    assert "ok       flavors: standard.medium: 2 cores, 4096 MB; standard.xlarge: 4 cores, 8192 MB" in said
    assert cloud.parts() == ()


MISSING = {
    "image": ({"DD_HOST_IMAGE": "nix"}, {}, "no image is named 'nix'; the project has: Debian-12, bare"),
    "flavor": ({"DD_HOST_FLAVOR_NAME_LARGE": "nix"}, {}, "no flavor is named 'nix'"),
    "network": ({}, {"DD_HOST_NETWORK": "nix"}, "no network is named 'nix'; the project has: pool-net"),
    "group": ({}, {"DD_HOST_MASTER_SG": "nix"}, "fix: make the group"),
    "volumes": ({"DD_HOST_DATA_VOLUME_FACTOR": 4}, {}, "or set DD_HOST_DATA_VOLUME_FACTOR to 0"),
    "quota": ({"DD_MAX_HOSTS": 20}, {}, "quota: 10 of 20 hosts of flavor standard.xlarge: 0 of 10 instances"),
}


def test_the_pool_s_hosts_that_are_there_count_among_those_that_the_quota_has_room_for(cloud, quota):
    cloud.create(request())
    quota(instances=4)
    assert told(cloud, DD_MAX_HOSTS=4)[0] == 0
    assert "quota: 4 of 5 hosts of flavor standard.xlarge: 1 of 4 instances" in told(cloud, DD_MAX_HOSTS=5)[1]


def test_before_there_is_a_stack_the_first_configuration_is_checked(cloud, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for name, value in {"OS_CLOUD": "rig", "DD_CLOUD": "openstack", "DD_HOST_FLAVOR_NAME_SMALL": "nix"}.items():
        monkeypatch.setenv(name, value)
    lines: list[str] = []
    assert tell(examine_plans(ProcessSettings()), lines.append) == 2
    assert "no flavor is named 'nix'" in "\n".join(lines)
    assert "set DD_HOST_DATA_VOLUME_FACTOR of the pool to 0" in "\n".join(lines)


@pytest.mark.parametrize(("config", "fields", "sentence"), MISSING.values(), ids=MISSING)
def test_what_is_missing_is_told_with_the_fix(cloud, config, fields, sentence):
    problems, said = told(opened(**fields), **config)
    assert sentence in said
    assert "fix: " in said
    assert problems in (1, 2)  # without the large flavor its quota cannot be told either


def test_a_wrong_cloud_name_is_the_one_problem(openstack_rig):
    problems, said = told(opened("nowhere"))
    assert (problems, "no cloud is named 'nowhere'" in said) == (1, True)


def test_without_a_login_nothing_else_is_checked(openstack_rig):
    auth = clouds()["clouds"]["rig"]["auth"] | {"password": "guess"}
    openstack_rig.add_cloud("rig-guessed", auth=auth)
    problems, said = told(opened("rig-guessed"))
    assert problems == 1
    assert said.startswith("  MISSING  login: cannot check the login: Keystone refuses the credentials")
    assert "image" not in said
