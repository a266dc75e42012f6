"""The user data says who the host is and holds nothing that would let others in."""

import pytest
import yaml
from cryptography.hazmat.primitives.serialization import load_ssh_private_key, load_ssh_public_key

from blocks.clouds.port import ServerRequest
from blocks.clouds.user_data import cloud_config
from blocks.stored.host_keys import HostLogin, new_host_key

pytestmark = pytest.mark.unit

KEY = new_host_key()
LOGIN = "ssh-ed25519 AAAAlogin"


def parsed() -> dict:
    return yaml.safe_load(cloud_config("main-01", [LOGIN], KEY.private, KEY.public))


def test_the_first_line_is_what_cloud_init_looks_for():
    assert cloud_config("main-01", [LOGIN], KEY.private, KEY.public).startswith("#cloud-config\n")


def test_the_host_key_arrives_unchanged_and_replaces_those_of_the_image():
    assert parsed()["ssh_keys"] == {"ed25519_private": KEY.private, "ed25519_public": KEY.public}
    assert parsed()["ssh_deletekeys"] is True


def test_only_our_key_logs_in():
    (user,) = parsed()["users"]
    assert (user["name"], user["ssh_authorized_keys"], user["lock_passwd"]) == ("dockerdriver", [LOGIN], True)
    assert (parsed()["ssh_pwauth"], parsed()["disable_root"]) == (False, True)


def test_a_host_name_that_looks_like_yaml_stays_a_name():
    text = cloud_config("1: {a}", [LOGIN], KEY.private, KEY.public)
    assert yaml.safe_load(text)["hostname"] == "1: {a}"


def test_the_two_halves_of_a_new_host_key_belong_together():
    private = load_ssh_private_key(KEY.private.encode(), password=None)
    assert private.public_key() == load_ssh_public_key(KEY.public.encode())


def test_every_host_key_is_another():
    assert new_host_key().public != KEY.public


def test_no_representation_shows_a_private_key():
    login = HostLogin.create()
    request = ServerRequest("main-01", "main", "small", "Debian-12", user_data=KEY.private)
    assert "PRIVATE KEY" not in f"{KEY!r} {login!r} {request!r}"
    assert "PRIVATE KEY" in login.private_key.get_secret_value()
