"""What the playbook of a manager refuses before it changes anything, and the settings that it writes for each machine.

No machine is set up here: that is tests/system/test_deploy.py and test_deploy_split.py.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from blocks.resources import PLAYBOOKS
from blocks.settings import ProcessSettings
from runtime.stack.prepare import check

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

ANSIBLE = Path(sys.executable).parent / "ansible-playbook"
MACHINES = {
    "m1": ["manager", "database", "gateways"],
    "g2": ["gateways"],
    "w1": ["workers"],
    "both": ["gateways", "workers"],
}
SAID = {
    "ansible_connection": "local",
    "ansible_become": False,
    "manager_cloud": "static",
    "manager_api_password": "ops:correct-horse",
    "manager_api_name": "api.example",
    "manager_database_password": "0123456789abcdef",
    "manager_relay_secret": 32 * "s",
    "manager_settings": {"DD_PUBLIC_URL": "https://notebooks.example"},
    "peers_own": {"content": "b3du"},  # as role peers reads it
}
WRITE = """
- hosts: all
  gather_facts: false
  vars_files: ["{role}/defaults/main.yml", "{role}/vars/main.yml", "{folder}/said.yml"]
  tasks:
    - ansible.builtin.file: {{path: "{folder}/{{{{ inventory_hostname }}}}", state: directory, mode: "0700"}}
    - ansible.builtin.template:
        src: "{role}/templates/dockerdriver.env.j2"
        dest: "{folder}/{{{{ inventory_hostname }}}}/dockerdriver.env"
        mode: "0600"
"""


def run(folder: Path, playbook: Path, *more: str, machines: dict[str, list[str]] = MACHINES) -> str:
    """What Ansible says of a run on machines that are this one."""
    groups = {group for found in machines.values() for group in found}
    of_groups = {group: [name for name, found in machines.items() if group in found] for group in groups}
    children = {group: {"hosts": dict.fromkeys(names)} for group, names in of_groups.items()}
    inventory = folder / "inventory.yml"
    inventory.write_text(
        yaml.safe_dump({"all": {"vars": SAID, "hosts": dict.fromkeys(machines), "children": children}})
    )
    words = [str(ANSIBLE), f"--inventory={inventory}", *more, str(playbook)]
    return subprocess.run(words, cwd=PLAYBOOKS, capture_output=True, text=True, check=False).stdout


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    """A folder for each machine, with its dockerdriver.env."""
    folder = tmp_path_factory.mktemp("written")
    play = folder / "write.yml"
    (folder / "said.yml").write_text(yaml.safe_dump(SAID))  # an inventory's variables give way to files
    play.write_text(WRITE.format(role=PLAYBOOKS / "roles" / "manager", folder=folder))
    said = run(folder, play)
    assert all((folder / name / "dockerdriver.env").exists() for name in MACHINES), said
    return folder


def test_a_run_that_leaves_machines_out_is_refused_by_their_names_and_changes_nothing(tmp_path):
    said = run(tmp_path, PLAYBOOKS / "manager.yml", "--limit=m1,w1")
    assert "both, g2 cannot be left out or is out of reach, and nothing was changed" in said.replace(
        "g2, both", "both, g2"
    )
    assert "changed=0" in said
    assert "changed=1" not in said


def test_groups_without_a_manager_are_refused_by_name(tmp_path):
    said = run(tmp_path, PLAYBOOKS / "manager.yml", machines={"w1": ["workers"]})
    assert "group manager must have one machine" in said


@pytest.mark.parametrize("machine", MACHINES)
def test_the_settings_of_each_machine_are_such_that_its_processes_start(written, machine, monkeypatch):
    for name in [name for name in os.environ if name.startswith("DD_")]:
        monkeypatch.delenv(name)  # make says of the cloud of its own stack
    monkeypatch.chdir(written / machine)
    check(ProcessSettings.given())


@pytest.mark.parametrize(
    ("machine", "secrets"),
    [
        ("m1", ["asyncpg", "psycopg", "correct-horse", "sss"]),
        ("g2", ["sss"]),
        ("w1", ["psycopg", "correct-horse", "sss"]),
    ],
)
def test_a_machine_is_told_the_secrets_that_it_needs_and_no_others(written, machine, secrets):
    text = (written / machine / "dockerdriver.env").read_text()
    assert [one for one in ("asyncpg", "psycopg", "correct-horse", "sss") if one in text] == secrets


def test_a_certificate_that_was_made_anew_is_another_setting_for_those_that_read_it_once(written):
    def note(machine: str, of: str) -> bool:
        return of in (written / machine / "dockerdriver.env").read_text()

    assert [name for name in MACHINES if note(name, "a relay starts")] == ["m1", "g2", "both"]
    assert [name for name in MACHINES if note(name, "a worker starts")] == ["w1", "both"]
