"""Run a playbook on one host, by ansible-runner, and say of each task how it ended."""

import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ansible_runner import Runner, RunnerConfig

from blocks.files.private_files import write_private
from blocks.host_setup.playbook_events import PlaybookTally, TaskResult, one_line
from blocks.host_setup.run_directory import end_processes_of, private_directory
from blocks.host_setup.shell import WrongHostKey
from blocks.resources import PLAYBOOKS
from blocks.stored.host_keys import HostLogin
from pool.errors import HostUnreachable, PlaybookFailed
from pool.setup_version import OF_THE_ENGINE, HostNetwork

SSH_PORT = 22
POLL_SECONDS = 1  # how soon a run that must end is ended
LAST_LINES = 12
WRONG_KEY = ("REMOTE HOST IDENTIFICATION HAS CHANGED", "Host key verification failed")  # in ssh's own words
NOTEBOOK_HOST = PLAYBOOKS / "notebook_host.yml"
DISKS = PLAYBOOKS / "disks.yml"  # what may be left of it on a machine that booted from an image of a host
DATA_ROOT = "/var/lib/docker"  # of the engine on every host
LINK_LOCAL = "169.254.0.0/16"  # where clouds keep their metadata service


@dataclass(frozen=True)
class PlaybookRun:
    """One playbook on one host, or on this machine."""

    host: str
    address: str
    host_key: str  # "ssh-ed25519 AAAA…": the only key that is accepted
    login: HostLogin | None  # None: it runs on this machine itself, without ssh
    variables: Mapping[str, object] = field(repr=False)  # may hold secrets
    port: int = 22  # of sshd
    playbook: Path = NOTEBOOK_HOST


def on_this_machine(playbook: Path, variables: Mapping[str, object]) -> PlaybookRun:
    """Return the run of a playbook on the manager's own machine."""
    return PlaybookRun("localhost", address="", host_key="", login=None, variables=variables, playbook=playbook)


@dataclass(frozen=True)
class PlaybookReport:
    """What a finished run did: numbers of tasks."""

    ok: int  # ended well, changed ones included
    changed: int
    failed: int  # failed but were allowed to
    seconds: float
    failures: tuple[str, ...] = ()  # lines of the tasks counted in failed


def host_variables(
    *,
    host: str,
    ca_certificate: str,
    server_certificate: str,
    server_key: str,
    data_root: str = DATA_ROOT,
    data_device: str = "",
    swap_mb: int = 0,
    gpus: int = 0,
    network: HostNetwork = OF_THE_ENGINE,
    blocked_networks: Sequence[str] = (),
    nameservers: Sequence[str] = (),
    registry: str = "",
) -> dict[str, object]:
    """Return the variables of ``notebook_host.yml``.

    Args:
        host: name that the machine gets.
        ca_certificate: PEM; signs the engine's clients and the engine.
        server_certificate: PEM; its subject alternative names hold the host's address.
        server_key: PEM, private.
        data_root: directory that Docker keeps its data in.
        data_device: block device of the data volume, as in "/dev/vdb"; empty: none.
        swap_mb: size of the swap file; 0: none.
        gpus: that the machine must have; 0: it is not looked at.
        network: what the engine's bridges are made of.
        blocked_networks: addresses and networks, besides link-local, that containers may not reach; those of IPv6 are
            held anyway.
        nameservers: IPv4 addresses in blocked networks that containers may ask for names, besides the host's own.
        registry: that images are pulled from, as in "registry.example:5000"; empty: none.
    """
    return {
        "system_hostname": host,
        "storage_data_root": data_root,
        "storage_device": data_device,
        "storage_swap_mb": swap_mb,
        "gpu_count": gpus,
        "docker_data_root": data_root,
        "docker_ca_certificate": _ended(ca_certificate),
        "docker_server_certificate": _ended(server_certificate),
        "docker_server_key": _ended(server_key),
        "docker_bip": network.bridge,
        "docker_registry": registry,
        "docker_address_pools": [{"base": base, "size": size} for base, size in network.address_pools],
        "firewall_blocked": [LINK_LOCAL],
        "firewall_networks": list(blocked_networks),
        "firewall_nameservers": list(nameservers),
    }


