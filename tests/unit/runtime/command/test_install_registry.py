"""What the command `dockerdriver registry` hands to its playbook."""

import pytest
import yaml

from blocks.stored.authority import CertificateAuthority
from pool.errors import BadRequest
from runtime.command.install_registry import PLAYBOOK, split_address, variables_of

pytestmark = pytest.mark.unit

SPECIFICATION = PLAYBOOK.parent / "roles" / "registry" / "meta" / "argument_specs.yml"


@pytest.mark.parametrize(
    ("address", "parts"),
    [("manager.example:5000", ("manager.example", 5000)), ("[2001:db8::1]:443", ("2001:db8::1", 443))],
)
def test_an_address_is_a_name_and_a_port(address, parts):
    assert split_address(address) == parts


@pytest.mark.parametrize("address", ["manager.example", "manager:", ":5000", "manager:port", ""])
def test_another_address_is_refused_by_name(address):
    with pytest.raises(BadRequest, match="is no address of a registry such as"):
        split_address(address)


def test_the_playbook_gets_the_variables_that_its_role_asks_for():
    options = yaml.safe_load(SPECIFICATION.read_text())["argument_specs"]["main"]["options"]
    issued = CertificateAuthority.create("test").issue_server("manager", "manager", days=1)
    variables = variables_of(issued, 5000)
    assert variables.keys() <= options.keys()
    assert {name for name, option in options.items() if option.get("required")} <= variables.keys()
