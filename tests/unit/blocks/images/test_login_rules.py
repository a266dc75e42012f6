"""A registry's login goes to the registry that it is for, and over TLS."""

from contextlib import contextmanager
from typing import Any

import pytest
from pydantic import SecretStr

from blocks.images.login_rules import refuse_plain_http, registry_of
from blocks.stored.registry_login import RegistryLogin
from pool.errors import Refused
from tests.rigs.fakes import FakeBlocks
from tests.rigs.present import present

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("name", "registry"),
    [
        ("rocker/rstudio:4.4", "docker.io"),
        ("lab", "docker.io"),
        ("registry.example/team/lab:1", "registry.example"),
        ("registry:5000/lab", "registry:5000"),
        ("localhost/lab", "localhost"),
    ],
)
def test_an_image_is_in_the_registry_that_engines_take_it_to_be_in(name, registry):
    assert registry_of(name) == registry


def login(registry: str) -> FakeBlocks:
    block = RegistryLogin(registry=registry, username="reader", password=SecretStr("a-word"))
    return FakeBlocks({RegistryLogin: {"mine": block}})


@pytest.mark.parametrize(
    "saved", ["registry.example", "https://registry.example/", "HTTP://Registry.example./v2/", " registry.example"]
)
def test_a_login_is_sent_to_its_own_registry(saved):
    assert present(login(saved).registry_login("mine", "registry.example")).username == "reader"


@pytest.mark.parametrize(
    "saved", ["https://index.docker.io/v1/", "hub.docker.com", "registry-1.docker.io", "Docker.io"]
)
def test_docker_hub_is_one_registry_by_all_its_names(saved):
    assert present(login(saved).registry_login("mine", registry_of("rocker/rstudio"))).username == "reader"


@pytest.mark.parametrize("of_pool", [False, True])
def test_a_login_is_sent_to_no_other_registry(of_pool):
    with pytest.raises(Refused, match=r"mine is not sent to registry evil\.example: it is for registry registry\."):
        login("registry.example").registry_login("mine", "evil.example", of_pool)


def test_a_login_of_an_older_version_goes_where_the_pools_configuration_says_and_nowhere_else():
    assert login("").registry_login("mine", "registry.example", of_pool=True)
    with pytest.raises(Refused, match="fill in its field registry"):
        login("").registry_login("mine", "registry.example")


class Engine:
    """An engine that speaks plain HTTP with these registries."""

    def __init__(self, named: dict | None = None, networks: tuple[str, ...] = ("127.0.0.0/8",)):
        self._config = {"IndexConfigs": named or {}, "InsecureRegistryCIDRs": list(networks)}

    @contextmanager
    def client(self, _step):
        yield self

    def info(self):
        return {"RegistryConfig": self._config}


@pytest.mark.parametrize(
    "engine",
    [Engine({"192.0.2.7:5000": {"Secure": False}}), Engine(networks=("192.0.2.0/24",))],
    ids=["by name", "by network"],
)
def test_no_login_is_sent_over_plain_http(engine):
    with pytest.raises(Refused, match=r"no login is sent to registry 192\.0\.2\.7:5000"):
        refuse_plain_http(engine, "192.0.2.7:5000")


@pytest.mark.parametrize("registry", ["192.0.2.7:5000", "127.0.0.1:5000", "[::1]:5000", "localhost:5000"])
def test_a_login_is_sent_over_tls_and_on_the_machine_itself(registry):
    engine: Any = Engine()
    refuse_plain_http(engine, registry)