def run_playbook(
    run: PlaybookRun,
    on_event: Callable[[str], None],
    timeout_seconds: int,
    directory: Path,
    cancelled: Callable[[], bool] = lambda: False,
) -> PlaybookReport:
    """Run it to its end. Many threads may do so at once.

    Args:
        run: the playbook, the host and the variables.
        on_event: gets one line for each task that ended.
        timeout_seconds: seconds that the whole run may take.
        directory: where the run's files lie while it runs, in a directory of their own that only we can read; its path
            is at most 60 bytes long, for ssh keeps a socket there. Made if it is not there.
        cancelled: asked about once a second; True ends the run.

    Raises:
        PlaybookFailed: a task failed ("host main-01: playbook failed at '<task>': <why>"), or the run was not done in
            time, or was cancelled.
        HostUnreachable: ssh did not answer, or what answered is not the host.
    """
    with private_directory(directory) as private:
        watch = _Watch(run.host, private, on_event, cancelled, timeout_seconds)
        config = _configuration(run, private)
        Runner(config, event_handler=watch.event, cancel_callback=watch.ended).run()
        return watch.report(_last_words(config))


class _Watch:
    """Follows one run: says its lines, ends it when it must end, and judges it."""

    def __init__(
        self,
        host: str,
        private: Path,
        on_event: Callable[[str], None],
        cancelled: Callable[[], bool],
        timeout_seconds: int,
    ) -> None:
        self._host, self._private, self._on_event, self._cancelled = host, private, on_event, cancelled
        self._timeout, self._started = timeout_seconds, time.monotonic()
        self._tally = PlaybookTally()
        self._ended_by = ""

    def event(self, event: dict) -> bool:
        """Take an event of ansible-runner's; False: it need not be kept."""
        result = self._tally.add(event)
        if result:
            self._on_event(result.line)
        return False

    def ended(self) -> bool:
        """Whether the run had to be ended. Ansible-runner alone would kill Ansible and leave its workers."""
        if self._cancelled():
            self._ended_by = "was cancelled"
        elif time.monotonic() - self._started > self._timeout:
            self._ended_by = f"was not done after {self._timeout} s"
        if self._ended_by:
            end_processes_of(self._private)
        return bool(self._ended_by)

    def report(self, last_words: str) -> PlaybookReport:
        """Return the outcome.

        Raises:
            PlaybookFailed, HostUnreachable: as run_playbook() says.
        """
        if self._ended_by:
            raise PlaybookFailed(f"host {self._host}: playbook {self._ended_by}, at '{self._tally.current}'")
        self._raise_for_unreachable(self._tally.first("unreachable"))
        failed = self._tally.first("failed")
        if failed:
            raise PlaybookFailed(f"host {self._host}: playbook failed at '{failed.task}': {failed.message}")
        if not self._tally.stats:
            raise PlaybookFailed(f"host {self._host}: playbook broke off: {last_words or 'Ansible wrote nothing'}")
        return self._tally_report()

    def _raise_for_unreachable(self, result: TaskResult | None) -> None:
        if result is None:
            return
        if any(words in result.message for words in WRONG_KEY):
            raise WrongHostKey(f"host {self._host} shows another host key than the one recorded: refused")
        raise HostUnreachable(f"host {self._host}: ssh does not answer: {result.message}")

    def _tally_report(self) -> PlaybookReport:
        ignored = tuple(result.line for result in self._tally.results if result.outcome == "ignored")
        return PlaybookReport(
            ok=self._tally.count("ok"),
            changed=self._tally.count("changed"),
            failed=len(ignored),
            seconds=time.monotonic() - self._started,
            failures=ignored,
        )


