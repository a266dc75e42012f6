"""A manager on two machines with systemd, for real: a worker and a second gateway on the other; its host is a third.

The tests go on from one another. The manager's own warm worker is stopped first: what is started and ended is so by the
worker of the other machine, by the API over TLS, PostgreSQL over TLS, and the relays of both gateways.
"""

import json
import os
import re
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from ipaddress import ip_network
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import httpx
import pytest
import yaml
from docker import DockerClient

from blocks.clouds.local.cloud import LocalCloud, LocalFlavor
from blocks.clouds.port import ServerRequest
from blocks.clouds.user_data import cloud_config
from blocks.files.private_files import write_private
from blocks.host_setup.shell import CommandFailed
from blocks.stored.host_keys import new_host_key
from runtime.builds.host_image import build_host_image
from tests.reliability.tiny_stack import BLUEPRINT, SERVE, TINY
from tests.rigs.engines.tiny_image import busybox_image
from tests.rigs.hosts.deployed import PASSWORD, TLS, Machine, of_an_operator
from tests.rigs.hosts.local_host import booted
from tests.rigs.stacks.stack import CHECKOUT, Stack
from tests.rigs.waiting import until

pytestmark = [pytest.mark.system, pytest.mark.nightly, pytest.mark.timeout(1800)]

PUBLIC = "http://notebooks.example:8000"
PLAYBOOK_SECONDS = 1500
ANSIBLE = Path(sys.executable).parent / "ansible-playbook"
FLAVORS = {"test": LocalFlavor(memory_mb=4096), "host": LocalFlavor(memory_mb=1536)}
DOCTOR = "cd /opt/dockerdriver/current && .venv/bin/dockerdriver doctor --json"


@dataclass
class Split(Stack):
    """The installation, as platforms and browsers reach it: all over the network."""

    manager: Machine = None  # type: ignore[assignment]  # the fields before it have defaults
    worker: Machine = None  # type: ignore[assignment]
    folder: Path = Path()

    def api(self, method: str, path: str, **kwargs: Any) -> httpx.Response:
        user, password = PASSWORD.split(":")
        url, name = f"https://{self.manager.host.address}:4443/api{path}", {"sni_hostname": "api.example"}
        with httpx.Client(auth=(user, password), verify=self.trust, timeout=90, trust_env=False) as client:
            answer = client.request(method, url, extensions=name, **kwargs)
        answer.raise_for_status()
        return answer

    def workers_online(self) -> set[str]:
        """Which warm workers Prefect's API has heard of lately."""
        found = self.api("POST", "/work_pools/warm/workers/filter", json={}).json()
        return {one["name"] for one in found if one["status"] == "ONLINE"}

    @cached_property
    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cadata=self.manager.root(f"cat {TLS}/cert.pem"))

    def page(self, machine: Machine, url: str) -> httpx.Response:
        """What the gateway of a machine answers for an address."""
        there = url.replace("notebooks.example", machine.host.address)
        return httpx.get(there, headers={"Host": "notebooks.example:8000"}, trust_env=False, timeout=30)

    def install(self, archive: Path, *limit: str) -> str:
        """Run the playbook on all of them, as an operator does; what it said."""
        inventory = self.folder / "inventory.yml"
        inventory.write_text(yaml.safe_dump(self.inventory(archive)))
        words = [str(ANSIBLE), "--forks=3", f"--inventory={inventory}", *limit, "manager.yml"]
        environment = os.environ | {"ANSIBLE_SSH_CONTROL_PATH_DIR": str(self.folder / "ssh")}
        said: dict[str, Any] = {"capture_output": True, "text": True, "timeout": PLAYBOOK_SECONDS}
        done = subprocess.run(words, cwd=CHECKOUT / "playbooks", env=environment, check=False, **said)
        print(done.stdout, done.stderr)
        assert done.returncode == 0, done.stdout[-3000:]
        return done.stdout

    def inventory(self, archive: Path) -> dict[str, Any]:
        """Return what docs/deploying.md shows, for these machines."""
        machines = {name: self.connection(name, one) for name, one in self.machines.items()}
        groups = {"manager": ["m1"], "database": ["m1"], "gateways": ["m1", "w1"], "workers": ["w1"]}
        settings = {"DD_GATEWAY_ADDRESS": "0.0.0.0", "DD_PUBLIC_URL": PUBLIC}  # noqa: S104 - of a machine of the test's own
        said = {
            "manager_archive": str(archive),
            "manager_cloud": "static",
            "manager_api_password": PASSWORD,
            "manager_api_name": "api.example",
            "manager_api_certificate": f"{TLS}/cert.pem",
            "manager_api_certificate_key": f"{TLS}/key.pem",
            "peers_api_authority": f"{TLS}/cert.pem",
            "manager_database_password": "0123456789abcdef-secret",
            "manager_relay_secret": "relays-" + 32 * "s",
            "manager_settings": settings,
        }
        children: dict[str, Any] = {group: {"hosts": {name: {} for name in names}} for group, names in groups.items()}
        return {"all": {"hosts": machines, "vars": said, "children": children}}

    @property
    def machines(self) -> dict[str, Machine]:
        return {"m1": self.manager, "w1": self.worker}

    def connection(self, name: str, machine: Machine) -> dict[str, str]:
        key, known = self.folder / f"{name}.key", self.folder / "known_hosts"
        if not key.exists():
            write_private(key, machine.host.login.private_key.get_secret_value())
            with known.open("a") as file:
                file.write(f"{machine.host.address} {machine.host.host_key}\n")
        options = f"-o UserKnownHostsFile={known} -o StrictHostKeyChecking=yes"
        return {
            "ansible_host": machine.host.address,
            "ansible_user": machine.host.login.user,
            "ansible_ssh_private_key_file": str(key),
            "ansible_ssh_common_args": options,
        }


