"""The bootstrap on machines that lack something: a PATH of stand-ins for apt, dpkg and python."""

import fcntl
import os
import re
import subprocess
from pathlib import Path

import pytest

pytestmark = [pytest.mark.unit, pytest.mark.thorough]

SCRIPT = Path(__file__).parents[3] / "runtime" / "bootstrap.sh"
TOOLS = (
    "awk",
    "bash",
    "cat",
    "chmod",
    "cut",
    "dirname",
    "env",
    "flock",
    "grep",
    "id",
    "mktemp",
    "mv",
    "rm",
    "sed",
    "sh",
    "sha256sum",
    "sleep",
    "tail",
    "touch",
    "ls",
)
OLD_PYTHON = 'case "$*" in *version_info*) exit 1;; -V) echo Python 3.9.2;; esac'
MAKES_A_VENV = """case "$*" in "-m venv .venv")
  mkdir -p .venv/bin; cp "$0" .venv/bin/python; echo "$PWD/.venv" > .venv/bin/activate;; esac"""
AT_FIRST = "== Installing 1 Python packages of requirements.lock into .venv\n"
ROOT_USER = 'case "$1" in -u) echo 0;; esac'


class Machine:
    """A checkout and a PATH in which only what a test puts there exists."""

    def __init__(self, place: Path):
        self.place = place
        self.bin = place / "bin"
        self.policy = place / "policy-rc.d"
        for directory in (self.bin, place / "checkout" / "runtime"):
            directory.mkdir(parents=True)
        (place / "checkout/runtime/bootstrap.sh").write_bytes(SCRIPT.read_bytes())
        for name in ("requirements.lock", "requirements-test.lock", "pyproject.toml"):
            (place / "checkout" / name).write_text("nothing==1\n")
        for tool in TOOLS:
            (self.bin / tool).symlink_to(subprocess.check_output(["which", tool], text=True).strip())

    def has(self, **tools: str) -> None:
        """Put programs on the PATH: name (with _ for -) and what the shell does when it is called."""
        for name, body in tools.items():
            tool = self.bin / name.replace("_", "-")
            tool.unlink(missing_ok=True)
            tool.write_text(f"#!/bin/sh\n{body}\n")
            tool.chmod(0o755)

    def bootstrap(self, purpose: str = "run", **environment: str) -> subprocess.CompletedProcess:
        values = (
            {"PYTHONS": "python3"}
            | environment
            | {
                "PATH": str(self.bin),
                "POLICY_RC_D": str(self.policy),
                "LOCK": str(self.place / "lock"),
            }
        )
        script = self.place / "checkout/runtime/bootstrap.sh"
        return subprocess.run(["bash", str(script), purpose], env=values, capture_output=True, text=True, check=False)

    def started(self) -> subprocess.Popen:
        """The same, under way."""
        values = {"PYTHONS": "python3", "PATH": str(self.bin), "POLICY_RC_D": str(self.policy)}
        script = self.place / "checkout/runtime/bootstrap.sh"
        locked = values | {"LOCK": str(self.place / "lock")}
        return subprocess.Popen(["bash", str(script), "run"], env=locked, stdout=subprocess.PIPE, text=True)

    def calls(self) -> str:
        log = self.place / "calls"
        return log.read_text() if log.exists() else ""


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    machine = Machine(tmp_path)
    note = f'echo "$0 $@" >> {tmp_path}/calls'
    for tool in ("mkdir", "cp"):
        (machine.bin / tool).symlink_to(subprocess.check_output(["which", tool], text=True).strip())
    machine.has(id=ROOT_USER, apt_get=note, dpkg_query="echo installed", python3=f"{note}\n{MAKES_A_VENV}", dockerd="")
    return machine


def test_a_complete_machine_gets_no_package_and_a_second_run_installs_nothing(machine):
    assert machine.bootstrap().returncode == 0
    before = machine.calls()
    assert machine.bootstrap().stdout == ""
    assert "apt-get" not in machine.calls()
    assert "pip install" in before
    assert "pip install" not in machine.calls().removeprefix(before)


