"""The commands that begin with a noun, against a server that answers as Prefect's does: `conftest.py` has it."""

import json
import shlex
import subprocess

import pytest

from blocks.settings import ProcessSettings
from pool.errors import BadRequest, DockerDriverError, NotFound
from runtime.command.cli import _parser, groups
from runtime.command.nouns import texts_of
from runtime.verbs import blueprints, configs, flows, hosts, images, sessions, ssh
from tests.rigs.ports import free_port

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("noun", groups())
def test_each_command_has_a_help_and_an_example_that_is_understood(noun):
    for command, arguments in groups()[noun][1].items():
        _, example = texts_of(command)
        assert all(how.get("help") for how in arguments.values()), command
        words = example.partition("dockerdriver ")[2].partition(" | ")[0].partition(" && ")[0].partition(")")[0]
        assert _parser().parse_args(shlex.split(words)).command is command, example


@pytest.mark.parametrize(
    "line",
    [
        "session start ada-1 --user ada --json",
        "session message ada-1 Hello --warning",
        "session message --host main-07 --minutes 120 Hello",
        "session message --all Hello --json",
        "session logs ada-1 --lines 20 --follow",
        "session move ada-1 --to main-07",
        "session list --since yesterday --failed",
        "host drain main-07 --deadline 30 --reason kernel --yes",
        "host ssh main-07",
        "host ssh main-07 sudo docker ps --all",
        "image add rocker/rstudio:4.4 --source registry",
        "blueprint check",
        "blueprint get jupyter-minimal",
        "blueprint set jupyter-minimal keep=/home/jovyan",
        "blueprint save docs/applications/streamlit.yaml --replace",
        "course save docs/courses/bio101.yaml --replace",
        "course list --json",
        "course show bio101",
        "course start bio101",
        "config set DD_MAX_HOSTS=8 --pool gpu",
        "pool add gpu DD_HOST_GPUS=2 DD_MAX_HOSTS=2",
        "pool add gpu --like main",
        "pool remove gpu --yes",
    ],
)
def test_a_line_as_the_docs_print_it_is_understood(line):
    assert callable(_parser().parse_args(line.split()).command)


def test_a_session_is_started_as_a_platform_would(settings, prefect, capsys):
    assert sessions.start(settings, "ada-1", "lab", "ada", as_json=False) == 0
    assert capsys.readouterr().out == "instance_id: ada-1\nstate: running\nurl: http://x\n"
    assert prefect.asked == [{"instance_id": "ada-1", "blueprint": "lab", "user": "ada"}]


def test_a_session_is_moved_to_a_named_host_for_a_reason(settings, prefect, capsys):
    assert sessions.move(settings, "ada-1", "main-07", "a new kernel", as_json=False) == 0
    assert capsys.readouterr().out == "it is done\n"
    assert prefect.asked == [{"instance_id": "ada-1", "host": "main-07", "reason": "a new kernel"}]


def a_message(**values):
    usual = {"host": "", "every_session": False, "warning": False, "minutes": 60, "as_json": False}
    return usual | values


def test_the_user_of_a_session_is_told_something(settings, prefect, capsys):
    assert sessions.message(settings, ["ada-1", "Hello."], **a_message(warning=True)) == 0
    assert capsys.readouterr().out == "it is done\n"
    whom = {"instance_id": "ada-1", "host": "", "every_session": False}
    assert prefect.asked == [{"words": "Hello.", "level": "warning", "minutes": 60, **whom}]


def test_all_users_are_told_something_by_a_text_alone(settings, prefect):
    sessions.message(settings, ["Hello."], **a_message(every_session=True))
    assert (prefect.asked[0]["instance_id"], prefect.asked[0]["every_session"]) == ("", True)


def test_a_text_without_quotes_is_refused_and_no_session_is_told(settings, prefect):
    with pytest.raises(BadRequest, match="put the text into quotes"):
        sessions.message(settings, ["ada-1", "We", "stop"], **a_message())
    assert prefect.asked == []