@pytest.fixture(scope="module")
def cloud(engine_url) -> LocalCloud:
    images = {"test": build_host_image(engine_url, Path(gettempdir()), print)}
    return LocalCloud(engine_url=engine_url, namespace=f"dd-test-split-{os.getpid()}", flavors=FLAVORS, images=images)


@contextmanager
def neighbours(address: str) -> Iterator[None]:
    """Let the machines in a network of the local cloud reach each other, which its hosts are not to."""
    network = str(ip_network(f"{address}/24", strict=False))
    rule = ("DOCKER-USER", "-s", network, "-d", network, "-j", "ACCEPT")
    subprocess.run(["iptables", "-w", "-I", *rule], check=True)
    try:
        yield
    finally:
        subprocess.run(["iptables", "-w", "-D", *rule], check=True)


@pytest.fixture(scope="module")
def split(cloud, archive, tmp_path_factory) -> Iterator[Split]:
    """Two machines, installed from nothing; the manager's own warm worker is stopped."""
    with ExitStack() as stack:
        machines = [
            Machine(*stack.enter_context(of_an_operator(stack.enter_context(booted(cloud, name)))))
            for name in ("m1", "w1")
        ]
        manager, worker = machines
        stack.enter_context(neighbours(manager.host.address))
        for machine in machines:
            machine.prepare()
        manager.make_api_certificate()
        worker.root(f'echo "{manager.host.address} api.example" >> /etc/hosts')  # as the name server would say
        folder = tmp_path_factory.mktemp("split")
        it = Split(folder, 8000, 4443, manager=manager, worker=worker, folder=folder)
        it.install(archive)
        until(lambda: any(name.startswith("w1-") for name in it.workers_online()), "the worker works", 180)
        manager.root("systemctl stop dockerdriver-warm@1", 90)
        yield it


@pytest.fixture(scope="module")
def host(split, cloud) -> Iterator[str]:
    """A third machine, which the static cloud lists; it gets a tiny image."""
    key, login = new_host_key(), block(split, "host-login")["data"]["public_key"]
    tar = busybox_image(BLUEPRINT, tuple(SERVE), {"index.html": b"here"}).archive()
    split.manager.shell.run("sudo tee /var/lib/dockerdriver/images/tiny.tar", 60, tar)
    try:
        server = cloud.create(
            ServerRequest("main-01", "main", "host", "test", cloud_config("main-01", (login,), key.private, key.public))
        )
        let_it_be_renamed(cloud, "main-01")
        listed = {"machines": [{"name": "metal", "address": server.address, "host_key": key.public}]}
        save_static_cloud(split, listed)
        split.save_blueprint(BLUEPRINT, **TINY)
        split.set_pool(DD_MAX_HOSTS=1, DD_FREE_SLOT_TARGET=1)
        yield "main-01"
    finally:
        cloud.delete("main-01")


def let_it_be_renamed(cloud: LocalCloud, host: str) -> None:
    """Let the host be called otherwise: by the second try its place in the pool is another one's.

    The engine mounts the file of a container's name, and a file that is mounted takes no other one's place.
    """
    with closing(DockerClient(base_url=cloud.engine_url)) as client:
        process = client.containers.get(f"{cloud.namespace}-{host}").attrs["State"]["Pid"]
    inside = ("nsenter", f"--target={process}", "--mount", "--pid")
    subprocess.run([*inside, "umount", "/etc/hostname"], check=True)


def save_static_cloud(split: Split, listed: dict[str, Any]) -> None:
    """Make the block in the UI's form, as docs/hosts.md says."""
    kind = split.api("GET", "/block_types/slug/static-cloud").json()["id"]
    schemas = split.api("POST", "/block_schemas/filter", json={"block_schemas": {"block_type_id": {"any_": [kind]}}})
    document = {"name": "main", "block_type_id": kind, "block_schema_id": schemas.json()[0]["id"], "data": listed}
    split.api("POST", "/block_documents/", json=document)


def block(split: Split, kind: str) -> dict[str, Any]:
    path = f"/block_types/slug/{kind}/block_documents/name/main?include_secrets=true"
    found: dict[str, Any] = split.api("GET", path).json()
    return found


