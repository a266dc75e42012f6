"""What the playbook's roles leave on a machine."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from blocks.engine.client import ENGINE_PORT
from blocks.engine.networks import BRIDGE, CLOSED_NETWORK, LIST_BRIDGE, LIST_NETWORK
from blocks.host_setup.sysprep import BLOCKED
from blocks.resources import PLAYBOOKS
from pool.marks import NETWORK_LIST, NETWORK_MBIT
from pool.records import SESSION_PORTS

pytestmark = pytest.mark.unit

WRITING = ("copy", "template", "lineinfile")
READ_BY_ALL = (
    "/etc/fstab",  # as every distribution has it: mount and findmnt read it for any user
    "{{ peers_folder }}/authorities.pem",  # certificates alone, which programs of several accounts look at
)


def written() -> Iterator[tuple[str, str, str]]:
    """File of tasks, place and mode of all that a role writes."""
    for file in sorted(PLAYBOOKS.glob("roles/*/*/*.yml")):
        tasks = yaml.safe_load(file.read_text())
        for task in _flat(tasks if isinstance(tasks, list) else []):
            for module in WRITING:
                if how := task.get(f"ansible.builtin.{module}"):
                    yield str(file.relative_to(PLAYBOOKS)), how.get("dest") or how["path"], how.get("mode", "")


def _flat(tasks: list[dict]) -> Iterator[dict]:
    for task in tasks:
        yield task
        yield from _flat(task.get("block", []))


def test_all_that_roles_write_is_looked_at():
    files = {Path(file).parts[1] for file, _, _ in written()}
    assert files == {path.name for path in PLAYBOOKS.glob("roles/*")}


def test_what_a_role_writes_is_no_business_of_other_users_of_the_machine():
    open_to_others = [one for one in written() if not one[2] or int(one[2], 8) & 0o027]
    assert [one for one in open_to_others if one[1] not in READ_BY_ALL] == []


def of_firewall(file: str) -> dict:
    return yaml.safe_load((PLAYBOOKS / "roles" / "firewall" / file).read_text())


def test_the_ports_of_other_hosts_are_those_of_engines_and_sessions():
    sessions = f"{SESSION_PORTS[0]}:{SESSION_PORTS[-1]}"
    assert of_firewall("defaults/main.yml")["firewall_host_ports"] == [str(ENGINE_PORT), sessions]


def test_a_baked_host_has_its_blocked_networks_where_the_role_looks_for_them():
    assert of_firewall("vars/main.yml")["firewall_blocked_file"] == BLOCKED


def test_what_limits_the_network_reads_the_label_that_the_engine_is_given():
    script = (PLAYBOOKS / "roles" / "network" / "templates" / "notebook-network.j2").read_text()
    assert f"label={NETWORK_MBIT}\n" in script


def test_what_opens_a_list_and_closes_the_rest_goes_by_the_names_that_the_engine_is_given():
    script = (PLAYBOOKS / "roles" / "network" / "templates" / "notebook-network.j2").read_text()
    bridges = of_firewall("vars/main.yml")
    assert f"list={NETWORK_LIST}\n" in script
    assert f'{LIST_NETWORK}*) bridge="{LIST_BRIDGE}${{1#{LIST_NETWORK}}}"' in script
    assert (bridges["firewall_listed_bridges"], bridges["firewall_closed_bridge"]) == (f"{LIST_BRIDGE}+", "nb-closed")
    assert f"{BRIDGE}=nb-closed " in script
    assert f" {CLOSED_NETWORK} >" in script
    assert bridges["firewall_listed_bridges"] in of_firewall("defaults/main.yml")["firewall_bridges"]


def test_the_engine_of_a_host_with_gpus_starts_after_their_toolkit_is_there():
    (play,) = yaml.safe_load((PLAYBOOKS / "notebook_host.yml").read_text())
    roles = [role["role"] for role in play["roles"]]
    assert roles.index("gpu") < roles.index("docker")