def test_what_a_run_says_at_its_end_is_the_answer(settings, capsys):
    assert sessions.stop(settings, "ada-1", as_json=False) == 0
    assert capsys.readouterr().out == "it is done\n"


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ("no host is named main-99; known: main-01", NotFound),
        ("no host, session or user is named 'main-99'", NotFound),
        ("host main-99 cannot go from removed to active", DockerDriverError),
    ],
)
def test_a_run_that_fails_is_told_in_its_own_sentence_and_as_what_it_is(settings, prefect, said, error):
    prefect.ends = {"type": "FAILED", "name": "Failed", "message": said}
    with pytest.raises(DockerDriverError, match=f"^{said}$") as told:
        hosts.return_(settings, "main-99", "", as_json=False)
    assert told.type is error


def test_a_run_that_waits_for_a_confirmation_is_left_to_the_operator(settings, prefect):
    prefect.ends = {"type": "PAUSED", "name": "Paused", "message": None}
    with pytest.raises(DockerDriverError, match="waits until it is confirmed in Prefect's UI"):
        hosts.drain(settings, "main-01", 30, "", yes=False, as_json=False)


def test_hosts_and_images_are_listed_without_a_stack(settings, capsys):
    hosts.list_(settings, None, as_json=True)
    (host,) = json.loads(capsys.readouterr().out)
    assert (host["host"], host["state"], host["free"]) == ("main-01", "active", 6)
    images.list_(settings, None, as_json=False)
    assert capsys.readouterr().out == "no image is offered\n"


def test_settings_are_read_changed_together_and_compared_with_the_defaults(settings, prefect, capsys):
    configs.set_(settings, ["DD_MAX_HOSTS=8", "DD_HOST_LIFETIME=6h"], "main", as_json=False)
    assert prefect.kept == {"DD_MAX_HOSTS": 8, "DD_HOST_LIFETIME": 21600}
    capsys.readouterr()
    configs.get(settings, "DD_HOST_LIFETIME", "main", as_json=False)
    assert capsys.readouterr().out == "21600\n"
    configs.diff(settings, "main", as_json=True)
    assert {row["setting"] for row in json.loads(capsys.readouterr().out)} == {"DD_MAX_HOSTS", "DD_HOST_LIFETIME"}


@pytest.mark.parametrize(
    ("assignment", "error", "said"),
    [
        ("DD_MAX_HOSTS", BadRequest, "write NAME=value, like DD_MAX_HOSTS=8"),
        ("DD_MOST=8", NotFound, "a pool has no setting 'DD_MOST'; known: DD_SHUTDOWN_MODE"),
        ("DD_MAX_HOSTS=many", BadRequest, "nothing is changed: DD_MAX_HOSTS: must be a whole number"),
        ("DD_HOST_FLAVOR_SLOTS_LARGE=2", BadRequest, "the large flavor has fewer slots"),
    ],
)
def test_a_wrong_setting_is_refused_before_anything_is_changed(settings, prefect, assignment, error, said):
    with pytest.raises(error, match=said):
        configs.set_(settings, [assignment], "main", as_json=False)
    assert prefect.kept == {"DD_MAX_HOSTS": 4, "DD_HOST_LIFETIME": 7200}


def test_all_that_is_wrong_with_settings_is_said_at_once(settings, prefect):
    with pytest.raises(BadRequest) as refused:
        configs.set_(
            settings, ["DD_MOST=8", "DD_MAX_HOSTS=many", "DD_X", "DD_HOST_LIFETIME=soon"], "main", as_json=False
        )
    for said in ("'DD_X' sets nothing", "no setting 'DD_MOST'", "DD_MAX_HOSTS: must be", "DD_HOST_LIFETIME: "):
        assert said in str(refused.value)
    assert prefect.kept == {"DD_MAX_HOSTS": 4, "DD_HOST_LIFETIME": 7200}


def test_all_that_is_wrong_with_fields_of_a_blueprint_is_said_at_once(settings, prefect):
    prefect.kept = {"image": "lab", "port": 8888}
    with pytest.raises(BadRequest) as refused:
        blueprints.set_(settings, "lab", ["lifetme=5", "command=[run", "port=0"], as_json=False)
    for said in ("no field 'lifetme'", "command: '[run' is no JSON", "port: must be 1 or more"):
        assert said in str(refused.value)