def _configuration(run: PlaybookRun, private: Path) -> RunnerConfig:
    config = RunnerConfig(
        private_data_dir=str(private),
        playbook=str(run.playbook),
        inventory=str(_write_inventory(run, private)),
        envvars=_environment(private),
        settings={"pexpect_timeout": POLL_SECONDS},
        fact_cache_type="none",
        quiet=True,
    )
    config.prepare()
    config.env = _without_the_operators_own(config.env, _environment(private))
    config.command[0] = str(Path(sys.prefix) / "bin" / config.command[0])  # not whatever PATH may lead to
    return config


def _environment(private: Path) -> dict[str, str]:
    """Return what differs from run to run; all else stands in playbooks/ansible.cfg."""
    return {
        "ANSIBLE_CONFIG": str(PLAYBOOKS / "ansible.cfg"),
        "ANSIBLE_HOME": str(private / "home"),
        "ANSIBLE_HOST_KEY_CHECKING": "True",
        "ANSIBLE_SSH_CONTROL_PATH": str(private / "ssh"),
        "ANSIBLE_SSH_CONTROL_PATH_DIR": str(private),  # else made in a home, which the workers may not have
        "ANSIBLE_CALLBACK_PLUGINS": "",
        "LC_ALL": "C.UTF-8",
        "PATH": os.environ.get("PATH") or os.defpath,
    }


def _without_the_operators_own(env: Mapping[str, str], ours: Mapping[str, str]) -> dict[str, str]:
    """Drop Ansible settings and the ssh agent of the manager's own environment."""
    foreign = {name for name in os.environ if name.startswith("ANSIBLE_")} - set(ours) | {"SSH_AUTH_SOCK"}
    return {name: value for name, value in env.items() if name not in foreign}


def _write_inventory(run: PlaybookRun, private: Path) -> Path:
    """One host, with its variables: in a file, so that no secret stands in a command line."""
    way = _ssh(run, run.login, private) if run.login else {"ansible_connection": "local"}
    inventory = {"all": {"hosts": {run.host: {**run.variables, **way}}}}
    return write_private(private / "hosts.yml", _of_plain_texts(inventory))


def _of_plain_texts(value: object) -> str:
    """Write a value as YAML in which no text is a template.

    Ansible would run what stands in braces, here on the manager: a name in a block is no program.
    """
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(name)}: {_of_plain_texts(each)}" for name, each in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(map(_of_plain_texts, value)) + "]"
    text = json.dumps(value, ensure_ascii=False)
    return f"!unsafe {text}" if "{" in text else text  # not all: an empty one with the mark is read as none


def _ssh(run: PlaybookRun, login: HostLogin, private: Path) -> dict[str, object]:
    """How Ansible reaches the host; the two files that it needs for that are written."""
    name = run.address if run.port == SSH_PORT else f"[{run.address}]:{run.port}"
    known_hosts = write_private(private / "known_hosts", f"{name} {run.host_key}\n")
    key = write_private(private / "login", _ended(login.private_key.get_secret_value()))
    return {
        "ansible_host": run.address,
        "ansible_port": run.port,
        "ansible_user": login.user,
        "ansible_ssh_private_key_file": str(key),
        "ansible_ssh_common_args": _ssh_arguments(known_hosts),
    }


def _ssh_arguments(known_hosts: Path) -> str:
    """ssh accepts one host key and offers one login key, whatever the operator's own configuration says."""
    options = {
        "UserKnownHostsFile": f'"{known_hosts}"',
        "GlobalKnownHostsFile": "/dev/null",
        "StrictHostKeyChecking": "yes",
        "IdentitiesOnly": "yes",
        "BatchMode": "yes",
    }
    return "-F none " + " ".join(f"-o '{name}={value}'" for name, value in options.items())


def _last_words(config: RunnerConfig) -> str:
    """Return the end of what Ansible wrote, in one line."""
    written = Path(config.artifact_dir, "stdout")
    lines = written.read_text(errors="replace").split("\n") if written.exists() else []
    return one_line(" ".join(lines[-LAST_LINES:]))


def _ended(pem: str) -> str:
    return pem if pem.endswith("\n") else pem + "\n"
