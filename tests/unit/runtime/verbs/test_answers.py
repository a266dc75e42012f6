"""What each command answers with --json, held to the schema in the docs."""

from datetime import UTC, datetime, timedelta

import pytest
from jsonschema import Draft202012Validator

from blocks.gateway.certificate import self_signed
from blocks.stored.pool_config import PoolConfig
from pool.backups.states import BackupCause
from pool.states import InstanceState
from pool.store.pool_store import PoolStore
from runtime.command.cli import _parser, groups
from runtime.command.nouns import name_of
from tests.rigs.answers import COMMANDS, SCHEMA, trouble_with
from tests.rigs.pool_data import a_blueprint, an_instance
from tests.rigs.services.databases import reopened

pytestmark = pytest.mark.unit

HOUR = timedelta(hours=1)
#: They work for minutes and tell people meanwhile, or print what a shell reads.
WITHOUT = {"up", "down", "move-to-postgresql", "registry", "completion", "backup download", "host ssh"}
#: They ask real blocks, or nginx: tests/system/test_answers_for_programs.py has them.
ON_A_STACK = {"blueprint check", "course list", "course show", "doctor", "gateway reload"}
LINES = [
    "status",
    "link ada-1",
    "why host main-01",
    "sessions",
    "usage --by month,pool,blueprint,user",
    "plan",
    "plan --week",
    "what-if DD_FREE_SLOT_TARGET=10",
    "advise",
    "timings",
    "run bake-host-image pool=main",
    "rotate-secrets api-password",
    "gateway self-signed n.example.org",
    "gateway certificate",
    "gateway rotate-keys",
    "session start ada-1",
    "session stop ada-1",
    "session extend ada-1 60",
    "session message ada-1 Hello",
    "session move ada-1",
    "session list",
    "session open ada-1",
    "session logs ada-1",
    "host list",
    "host drain main-01",
    "host return main-01",
    "image list",
    "image add lab.tar",
    "image retire lab",
    "pool list",
    "pool add new DD_MAX_HOSTS=2",
    "pool remove old",
    "blueprint get lab",
    "blueprint set lab lifetime=2h",
    "blueprint save app.yaml",
    "course save bio101.yaml",
    "course start bio101",
    "alerts on slack-webhook/ops",
    "alerts off",
    "alerts list",
    "config get",
    "config get DD_MAX_HOSTS",
    "config set DD_MAX_HOSTS=8",
    "config diff",
    "backup list",
    "backup show ada-1.1",
    "backup files ada-1.1",
    "backup restore ada-1.1 ada-1",
    "backup rotate-key",
]
#: What the flow of a command leaves as its artifact.
ROWS = {
    "link": {"instance_id": "ada-1", "launch_url": "http://x/dd-launch"},
    "session open": {"instance_id": "ada-1", "launch_url": "http://x/dd-launch"},
    "session logs": {"line": "Jupyter is running"},
    "session start": dict.fromkeys(
        ("launch_url", "expires_at", "ended_at", "host", "end_cause", "position", "estimated_wait", "accepted_at")
    )
    | dict.fromkeys(("instance_id", "user", "state", "url", "notice", "reason"), "")
    | {"phases": {"room": 0.2}},
    "plan": {"what": "spawn", "of": "main", "why": "4 free slots wanted"},
    "backup files": {"file": "/home/ada/a.ipynb", "bytes": 7, "changed": "2026-01-05 08:00"},
}


def every_command() -> dict[str, dict]:
    """Every command by its words, with its arguments."""
    of = [(noun, table) for noun, (_, table) in groups().items()]
    return {f"{noun} {name_of(one)}".strip(): how for noun, table in of for one, how in table.items()}


def command_of(line: str) -> str:
    words = line.split()
    return " ".join(words[: 1 + (words[0] in groups())])


def test_the_schema_is_one_and_has_each_command_that_answers_programs_and_no_other():
    Draft202012Validator.check_schema(SCHEMA)
    answering = {command for command, how in every_command().items() if "--json" in how}
    assert answering == set(COMMANDS) == set(every_command()) - WITHOUT
    assert {command_of(line) for line in LINES} | ON_A_STACK == answering


@pytest.fixture
def told(settings, prefect, tmp_path, monkeypatch, capsys):
    """Runs a command of an installation that has one of everything; what it printed."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "app.yaml").write_text("{image: lab, port: 8888}")
    (tmp_path / "bio101.yaml").write_text("{blueprint: lab, times: [Mon 09:00-11:00], slots: 4}")
    prefect.pools |= {"old": {}, "lab": {"image": "lab", "port": 8888}}
    store = reopened(settings.pool_database_url)
    fill(store)
    store.close()
    certificate, key = self_signed(tmp_path / "tls", ["n.example.org"])
    monkeypatch.setenv("DD_GATEWAY_CERTIFICATE", str(certificate))
    monkeypatch.setenv("DD_GATEWAY_CERTIFICATE_KEY", str(key))

    def told(line: str) -> str:
        prefect.row = ROWS.get(command_of(line), prefect.row)
        said = vars(_parser().parse_args([*line.split(), "--json"]))
        said.pop("command")(settings, **said)
        return capsys.readouterr().out

    return told


def fill(store: PoolStore) -> None:
    begun = datetime.now(UTC) - HOUR
    store.configs.keep("main", PoolConfig().as_kept())
    store.instances.request("ada-1", a_blueprint(), "ada", {}, begun)
    store.instances.request("bob-1", a_blueprint(), "bob", {}, begun)
    store.instances.move("bob-1", InstanceState.FAILED, begun + HOUR / 2)
    store.backups.begin(an_instance("ada-1"), BackupCause.SESSION_ENDS, begun)


@pytest.mark.parametrize("line", LINES)
def test_what_a_command_tells_programs_is_as_the_schema_has_it(told, line):
    assert trouble_with(command_of(line), told(line)) == []


def test_a_field_that_the_schema_has_not_is_a_trouble():
    assert trouble_with("link", '{"instance_id": "ada-1", "launch_url": "x", "more": 1}') != []
