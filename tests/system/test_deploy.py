"""The playbook of a manager, run for real: a machine with systemd of its own, from nothing to workers that work."""

import io
import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from blocks.host_setup.playbook import PlaybookReport, PlaybookRun, run_playbook
from blocks.host_setup.shell import CommandFailed
from pool.errors import PlaybookFailed
from tests.rigs.hosts.deployed import PASSWORD, TLS, Machine, of_an_operator
from tests.rigs.hosts.local_host import local_host
from tests.rigs.stacks.stack import CHECKOUT
from tests.rigs.waiting import until

pytestmark = [pytest.mark.system, pytest.mark.nightly, pytest.mark.timeout(1800)]

PLAYBOOK = CHECKOUT / "playbooks" / "manager.yml"
MEMORY_MB, PLAYBOOK_SECONDS = 4096, 1500
API = "https://api.example:4443/api"
#: Makes a certificate of the gateway with a fifth of its life left: it is due to be renewed.
DUE = """
from datetime import timedelta
from pathlib import Path
from blocks.gateway import certificate
certificate.CLOCK_SKEW = timedelta(days=20)
certificate.self_signed(Path("/var/lib/dockerdriver/gateway/tls"), ["api.example"], days=5)
"""
PARTS = ("prepare", "database", "server", "server-standby", "gateway", "gateway-logs", "pipelines", "warm@1", "long@1")


@dataclass
class Manager(Machine):
    """A machine that becomes a manager."""

    folder: Path

    def install(self, archive: Path, **variables: object) -> PlaybookReport:
        """Run the playbook as an operator does."""
        given = {
            "manager_archive": str(archive),
            "manager_cloud": "static",
            "manager_api_password": PASSWORD,
            "manager_api_name": "api.example",
            "manager_api_certificate": f"{TLS}/cert.pem",
            "manager_api_certificate_key": f"{TLS}/key.pem",
        }
        host, lines = self.host, list[str]()
        run = PlaybookRun(host.name, host.address, host.host_key, host.login, given | variables, playbook=PLAYBOOK)
        try:
            return run_playbook(run, lines.append, PLAYBOOK_SECONDS, self.folder)
        finally:
            print("\n".join(lines))

    def api(self, path: str, password: str = PASSWORD) -> str:
        """What nginx answers for Prefect's API: the status, or the body of a success."""
        ask = f"curl -s --cacert {TLS}/cert.pem --resolve api.example:4443:127.0.0.1 -u {password}"
        return self.root(f"{ask} -w %{{http_code}} {API}{path}")


@pytest.fixture(scope="module")
def manager(engine_url, archive, tmp_path_factory) -> Iterator[Manager]:
    """One machine, installed from nothing."""
    with local_host("manager", engine_url, MEMORY_MB) as first, of_an_operator(first) as (host, shell):
        it = Manager(host, shell, Path("/run/dockerdriver/test-deploy"))
        it.prepare()
        it.make_api_certificate()
        it.install(archive)
        until(lambda: it.state("warm@1") == "active", "the worker works", 120)
        yield it


def test_each_unit_is_sound_and_runs(manager):
    assert {part: manager.state(part) for part in PARTS} == dict.fromkeys(PARTS, "active")
    units = " ".join(f"/etc/systemd/system/{unit.name}" for unit in sorted((CHECKOUT / "deploy" / "systemd").iterdir()))
    assert manager.root(f"systemd-analyze verify {units} 2>&1 || true") == ""


def test_status_says_how_each_unit_is(manager):
    said = json.loads(manager.root("cd /opt/dockerdriver/current && .venv/bin/dockerdriver status --json"))
    states = {row["process"]: row["state"] for row in said["processes"]}
    assert states["server"] == "running, by systemd, answers"
    assert {states[part] for part in ("database", "gateway", "gateway-logs", "warm@1", "long@1")} == {
        "running, by systemd"
    }


def test_workers_and_server_are_the_account_s_processes_with_no_right_of_root_s(manager):
    for part in ("server", "warm@1", "long@1"):
        pid = manager.root(f"systemctl show -P MainPID dockerdriver-{part}").strip()
        status = dict(
            line.split(":\t") for line in manager.root(f"cat /proc/{pid}/status").splitlines() if ":\t" in line
        )
        assert manager.root(f"stat -c %U /proc/{pid}").strip() == "dockerdriver"
        assert (int(status["CapBnd"], 16), status["NoNewPrivs"], status["Seccomp"]) == (0, "1", "2")


def test_another_account_reads_neither_settings_nor_password_nor_table(manager):
    files = (
        "/etc/dockerdriver/dockerdriver.env /var/lib/dockerdriver/api-password /var/lib/dockerdriver/routes/routes.json"
    )
    for file in files.split():
        with pytest.raises(CommandFailed, match="Permission denied"):
            manager.root(f"setpriv --reuid=nobody --clear-groups --regid=nogroup cat {file}")


def test_prefects_api_is_reached_over_tls_with_the_password_alone(manager):
    assert manager.api("/admin/version").endswith("200")
    assert manager.api("/admin/version", "ops:wrong").endswith("401")