def test_a_pool_that_there_is_not_is_named_with_those_that_there_are(settings):
    with pytest.raises(NotFound, match="no pool is named 'gpu'; known: main; `dockerdriver pool add gpu` makes"):
        configs.get(settings, None, "gpu", as_json=False)


def test_blueprints_cannot_be_checked_without_a_stack_and_one_sentence_says_so(tmp_path):
    stopped = ProcessSettings(data=tmp_path, database="sqlite", prefect_port=free_port(), _env_file=None)
    with pytest.raises(DockerDriverError, match=r"does not answer .*: does the stack run\? `make up` starts it"):
        blueprints.check(stopped, None, as_json=False)


def test_a_blueprint_that_there_is_not_is_named_with_those_that_there_are(settings):
    with pytest.raises(NotFound, match="no blueprint is named 'gpu'; known: main"):
        blueprints.check(settings, "gpu", as_json=False)


def test_fields_of_a_blueprint_are_changed_together_and_the_others_stay(settings, prefect, capsys):
    prefect.kept = {"image": "lab", "port": 8888, "lifetime": 60}
    blueprints.set_(settings, "lab", ["lifetime=2h", "keep=/home/ada, /srv/x", 'command=["run", "it"]'], as_json=True)
    assert [row["after"] for row in json.loads(capsys.readouterr().out)] == [
        7200,
        ["/home/ada", "/srv/x"],
        ["run", "it"],
    ]
    assert (prefect.kept["image"], prefect.kept["lifetime"]) == ("lab", 7200)


@pytest.mark.parametrize(
    ("assignment", "error", "said"),
    [
        ("lifetme=5", NotFound, "a blueprint has no field 'lifetme'; known: image, "),
        ("lifetime=soon", BadRequest, "lifetime"),
        ("command=[run", BadRequest, "is no JSON"),
    ],
)
def test_a_wrong_field_of_a_blueprint_is_refused_before_anything_is_changed(settings, prefect, assignment, error, said):
    prefect.kept = {"image": "lab", "port": 8888}
    with pytest.raises(error, match=said):
        blueprints.set_(settings, "lab", [assignment], as_json=False)
    assert prefect.kept == {"image": "lab", "port": 8888}


def test_a_flow_that_there_is_not_is_named_with_what_to_do(settings):
    with pytest.raises(NotFound, match="no deployment is named 'no-flow/on-demand': Prefect's UI lists"):
        flows.run(settings, "no-flow", [], as_json=False)


def test_any_flow_is_run_with_its_parameters(settings, prefect, capsys):
    flows.run(settings, "bake-host-image", ["pool=main", "name=", "hosts=[1]"], as_json=True)
    assert json.loads(capsys.readouterr().out)["message"] == "it is done"
    assert prefect.asked == [{"pool": "main", "name": "", "hosts": [1]}]
    with pytest.raises(BadRequest, match="write NAME=value, like pool=main"):
        flows.run(settings, "plan", ["main"], as_json=True)


def test_ssh_takes_one_host_key_and_offers_one_login_key_and_passes_the_command_on(tmp_path):
    (tmp_path / "login").touch()
    words = ssh.command("ops@10.0.0.7", tmp_path / "login", tmp_path / "known hosts", ["docker", "ps", "--all"])
    assert words[-4:] == ["ops@10.0.0.7", "docker", "ps", "--all"]
    told = subprocess.run([*words[:-4], "-G", "10.0.0.7"], capture_output=True, text=True, check=True).stdout
    read = dict(line.split(" ", 1) for line in told.splitlines() if " " in line)
    assert (read["stricthostkeychecking"], read["identitiesonly"]) == ("true", "yes")
    assert (read["userknownhostsfile"], read["identityfile"]) == (f"{tmp_path}/known hosts", f"{tmp_path}/login")


def test_ssh_to_a_host_wants_the_stack_that_keeps_its_key(tmp_path):
    stopped = ProcessSettings(data=tmp_path, database="sqlite", prefect_port=free_port(), _env_file=None)
    with pytest.raises(DockerDriverError, match="does the stack run"):
        ssh.ssh(stopped, "main-01", [])
