"""Credentials of OpenStack, as sites write their clouds.yaml: taken, or refused with the reason."""

import pytest

from blocks.clouds.openstack_project.credentials import OpenStackCredentials
from blocks.stored.bounds import reading_stored
from blocks.stored.documents.refusing import trouble_with
from pool.errors import CloudRefused

pytestmark = pytest.mark.unit

CLOUD = """
clouds:
  a:
    auth:
      auth_url: https://keystone.example:5000/v3
"""
USER = """      username: u
      password: p
      project_name: p
      user_domain_name: Default
      project_domain_name: Default
"""
APPLICATION = """      application_credential_id: x
      application_credential_secret: y
"""


@pytest.fixture
def read(tmp_path, monkeypatch):
    for name in ("OS_CLOUD", "OS_AUTH_URL", "OS_AUTH_TYPE", "OS_REGION_NAME"):
        monkeypatch.delenv(name, raising=False)

    def read(content: str | bytes, **fields):
        file = tmp_path / "clouds.yaml"
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(file))
        return OpenStackCredentials(**{"cloud": "a"} | fields)._read()

    return read


def test_an_application_credential_needs_no_auth_type(read):
    login = read(CLOUD + APPLICATION)
    assert type(login.get_auth()).__name__ == "ApplicationCredential"


def test_an_application_credential_of_the_environment_needs_none_either(read, monkeypatch):
    monkeypatch.setenv("OS_AUTH_URL", "https://keystone.example:5000/v3")
    monkeypatch.setenv("OS_APPLICATION_CREDENTIAL_ID", "x")
    monkeypatch.setenv("OS_APPLICATION_CREDENTIAL_SECRET", "y")
    login = read("clouds: {}", cloud="")
    assert type(login.get_auth()).__name__ == "ApplicationCredential"


def test_the_region_of_the_block_counts_beside_the_file(read):
    regions = CLOUD + USER + "    regions: [R1, R2]\n"
    assert [read(regions, region_name=name).region_name for name in ("R2", "R1", "")] == ["R2", "R1", "R1"]


def test_a_region_that_the_file_does_not_have_is_refused(read):
    with pytest.raises(CloudRefused, match=r"^cloud a has no region 'R3' in clouds.yaml; known: R1, R2$"):
        read(CLOUD + USER + "    regions: [R1, R2]\n", region_name="R3")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("clouds:\n\ta:\n", "cannot be read: found character .* line 2"),
        ("clouds:\n  a: # \u00e9\n".encode("latin-1"), "cannot be read: byte 16 is not UTF-8"),
        ("clouds:\n  a:\n", "cloud a has nothing below it"),
        ("clouds:\n  a:\n    auth:\n", "auth of cloud a has nothing below it"),
        ("clouds:\n  a: here\n", "cloud a is no mapping"),
        ("clouds:\n  - a\n", "clouds is no mapping"),
        ("- a\n", "what it holds is no mapping"),
        ("clouds:\n  b: {}\n", "no cloud is named 'a' in clouds.yaml; known: b"),
        (CLOUD + APPLICATION + "    auth_type: password\n", "not complete: a field does not fit its auth_type"),
        (CLOUD + USER + "    auth_type: nope\n", "not complete: The plugin nope could not be found"),
    ],
)
def test_what_is_wrong_with_a_clouds_yaml_is_one_sentence(read, content, words):
    with pytest.raises(CloudRefused, match=words) as refusal:
        read(content)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "there must be a user, or an application credential"),
        ({"username": "ada", "password": "p"}, "a user needs a password and a project"),
        ({"application_credential_id": "x"}, "an application credential needs its secret"),
        ({"username": "ada", "password": "p", "project_name": "teaching"}, ""),
        ({"application_credential_id": "x", "application_credential_secret": "y"}, ""),
    ],
)
def test_fields_that_make_no_login_are_refused_in_the_form(fields, said):
    trouble = trouble_with(OpenStackCredentials, "main", {"auth_url": "https://keystone.example:5000/v3"} | fields)
    assert said in trouble
    assert bool(trouble) is bool(said)


def test_credentials_that_were_saved_before_are_read_as_they_are():
    with reading_stored():
        assert OpenStackCredentials(auth_url="https://keystone.example:5000/v3").where().startswith("https")
