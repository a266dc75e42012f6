"""Credentials of OpenStack, as sites write their clouds.yaml: taken, or refused with the reason."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blocks.clouds.openstack_project.login.clients import read_login
from blocks.clouds.openstack_project.login.credentials import OpenStackCredentials
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
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(tmp_path / "clouds.yaml"))
    monkeypatch.setenv("OS_CLIENT_SECURE_FILE", str(tmp_path / "secure.yaml"))

    def read(content: str | bytes, secure: str | bytes = "", public: str = "", **fields):
        for name, text in (("clouds", content), ("secure", secure), ("clouds-public", public)):
            (tmp_path / f"{name}.yaml").write_bytes(text.encode() if isinstance(text, str) else text)
        return read_login(OpenStackCredentials(**{"cloud": "a"} | fields))

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


def test_a_region_of_the_environment_counts_beside_a_cloud_of_the_environment_alone(read, monkeypatch):
    monkeypatch.setenv("OS_CLOUD", "a")
    monkeypatch.setenv("OS_REGION_NAME", "R2")
    regions = CLOUD + USER + "    regions:\n    - name: R1\n    - name: R2\n      values: {}\n"
    assert [read(regions, cloud=cloud).region_name for cloud in ("", "a")] == ["R2", "R1"]


@pytest.mark.parametrize("fields", [APPLICATION, APPLICATION.replace("_", "-"), "      token: t\n"])
def test_what_a_login_holds_tells_its_kind_also_beside_a_profile(read, fields):
    public = "public-clouds:\n  site:\n    region_name: R7\n"
    login = read(CLOUD.replace("    auth:", "    profile: site\n    auth:") + fields, public=public)
    assert (login.region_name, login.config["auth_type"].startswith("v3")) == ("R7", True)


def test_a_secret_may_stand_in_a_file_of_its_own(read):
    secure = "clouds: {a: {auth: {application_credential_secret: y}}}"
    login = read(CLOUD + "      application_credential_id: x\n", secure=secure)
    assert type(login.get_auth()).__name__ == "ApplicationCredential"


@pytest.mark.parametrize(
    ("secure", "words"),
    [
        ("clouds:\n\ta:\n", r"secure\.yaml cannot be read: found character .* line 2"),
        ("clouds: # \u00e9\n".encode("latin-1"), r"secure\.yaml cannot be read: byte 11 is not UTF-8"),
        ("- a\n", r"secure\.yaml: what it holds is no mapping"),
        ("clouds:\n", r"secure\.yaml: clouds has nothing below it"),
        ("clouds: {a: {auth: x}}\n", r"do not fit each other|not complete"),
    ],
)
def test_a_broken_file_of_secrets_is_not_passed_over(read, secure, words):
    with pytest.raises(CloudRefused, match=words):
        read(CLOUD + USER, secure=secure)


PLAIN = st.none() | st.booleans() | st.integers(0, 9) | st.sampled_from(["", "R1", "x", "v3token", "a"])
NAMES = st.sampled_from(
    ["a", "clouds", "auth", "auth_type", "auth_url", "token", "username", "regions", "name", "profile"]
)
ANY = st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=3))
ENTRY = st.dictionaries(NAMES, ANY, max_size=4)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(st.sampled_from(["a", 1, None]), ENTRY | ANY, max_size=2) | ANY,
    ANY | st.fixed_dictionaries({"clouds": ANY}),
)
def test_whatever_both_files_hold_there_is_a_login_or_one_sentence(read, clouds, secure):
    try:
        assert read(json.dumps({"clouds": clouds}), secure=json.dumps(secure)).name
    except CloudRefused as refusal:
        assert "\n" not in str(refusal)


@pytest.mark.parametrize(
    ("public", "words"),
    [
        ("", "cloud a has the profile 'site', which is in no"),
        ("public-clouds:\n\tx:\n", "clouds-public.yaml cannot be"),
    ],
)
def test_a_profile_that_is_not_there_or_cannot_be_read_is_named(read, public, words):
    with pytest.raises(CloudRefused, match=words):
        read(CLOUD.replace("    auth:", "    profile: site\n    auth:") + USER, public=public)


def test_a_file_that_the_environment_names_and_that_is_not_there_is_named(read, monkeypatch):
    monkeypatch.setattr("blocks.clouds.openstack_project.login.clouds_file.CONFIG_FILES", [])
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", "~/clouds.yaml")
    with pytest.raises(CloudRefused, match=r"^OS_CLIENT_CONFIG_FILE names ~/clouds\.yaml, which is no file$"):
        read_login(OpenStackCredentials(cloud="a"))


def test_of_two_clouds_one_must_be_named(read):
    with pytest.raises(CloudRefused, match=r"^which cloud is not said: set OS_CLOUD, or .*; known: a, b$"):
        read(CLOUD + USER + "  b: {}\n", cloud="")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("clouds:\n\ta:\n", "cannot be read: found character .* line 2"),
        ("clouds:\n", "clouds has nothing below it"),
        ("clouds:\n  a: # \u00e9\n".encode("latin-1"), "cannot be read: byte 16 is not UTF-8"),
        ("clouds:\n  a:\n", "cloud a has nothing below it"),
        ("clouds:\n  a:\n    auth:\n", "auth of cloud a has nothing below it"),
        ("clouds:\n  a: here\n", "cloud a is no mapping"),
        ("clouds:\n  - a\n", "clouds is no mapping"),
        ("- a\n", "what it holds is no mapping"),
        (CLOUD + USER + "    regions: R1\n", "regions of cloud a is no list of names"),
        (CLOUD + USER + "    regions:\n", "regions of cloud a is no list of names"),
        (CLOUD + USER + "    regions: [{values: {}}]\n", "regions of cloud a is no list of names"),
        ("clouds:\n  1: {}\n", "no cloud is named 'a' in clouds.yaml; known: 1"),
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
