"""What the command `dockerdriver registry` hands to its playbook."""

from datetime import timedelta

import bcrypt
import pytest
import yaml
from cryptography.x509 import load_pem_x509_certificate
from jinja2 import Template

from blocks.outside import standing_in
from blocks.stored.authority import CertificateAuthority
from blocks.stored.registry_login import RegistryLogin
from pool.errors import BadRequest
from runtime.command.install_registry import PLAYBOOK, issued_for, login, one_address, split_address, variables_of
from tests.rigs.fakes import FakeBlocks, fake_outside

pytestmark = pytest.mark.unit

CONFIG = PLAYBOOK.parent / "roles" / "registry" / "templates" / "config.yml.j2"
SPECIFICATION = PLAYBOOK.parent / "roles" / "registry" / "meta" / "argument_specs.yml"


@pytest.mark.parametrize(
    ("address", "parts"),
    [("manager.example:5000", ("manager.example", 5000)), ("[2001:db8::1]:443", ("2001:db8::1", 443))],
)
def test_an_address_is_a_name_and_a_port(address, parts):
    assert split_address(address) == parts


WRONG = ["manager.example", "manager:", ":5000", ""]
WRONG += [f"manager:{port}" for port in ("port", "0", "65536", "9" * 5000)]


@pytest.mark.parametrize("address", WRONG)
def test_another_address_is_refused_by_name(address):
    with pytest.raises(BadRequest, match="is no address of a registry such as"):
        split_address(address)


@pytest.mark.parametrize("listen", ["manager.example", "0.0.0.0", "::", ""])  # noqa: S104 - refused
def test_it_listens_on_one_address_that_is_named(listen):
    with pytest.raises(BadRequest, match="give the one that hosts reach"):
        one_address(listen)


def test_the_playbook_gets_the_variables_that_its_role_asks_for():
    options = yaml.safe_load(SPECIFICATION.read_text())["argument_specs"]["main"]["options"]
    variables = the_variables()
    assert variables.keys() <= options.keys()
    assert {name for name, option in options.items() if option.get("required")} <= variables.keys()


def test_the_registry_listens_where_it_is_told_lets_one_login_in_and_deletes_nothing():
    variables = the_variables()
    config = yaml.safe_load(Template(CONFIG.read_text()).render(variables, registry_configuration="/etc/x"))
    user, _, word = variables["registry_htpasswd"].partition(":")
    assert (config["http"]["addr"], config["storage"]["delete"]["enabled"]) == ("[2001:db8::5]:5000", False)
    assert (config["auth"]["htpasswd"]["path"], user) == ("/etc/x/htpasswd", "dockerdriver")
    assert bcrypt.checkpw(b"a password", word.encode())


def the_variables():
    issued = CertificateAuthority.create("test").issue_server("manager", "manager", days=1)
    return variables_of(issued, "2001:db8::5", 5000, RegistryLogin(username="dockerdriver", password="a password"))


def test_its_certificate_ends_with_the_authoritys_which_is_followed_in_time():
    authority = CertificateAuthority.create("test")
    with standing_in(fake_outside(stored=FakeBlocks({CertificateAuthority: {"main": authority}}))):
        issued = issued_for("manager")
    ends = [
        load_pem_x509_certificate(pem.encode()).not_valid_after_utc
        for pem in (issued.certificate, authority.certificate)
    ]
    assert ends[1] - ends[0] < timedelta(minutes=1)


def test_the_login_is_made_once(monkeypatch):
    saved: dict[str, RegistryLogin] = {}
    stored = FakeBlocks({RegistryLogin: saved})
    monkeypatch.setattr(RegistryLogin, "save", lambda self, name, **_: saved.update({name: self}))
    with standing_in(fake_outside(stored=stored)):
        assert (login("manager:5000"), list(saved)) == (login("manager:5000"), ["own-registry"])
