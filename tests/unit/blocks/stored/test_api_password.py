"""The password of Prefect's API: when it is made, who may read it, and who gets it."""

import os
import stat
from pathlib import Path

import httpx
import pytest

from blocks.prefect.api import PrefectApi
from blocks.settings import ProcessSettings
from blocks.stored.api_password import (
    accepted_pairs,
    api_password,
    begin_rotation,
    keep_password,
    password_file,
    prefect_api,
    retire_previous,
    use_new_pair,
)
from pool.errors import BadRequest, NotFound, Refused
from runtime.command.report import show_status
from runtime.stack.start import that_matters
from runtime.supervision.environment import stack_environment

pytestmark = pytest.mark.unit

ENGINE = "unix:///run/engine.sock"
PLACES = ("PREFECT_SERVER_API_AUTH_STRING", "PREFECT_API_AUTH_STRING")


@pytest.fixture
def settings(tmp_path: Path) -> ProcessSettings:
    """Of an installation that does not run: no process listens on port 1."""
    return ProcessSettings(data=tmp_path, prefect_port=1, _env_file=None)


def test_the_first_start_makes_a_password_and_later_ones_keep_it(settings):
    assert api_password(settings) == ""
    keep_password(settings)
    first = api_password(settings)
    assert len(first.removeprefix("dockerdriver:")) >= 32
    keep_password(settings)
    assert api_password(settings) == first


def test_another_installation_has_another_password(settings, tmp_path):
    other = ProcessSettings(data=tmp_path / "other", _env_file=None)
    for one in (settings, other):
        keep_password(one)
    assert api_password(settings) != api_password(other)


def test_only_its_owner_may_read_it_whatever_the_mask_and_the_mode_it_had(settings):
    before = os.umask(0)
    try:
        keep_password(settings)
        assert stat.S_IMODE(password_file(settings).stat().st_mode) == 0o600
        password_file(settings).chmod(0o644)
        keep_password(settings)
        assert stat.S_IMODE(password_file(settings).stat().st_mode) == 0o600
    finally:
        os.umask(before)
    assert [file.name for file in settings.data.iterdir()] == ["api-password"]


def test_the_operators_own_password_counts_and_stays_in_force(settings):
    keep_password(settings)
    keep_password(settings, "alice:in-wonderland:7")
    keep_password(settings)
    assert api_password(settings) == "alice:in-wonderland:7"
    assert {stack_environment(settings, ENGINE)[place] for place in PLACES} == {"alice:in-wonderland:7"}


@pytest.mark.parametrize("given", ["alice", ":alone", "alice:", "alice:a b", "alice:päss", "alice:a\nb"])
def test_what_prefect_or_curl_cannot_send_is_refused_and_not_repeated(settings, given):
    with pytest.raises(BadRequest, match=r"^PREFECT_SERVER_API_AUTH_STRING must hold user:password") as refused:
        keep_password(settings, given)
    assert given not in str(refused.value)
    assert not password_file(settings).exists()


def test_a_file_that_an_operator_wrote_wrongly_is_named(settings):
    password_file(settings).write_text("no pair\n")
    with pytest.raises(BadRequest, match="api-password must hold user:password"):
        keep_password(settings)


def test_commands_get_the_password_and_another_one_is_no_other_stack(settings):
    assert not set(PLACES) & set(stack_environment(settings, ENGINE))
    keep_password(settings, "alice:one")
    before = stack_environment(settings, ENGINE)
    assert [before[place] for place in PLACES] == ["alice:one"] * 2
    keep_password(settings, "alice:two")
    assert that_matters(stack_environment(settings, ENGINE)) == that_matters(before)


def test_the_pair_before_is_taken_too_until_it_is_retired(settings):
    keep_password(settings, "alice:one")
    begin_rotation(settings)
    use_new_pair(settings)
    new, previous = accepted_pairs(settings)
    assert (new.partition(":")[0], new == previous, previous) == ("alice", False, "alice:one")
    retire_previous(settings)
    assert accepted_pairs(settings) == [new]


def test_a_rotation_before_the_first_start_says_so(settings):
    with pytest.raises(NotFound, match="`make up` makes the first one"):
        begin_rotation(settings)


def test_the_api_allows_the_uis_own_origins_alone(settings):
    allowed = stack_environment(settings, ENGINE)["PREFECT_SERVER_CORS_ALLOWED_ORIGINS"]
    assert allowed == "http://127.0.0.1:1,http://localhost:1"


def test_who_may_not_read_the_password_is_told_to_use_sudo(settings, monkeypatch):
    keep_password(settings)

    def refuse(_path: Path) -> str:
        raise PermissionError

    monkeypatch.setattr(Path, "read_text", refuse)
    with pytest.raises(Refused, match=r"only its owner may read .*api-password: run it with sudo"):
        prefect_api(settings)


def test_a_password_that_is_not_the_servers_is_one_sentence(monkeypatch):
    monkeypatch.setattr(PrefectApi, "_ask", lambda *_: httpx.Response(401))
    with pytest.raises(Refused, match="does not take the password on file: `make up` starts it anew"):
        PrefectApi("http://127.0.0.1:1/api", "alice:old").call("GET", "/admin/version")


def test_status_says_where_the_password_is_and_not_what(settings, capsys):
    keep_password(settings, "alice:in-wonderland")
    show_status(settings)
    said = capsys.readouterr().out
    assert str(password_file(settings)) in said.replace("\n", "")
    assert "in-wonderland" not in said
