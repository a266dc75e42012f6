"""What the static cloud alone must do: its machines are the operator's, and so are their keys."""

import pytest

from blocks.clouds.port import ServerStatus
from blocks.clouds.static import StaticCloud
from blocks.stored.host_keys import new_host_key
from pool.errors import CloudRefused
from pool.records import Headroom
from tests.rigs.hosts.clouds import KEY, server_request, ssh, ssh_when_it_answers

pytest_plugins = ("tests.rigs.engines.engine", "tests.rigs.hosts.cloud_fixtures")
pytestmark = pytest.mark.contract


def test_a_server_is_not_believed_with_another_key(machines, static, tmp_path):
    server = static.cloud.create(server_request("h-1"))
    ssh_when_it_answers(server, KEY.public, tmp_path)
    refused = ssh(server, new_host_key().public, tmp_path)
    assert (refused.returncode, "Host key verification failed" in refused.stderr) == (255, True)


def test_a_machine_that_is_given_back_is_taken_again(static):
    made = [static.cloud.create(server_request(f"h-{n}")) for n in range(3)]
    with pytest.raises(CloudRefused, match="host h-3: every machine for flavor small is taken: m0, m1, m2"):
        static.cloud.create(server_request("h-3"))
    static.cloud.delete("h-1")
    assert static.cloud.create(server_request("h-3")).address == made[1].address


def test_the_machines_that_no_host_has_are_the_headroom(static):
    made = static.open("dd-another-manager").create(server_request("h-1"))
    assert static.cloud.headroom("small") == Headroom(2, "1 of 3 machines for flavor small is taken")
    static.open("dd-another-manager").delete(made.host)
    assert static.cloud.headroom("small").hosts == 3


def test_a_machine_that_left_the_list_is_an_error_of_its_host(static):
    static.cloud.create(server_request("h-1"))
    shorter = static.cloud.model_copy(update={"machines": static.cloud.machines[1:]})
    assert (shorter.find("h-1").status, shorter.find("h-1").fault) == (
        ServerStatus.ERROR,
        "machine m0 is no longer in the list",
    )


def test_two_machines_of_one_address_are_not_accepted(machines):
    with pytest.raises(ValueError, match=r"two machines have the address 192\.0\.2\.2"):
        StaticCloud(machines=[*machines, machines[1].model_copy(update={"name": "again"})])