def test_each_machine_runs_its_parts_and_no_others(split):
    running = "systemctl list-units --plain --no-legend --state=active dockerdriver-*.service | cut -d. -f1"
    of_worker = {"gateway", "gateway-logs", "gateway-relay", "prepare", "warm@1"}
    of_manager = {"server", "server-standby", "long@1", "pipelines"} | of_worker - {"warm@1"}
    for machine, parts in ((split.worker, of_worker), (split.manager, of_manager)):
        assert set(machine.root(running).split()) == {f"dockerdriver-{part}" for part in parts}


def test_the_worker_s_machine_knows_no_password_of_prefect_s_database(split):
    assert "asyncpg" in split.manager.root("cat /etc/dockerdriver/dockerdriver.env")
    assert "asyncpg" not in split.worker.root("cat /etc/dockerdriver/dockerdriver.env")


def test_the_databases_and_the_relays_answer_no_client_without_their_password(split):
    address = split.manager.host.address
    plain = f'psql -w "host={address} user=dockerdriver dbname=pool password=wrong" -c "" 2>&1 || true'
    assert "authentication failed" in split.worker.root(plain)
    ask = f"curl -s -o /dev/null -w %{{http_code}} --cacert {TLS}/authorities.pem https://{address}:8445/routes"
    assert split.worker.root(ask) == "401"


def test_a_session_is_started_by_the_other_machine_s_worker_and_opened_through_both_gateways(split, host):
    split.manager.root("systemctl start dockerdriver-warm@1")  # ticks are the manager's: they spawn the host
    until(lambda: active(split), "the host is active", 900)
    split.manager.root("systemctl stop dockerdriver-warm@1", 90)
    answer = split.provision("split-1", blueprint=BLUEPRINT)
    assert {split.page(machine, answer["url"]).text for machine in split.machines.values()} == {"here"}


def test_doctor_on_the_worker_s_machine_has_nothing_to_mend(split, host):
    told = json.loads(split.worker.root(f"{DOCTOR} || true", 120))
    assert [one["says"] for one in told if one["condition"] in ("MISSING", "WRONG")] == []
    assert len([one for one in told if "relay" in one["says"]]) == 2


def active(split: Split) -> bool:
    with suppress(httpx.HTTPStatusError):  # no tick has shown them yet
        return '"active"' in split.api("GET", "/artifacts/hosts-main/latest").json()["data"]
    return False


def test_a_gateway_that_was_away_gets_what_it_missed_and_sessions_start_meanwhile(split, host):
    split.worker.root("systemctl stop dockerdriver-gateway-relay dockerdriver-gateway")
    answer = split.provision("split-2", blueprint=BLUEPRINT)
    assert split.page(split.manager, answer["url"]).text == "here"
    split.worker.root("systemctl start dockerdriver-gateway dockerdriver-gateway-relay")
    split.manager.root("systemctl start dockerdriver-warm@1")
    until(lambda: opened(split, answer["url"]), "a tick tells the second gateway of it", 120)
    split.end("split-1", "split-2")
    pages = {410}  # that it ended
    until(lambda: {split.page(it, answer["url"]).status_code for it in split.machines.values()} == pages, "both say so")


def opened(split: Split, url: str) -> bool:
    try:
        return split.page(split.worker, url).text == "here"
    except httpx.HTTPError:
        return False


def test_a_worker_that_is_drained_ends_and_the_other_one_goes_on(split, host):
    split.worker.root("systemctl stop dockerdriver-warm@1", 90)
    answer = split.provision("split-3", blueprint=BLUEPRINT)
    assert split.page(split.worker, answer["url"]).text == "here"
    split.end("split-3")
    split.worker.root("systemctl start dockerdriver-warm@1", 90)


def test_after_the_machine_of_the_manager_and_the_databases_was_started_again_sessions_go_on(split, host):
    split.manager.host.reboot()
    split.manager.shell.close()
    split.manager.shell.wait_for_ssh(120)
    until(lambda: split.manager.state("warm@1") == "active", "the last part runs", 300)
    split.manager.root("systemctl stop dockerdriver-warm@1", 90)
    answer = split.provision("split-4", blueprint=BLUEPRINT)
    assert {split.page(machine, answer["url"]).text for machine in split.machines.values()} == {"here"}
    split.end("split-4")
    split.manager.root("systemctl start dockerdriver-warm@1")


def test_a_long_worker_is_refused_on_the_worker_s_machine(split):
    with pytest.raises(CommandFailed, match="long runs on the manager"):
        split.worker.root("cd /opt/dockerdriver/current && .venv/bin/python -P -m runtime.stack.service long")


def test_the_playbook_again_changes_nothing(split, archive):
    recap = split.install(archive).rpartition("PLAY RECAP")[2]
    assert re.findall(r"(\w+) .*changed=(\d+) .*failed=(\d+)", recap) == [("m1", "0", "0"), ("w1", "0", "0")]
