"""Running a playbook on a real host: how it runs, and what goes wrong, each in one sentence."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import yaml

from blocks.host_setup.playbook import NOTEBOOK_HOST, on_this_machine, run_playbook
from blocks.host_setup.shell import WrongHostKey
from blocks.stored.host_keys import new_host_key
from pool.errors import HostUnreachable, PlaybookFailed
from tests.rigs.hosts.leftovers import processes_of
from tests.rigs.hosts.playbook_host import playbook_host

pytest_plugins = ("tests.rigs.hosts.playbook_host",)
pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def bare(engine_url):
    with playbook_host(engine_url) as host:
        yield host


@pytest.fixture
def small_playbook(tmp_path):
    """Writes a playbook of one task, for what has nothing to do with what a playbook does."""

    def write(module, **arguments):
        task = {"name": "Do it", f"ansible.builtin.{module}": arguments}
        path = tmp_path / "small.yml"
        path.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": [task]}]))
        return path

    return write


# ---- what goes wrong


def test_a_failed_task_is_one_sentence(bare):
    sentence = (
        "^host playbook: playbook failed at 'storage : Wait for the data volume': "
        "the data volume /dev/absent did not appear within 1 s$"
    )
    with pytest.raises(PlaybookFailed, match=sentence):
        bare.again(storage_device="/dev/absent", storage_device_timeout=1)


def test_a_variable_that_is_missing_is_named(bare, playbook_of):
    variables = {name: value for name, value in bare.run.variables.items() if name != "docker_server_key"}
    run = replace(bare.run, playbook=playbook_of("docker"), variables=variables)
    with pytest.raises(PlaybookFailed, match="missing required arguments: docker_server_key"):
        run_playbook(run, print, 300, bare.directory)


def test_a_machine_that_calls_itself_by_a_path_has_no_file_of_the_managers_read(bare, tmp_path):
    play = yaml.safe_load(NOTEBOOK_HOST.read_text())[0]
    play["pre_tasks"][0] = {"ansible.builtin.set_fact": {"os_family": f"../../../../..{tmp_path}/x", "cacheable": True}}
    said = tmp_path / "said.yml"
    said.write_text(json.dumps([play]))
    with pytest.raises(PlaybookFailed, match="neither of Debian's family nor of Red Hat's"):
        run_playbook(replace(bare.run, playbook=said), print, 60, bare.directory)


def test_a_playbook_that_is_none_is_one_sentence(bare, tmp_path):
    broken = tmp_path / "broken.yml"
    broken.write_text("- hosts: all\n  nonsense: 1\n")
    with pytest.raises(PlaybookFailed, match=r"^host playbook: playbook broke off: .*nonsense"):
        run_playbook(replace(bare.run, playbook=broken), print, 60, bare.directory)


def test_a_wrong_host_key_is_refused(bare, small_playbook):
    run = replace(bare.run, host_key=new_host_key().public, playbook=small_playbook("ping"))
    with pytest.raises(WrongHostKey, match="host playbook shows another host key than the one recorded: refused"):
        run_playbook(run, print, 60, bare.directory)


def test_a_closed_port_is_called_unreachable(bare, small_playbook):
    run = replace(bare.run, port=9, playbook=small_playbook("ping"))
    with pytest.raises(HostUnreachable, match=r"^host playbook: ssh does not answer: .*Connection refused"):
        run_playbook(run, print, 60, bare.directory)


def test_a_run_that_takes_too_long_is_ended_with_all_its_processes(bare, small_playbook):
    run = replace(bare.run, playbook=small_playbook("command", cmd="sleep 60"))
    with pytest.raises(PlaybookFailed, match=r"^host playbook: playbook was not done after 3 s(, at 'Do it')?$"):
        run_playbook(run, print, 3, bare.directory)
    assert (list(bare.directory.iterdir()), processes_of(bare.directory)) == ([], set())


def test_a_run_that_is_cancelled_is_ended(bare, small_playbook):
    run = replace(bare.run, playbook=small_playbook("command", cmd="sleep 60"))
    started = time.monotonic()
    with pytest.raises(PlaybookFailed, match="playbook was cancelled"):
        run_playbook(run, print, 60, bare.directory, cancelled=lambda: time.monotonic() - started > 2)
    assert processes_of(bare.directory) == set()


# ---- how it runs


def test_a_listener_that_fails_leaves_nothing_behind(bare, small_playbook):
    def fail(line):
        raise KeyError(line)

    with pytest.raises(KeyError):
        run_playbook(replace(bare.run, playbook=small_playbook("ping")), fail, 60, bare.directory)
    assert (list(bare.directory.iterdir()), processes_of(bare.directory)) == ([], set())


def test_no_secret_stands_in_a_command_line(bare, small_playbook):
    seen: list[str] = []
    run = replace(bare.run, playbook=small_playbook("command", cmd="true"))
    run_playbook(run, lambda line: seen.extend(processes_of(bare.directory)), 60, bare.directory)
    secret = bare.run.variables["docker_server_key"].splitlines()[1]
    assert seen
    assert not any(secret in command for command in seen)


def test_four_hosts_are_configured_at_once(bare, small_playbook):
    playbook = small_playbook("command", cmd="sleep 1")
    threads = set()

    def one(name):
        run = replace(bare.run, host=name, playbook=playbook)
        return run_playbook(run, lambda line: threads.add(threading.get_ident()), 60, bare.directory)

    with ThreadPoolExecutor(4) as executor:
        reports = list(executor.map(one, ["a", "b", "c", "d"]))
    assert [report.changed for report in reports] == [1, 1, 1, 1]
    assert len(threads) == 4


def test_it_runs_whatever_the_environment_holds(bare, small_playbook, monkeypatch):
    for name in ("HOME", "PATH", "SSH_AUTH_SOCK"):
        monkeypatch.delenv(name, raising=False)
    strange = {"ANSIBLE_STRATEGY": "none", "ANSIBLE_CONFIG": "/absent", "LC_ALL": "C", "REQUESTS_CA_BUNDLE": "/absent"}
    for name, value in strange.items():
        monkeypatch.setenv(name, value)
    report = run_playbook(replace(bare.run, playbook=small_playbook("ping")), print, 60, bare.directory)
    assert report.ok == 1


def test_a_playbook_runs_on_this_machine_with_its_secret_on_no_command_line(tmp_path):
    playbook, seen = tmp_path / "here.yml", tmp_path / "seen"
    command = f"cat /proc/[0-9]*/cmdline > {seen}; true"
    tasks = [{"name": "Look who runs it", "ansible.builtin.shell": command}, {"name": "Tell", "debug": {"var": "word"}}]
    playbook.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": tasks}]))
    run = on_this_machine(playbook, {"word": "s3cret-of-a-playbook"})
    with TemporaryDirectory(prefix="dd-") as short:  # ssh's socket wants a short path
        report = run_playbook(run, print, 120, Path(short))
    assert (report.ok, report.failed) == (2, 0)
    assert "s3cret-of-a-playbook" not in seen.read_text()


def test_a_text_of_ours_that_looks_like_a_template_stays_a_text(small_playbook, tmp_path):
    mark, said = tmp_path / "was-run", tmp_path / "said"
    texts = {
        "plain": f"{{{{ lookup('pipe', 'touch {mark}') }}}}",
        "pools": [{"base": "{{ 1 + 1 }}", "of": "Zoë\n😀", "no": ""}],
    }
    copied = small_playbook("copy", dest=str(said), mode="0600", content="{{ [plain, pools] | to_json }}")
    with TemporaryDirectory(prefix="dd-") as short:
        run_playbook(on_this_machine(copied, texts), print, 60, Path(short))
    assert json.loads(said.read_text()) == [texts["plain"], texts["pools"]]
    assert not mark.exists()