def test_packages_are_those_whose_files_the_lock_has_the_hashes_of(machine):
    assert machine.bootstrap("test").returncode == 0
    installed = [line.partition("pip install ")[2] for line in machine.calls().splitlines() if ".lock" in line]
    assert sorted(line.split()[-3:] for line in installed if "--require-hashes" in line) == [
        ["--require-hashes", "-r", "requirements-test.lock"],
        ["--require-hashes", "-r", "requirements.lock"],
    ]


def test_a_lock_that_cannot_be_installed_beside_the_other_is_quoted_and_both_are_tried_again(machine):
    works = machine.bin.joinpath("python3").read_text()
    fails = 'case "$*" in *requirements-test.lock) echo "ERROR: no such hash"; exit 1;; esac'
    machine.has(python3=f"{fails}\n{works}")
    ended = machine.bootstrap("test")
    assert (ended.returncode, ended.stderr.splitlines()[0]) == (1, "ERROR: no such hash")
    assert "all of them in .venv/pip-requirements-test.lock.log" in ended.stderr
    assert not list((machine.place / "checkout/.venv").glob("*.stamp"))
    (machine.place / "checkout/.venv/bin/python").write_text(works)
    assert machine.bootstrap("test").returncode == 0


def test_an_environment_that_lost_its_pip_is_made_anew_with_all_that_it_had(machine):
    assert machine.bootstrap("run").returncode == 0
    (machine.place / "checkout/.venv/bin/activate").unlink()
    assert machine.bootstrap("test").stdout.count("Installing") == 2


def test_what_is_missing_is_said_with_its_reason_and_installed_without_recommendations(machine):
    machine.has(dpkg_query='case "$3" in nginx) exit 1;; *) echo installed;; esac')
    said = machine.bootstrap().stdout
    assert "nginx: the gateway" in said
    install = next(line for line in machine.calls().splitlines() if " install " in line and "apt-get" in line)
    assert "--no-install-recommends" in install
    assert install.endswith(" nginx")


def test_no_local_account_keeps_the_bootstrap_waiting_by_its_lock(machine):
    assert machine.bootstrap().returncode == 0
    assert (machine.place / "lock").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("lock", "where"), [("checkout/.bootstrap.lock", "in this clone"), ("lock", "on this machine")]
)
def test_of_two_bootstraps_at_once_one_waits_and_says_for_whom(machine, lock, where):
    file = machine.place / lock
    file.write_text("4711, for test\n")
    with file.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        waiting = machine.started()
        assert waiting.stdout.readline() == f"== Waits for the bootstrap {where} that process 4711, for test is at\n"
        assert waiting.poll() is None
        fcntl.flock(held, fcntl.LOCK_UN)
        assert (waiting.wait(30), waiting.stdout.read()) == (0, AT_FIRST)
    assert file.read_text() == f"{waiting.pid}, for run\n"


def test_a_clone_whose_lock_is_another_account_s_is_not_waited_for(machine):
    (machine.place / "checkout" / ".bootstrap.lock").mkdir()  # what cannot be opened for writing, also by root
    assert machine.bootstrap().returncode == 0


def test_the_lock_of_the_bootstrap_is_where_no_other_account_lays_a_link_for_root():
    (lock,) = re.findall(r"LOCK:-(/[^}]+)}", SCRIPT.read_text())
    assert not Path(lock).parent.stat().st_mode & 0o022


def test_an_installed_command_is_told_what_is_missing_and_nothing_is_installed(machine):
    machine.has(dpkg_query='case "$3" in nginx|zstd) exit 1;; *) echo installed;; esac', id="echo 1000")
    said = machine.bootstrap("missing")
    assert said.stdout == "nginx  the gateway\nzstd  sending images\n"
    assert (said.returncode, machine.calls()) == (0, "")


def test_no_service_is_started_while_packages_are_installed_and_the_machines_policy_is_put_back(machine):
    machine.policy.write_text("#!/bin/sh\nexit 0\n")
    machine.has(
        dpkg_query='case "$3" in nginx) exit 1;; *) echo installed;; esac',
        apt_get=f"sh {machine.policy}; echo policy $? >> {machine.place}/calls",
    )
    assert machine.bootstrap().returncode == 0
    assert "policy 101" in machine.calls()
    assert machine.policy.read_text() == "#!/bin/sh\nexit 0\n"


