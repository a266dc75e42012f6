"""Settings as operators write them in the environment and in dockerdriver.env."""

import pytest

from blocks.env_file import read_env_file
from blocks.gateway.settings import GatewaySettings
from blocks.settings import ProcessSettings
from pool.errors import BadRequest

pytestmark = pytest.mark.unit


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path / "dockerdriver.env"


@pytest.mark.parametrize(
    "text", ["10.0.0.0/8,192.168.0.0/16", "10.0.0.0/8; 192.168.0.0/16", '["10.0.0.0/8", "192.168.0.0/16"]']
)
def test_a_list_of_the_gateway_is_written_as_any_other(monkeypatch, text):
    monkeypatch.setenv("DD_GATEWAY_NETWORKS", text)
    assert GatewaySettings.given().networks == ("10.0.0.0/8", "192.168.0.0/16")


def test_what_is_in_the_file_counts_below_the_environment(file, monkeypatch):
    file.write_text("DD_GATEWAY_WORKERS=7\nDD_GATEWAY_TRUSTED_PROXIES=10.0.0.1,10.0.0.2\n")
    monkeypatch.setenv("DD_GATEWAY_WORKERS", "3")
    settings = GatewaySettings.given()
    assert (settings.workers, settings.trusted_proxies) == (3, ("10.0.0.1", "10.0.0.2"))


def test_a_password_keeps_what_looks_like_a_variable(file):
    file.write_text('DD_DATABASE_URL="postgresql://dd:pa${x}word@db.example/dd"\n')
    assert ProcessSettings.given().database_url == "postgresql://dd:pa${x}word@db.example/dd"


def test_a_variable_that_is_set_is_filled_in(file, monkeypatch):
    monkeypatch.setenv("WHERE", "/srv")
    file.write_text("DD_DATA=${WHERE}/dd\nA=${DD_DATA}/a\nB=${NONE:-b}\n")
    assert read_env_file() == {"DD_DATA": "/srv/dd", "A": "/srv/dd/a", "B": "b"}


def test_a_file_in_another_encoding_is_refused_with_its_line(file):
    file.write_bytes("DD_CLOUD=local\n# Universit\u00e4t\n".encode("latin-1"))
    with pytest.raises(BadRequest, match=r"^dockerdriver\.env, line 2: it is not written in UTF-8"):
        ProcessSettings.given()


@pytest.mark.parametrize(
    "line",
    ["DD_PREFECT_PORT: 4300", "DD_PREFECT_PORT 4300", "DD_PREFECT_PORT", 'DD_DATABASE_URL="secret', "A='b' secret"],
)
def test_a_line_that_sets_nothing_is_refused_without_showing_it(file, line):
    file.write_text(f"DD_CLOUD=local\n\n{line}\n")
    with pytest.raises(BadRequest, match=r"^dockerdriver\.env, line 3: it sets nothing; write NAME=value") as refusal:
        ProcessSettings.given()
    assert "secret" not in str(refusal.value)


def test_lines_of_a_shell_script_are_read_as_it_would(file):
    file.write_text("export DD_PREFECT_PORT = 4300 # ours\n\nexport A\n[dd]\nB='x # y'\r\n")
    assert read_env_file() == {"DD_PREFECT_PORT": "4300", "B": "x # y"}


def test_a_mark_of_the_byte_order_is_no_part_of_the_first_name(file):
    file.write_bytes(b"\xef\xbb\xbfDD_PREFECT_PORT=4300\n")
    assert ProcessSettings.given().prefect_port == 4300


def test_a_setting_that_cannot_be_is_one_sentence_with_its_name(monkeypatch):
    monkeypatch.setenv("DD_GATEWAY_WORKERS", "many")
    with pytest.raises(BadRequest, match=r"^DD_GATEWAY_WORKERS cannot be 'many': "):
        GatewaySettings.given()


@pytest.mark.parametrize("text", ["https://nb.example.org:443", "https://NB.example.org/", "HTTPS://nb.example.org."])
def test_the_public_url_is_kept_as_browsers_say_it(monkeypatch, text):
    monkeypatch.setenv("DD_PUBLIC_URL", text)
    assert ProcessSettings.given().gateway_url == "https://nb.example.org"


def test_all_settings_that_cannot_be_are_named_at_once(monkeypatch):
    for name in ("DD_PREFECT_PORT", "DD_API_SERVERS"):
        monkeypatch.setenv(name, "x")
    with pytest.raises(BadRequest, match=r"DD_PREFECT_PORT cannot be 'x': .*; DD_API_SERVERS cannot be 'x': "):
        ProcessSettings.given()


def test_a_public_url_with_a_password_is_refused_without_showing_it(monkeypatch):
    monkeypatch.setenv("DD_PUBLIC_URL", "https://u:secret@nb.example.org")
    with pytest.raises(BadRequest, match=r"^DD_PUBLIC_URL: ") as refusal:
        ProcessSettings.given()
    assert "secret" not in str(refusal.value)


def test_sessions_get_host_names_that_a_certificate_can_have():
    settings = ProcessSettings(public_url="https://nb.example", session_domain="B\u00fccher.Example", _env_file=None)
    assert settings.session_origin("r") == "https://r.xn--bcher-kva.example"


@pytest.mark.parametrize(
    ("said", "url"),
    [
        ("::1", "http://[::1]:8000"),
        ("[::1]", "http://[::1]:8000"),
        ("[::]", "http://[::]:8000"),
        (" LOCALHOST ", "http://localhost:8000"),
        ("*", "http://0.0.0.0:8000"),
    ],
)
def test_a_gateway_listens_on_an_address_in_any_spelling(monkeypatch, said, url):
    monkeypatch.setenv("DD_GATEWAY_ADDRESS", said)
    assert ProcessSettings.given().gateway_url == url


def test_an_address_to_listen_on_that_is_none_is_refused(monkeypatch):
    monkeypatch.setenv("DD_GATEWAY_ADDRESS", "127.0.0.1:8000")
    with pytest.raises(BadRequest, match=r"^DD_GATEWAY_ADDRESS: '127\.0\.0\.1:8000' cannot be the name of a host"):
        ProcessSettings.given()