def test_a_tick_of_housekeeping_runs(manager):
    def ticks() -> int:
        body = json.dumps(
            {"flow_runs": {"state": {"type": {"any_": ["COMPLETED"]}}}, "flows": {"name": {"any_": ["housekeep"]}}}
        )
        ask = f"curl -s -u {PASSWORD} -H content-type:application/json -d @- http://127.0.0.1:4200/api/flow_runs/count"
        return int(manager.shell.run(ask, 30, body))

    until(lambda: ticks() > 0, "a tick completes", 120)


def test_the_playbook_again_changes_nothing(manager, archive):
    assert manager.install(archive).changed == 0


def test_a_worker_more_and_one_less(manager, archive):
    manager.install(archive, manager_warm_workers=2)
    until(lambda: manager.state("warm@2") == "active", "the second works", 120)
    manager.install(archive)
    assert (manager.state("warm@1"), manager.state("warm@2")) == ("active", "inactive")


def test_several_servers_of_the_api_take_the_place_of_one_and_give_it_back(manager, archive):
    parts = ("redis", "api@1", "api@2", "services", "api")
    manager.install(archive, manager_api_servers=2)
    until(lambda: manager.state("warm@1") == "active", "the worker works", 180)
    assert {part: manager.state(part) for part in parts} == dict.fromkeys(parts, "active")
    assert manager.state("server") == "inactive"
    assert manager.root("systemctl is-enabled redis-server || true").strip() == "disabled"  # Debian's own
    assert manager.api("/admin/version").endswith("200")
    assert manager.api("/admin/version", "ops:wrong").endswith("401")
    for part in parts:
        pid = manager.root(f"systemctl show -P MainPID dockerdriver-{part}").strip()
        assert manager.root(f"stat -c %U /proc/{pid}").strip() == "dockerdriver", part
    manager.install(archive)
    until(lambda: manager.state("warm@1") == "active", "the worker works with one", 180)
    assert (manager.state("server"), manager.state("api@1"), manager.state("redis")) == (
        "active",
        "inactive",
        "inactive",
    )


def test_a_certificate_without_an_address_is_refused_and_what_runs_goes_on(manager, archive):
    files = {"DD_GATEWAY_CERTIFICATE": f"{TLS}/cert.pem", "DD_GATEWAY_CERTIFICATE_KEY": f"{TLS}/key.pem"}
    with pytest.raises(PlaybookFailed, match="would start with them"):
        manager.install(archive, manager_settings=files)
    assert {part: manager.state(part) for part in PARTS} == dict.fromkeys(PARTS, "active")


def test_the_gateway_s_certificate_is_renewed_and_its_logs_are_rotated_by_a_unit_of_their_own(manager, archive):
    data = "/var/lib/dockerdriver"
    files = {"DD_GATEWAY_CERTIFICATE": "gateway.crt", "DD_GATEWAY_CERTIFICATE_KEY": "gateway.key"}
    manager.shell.run("cd /opt/dockerdriver/current && sudo .venv/bin/python -", 60, DUE)
    tls = {name: f"{data}/gateway/tls/{file}" for name, file in files.items()}
    said = {"DD_GATEWAY_LOG_MB": "1", "DD_PUBLIC_URL": "https://api.example:8000"}
    manager.install(archive, manager_settings=tls | said)
    look = "openssl s_client -connect 127.0.0.1:8000 </dev/null 2>/dev/null | openssl x509 -noout -checkend 864000"
    until(lambda: "will not expire" in manager.root(f"{look} || true"), "nginx shows the renewed one", 150)
    manager.root(f"head -c 1100000 /dev/zero >> {data}/logs/gateway-access.log")
    until(lambda: "log.1" in manager.root(f"ls {data}/logs"), "the log is rotated", 150)
    ask = "curl -sk -o /dev/null https://127.0.0.1:8000/"  # it may reopen its logs a moment after one has moved
    until(lambda: manager.root(f"{ask}; cat {data}/logs/gateway-access.log"), "nginx writes to the new one", 30)


def test_a_version_is_brought_and_gone_back_from(manager, archive, tmp_path):
    newer = tmp_path / "newer.tar"
    newer.write_bytes(archive.read_bytes())
    with tarfile.open(newer, "a") as added:
        added.addfile(tarfile.TarInfo("NEWER"), io.BytesIO())
    manager.install(newer)
    until(lambda: manager.state("warm@1") == "active", "the worker of the new version works", 120)
    assert manager.root("ls /opt/dockerdriver/current/NEWER")
    manager.install(archive)
    until(lambda: manager.state("warm@1") == "active", "that of the old one works again", 120)
    assert "NEWER" not in manager.root("ls /opt/dockerdriver/current/")


def test_after_a_boot_all_of_it_runs_again(manager):
    # It waits for each of them; the target alone does not.
    manager.root('systemctl stop dockerdriver.target "dockerdriver-*"', 180)
    manager.root("rm -rf /run/dockerdriver && systemctl start multi-user.target dockerdriver.target", 300)
    until(lambda: manager.state("long@1") == "active", "the last part runs", 300)
    assert {part: manager.state(part) for part in PARTS} == dict.fromkeys(PARTS, "active")