def test_a_policy_that_a_killed_run_left_is_taken_away(machine):
    machine.policy.write_text("#!/bin/sh\n# put here by dockerdriver while it installs packages\nexit 101\n")
    Path(f"{machine.policy}.kept-by-dockerdriver").write_text("the machine's own")
    assert machine.bootstrap().returncode == 0
    assert machine.policy.read_text() == "the machine's own"


def test_apt_that_fails_is_tried_three_times_and_quoted(machine):
    machine.has(
        dpkg_query='case "$3" in nginx) exit 1;; *) echo installed;; esac',
        apt_get=f"echo try >> {machine.place}/calls; echo E: no network; exit 100",
        sleep="",
    )
    ended = machine.bootstrap()
    assert ended.returncode != 0
    assert machine.calls().count("try") == 3
    assert "E: no network" in ended.stderr
    assert not machine.policy.exists()


@pytest.mark.parametrize(
    ("lacking", "sentence"),
    [
        ({"id": "echo 1000"}, "root is needed"),
        ({"python3": OLD_PYTHON}, "Python 3.11 or newer is needed and is not on PATH (python3 is Python 3.9.2)"),
    ],
)
def test_a_machine_that_will_not_do_is_told_so_in_one_sentence(machine, lacking, sentence):
    machine.has(**lacking)
    ended = machine.bootstrap()
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"dockerdriver: {sentence}")
    assert ended.stderr.count("\n") == 1


def test_a_lock_that_lacks_what_this_python_needs_is_refused_with_its_name(machine):
    lacks = 'case "$*" in "-m pip check") echo redis requires async-timeout; exit 1;; -V) echo Python 3.11.2;; esac'
    machine.has(python3=f"{MAKES_A_VENV}\n{lacks}")
    sentence = "dockerdriver: requirements.lock does not fit Python 3.11.2: redis requires async-timeout\n"
    assert [machine.bootstrap().stderr, machine.bootstrap().stderr] == [sentence, sentence]


@pytest.mark.parametrize(("cloud", "taken"), [("local", "python3"), ("static", "python3.11")])
def test_a_python_that_other_accounts_run_is_taken_where_workers_have_one(machine, cloud, taken):
    machine.has(
        **{"python3.11": machine.bin.joinpath("python3").read_text()}, setpriv='case "$*" in *python3) exit 1;; esac'
    )
    assert machine.bootstrap(DD_CLOUD=cloud, PYTHONS="python3 python3.11").returncode == 0
    assert f"{machine.bin / taken} -m venv .venv" in machine.calls()


def test_a_machine_without_apt_is_told_so(machine):
    (machine.bin / "apt-get").unlink()
    assert "Debian or Ubuntu is needed" in machine.bootstrap().stderr


def test_the_style_checks_need_no_root(machine):
    machine.has(id="echo 1000")
    assert machine.bootstrap("lint").returncode == 0


def test_an_engine_is_installed_only_where_none_is(machine):
    (machine.bin / "dockerd").unlink()
    machine.has(dpkg_query='case "$3" in docker.io) exit 1;; *) echo installed;; esac', python3="exit 1")
    machine.has(python3='case "$1" in -) exit 1;; *) exit 0;; esac')
    assert "docker.io: the Docker Engine" in machine.bootstrap().stdout
    assert "docker.io" not in machine.bootstrap(DOCKER_HOST="tcp://engine.example:2375").stdout


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("DD_API_SERVERS=2", True),
        ("export DD_API_SERVERS = '2' # two", True),
        ('dd_api_servers="3"', True),
        ("DD_API_SERVERS=1", False),
        ("# DD_API_SERVERS=2", False),
    ],
)
def test_a_setting_of_the_file_counts_as_all_else_reads_it(machine, line, wanted):
    machine.has(dpkg_query='case "$3" in redis-server) exit 1;; *) echo installed;; esac')
    (machine.place / "checkout/dockerdriver.env").write_text(f"DD_CLOUD=local\n{line}\n")
    assert ("redis-server: events between the servers of the API" in machine.bootstrap().stdout) is wanted


def test_the_script_is_shell_that_bash_can_read():
    subprocess.run(["bash", "-n", SCRIPT], check=True, env=os.environ)
