"""What the guide for a Hub's operator prints is taken by JupyterHub, and by the pool."""

from urllib.parse import urlsplit

import pytest
from traitlets.config import Config

from blocks.stored.blueprint import Blueprint
from dockerdriver_client.jupyterhub import DockerDriverSpawner, handlers
from docs import generate
from tests.rigs.printed_examples import blocks

pytestmark = pytest.mark.unit

CONFIG, BLUEPRINT = blocks(generate.HERE / "jupyterhub.md", "python")


@pytest.fixture
def config() -> Config:
    said = Config()
    exec(compile(CONFIG, "jupyterhub.md", "exec"), {"get_config": lambda: said})  # noqa: S102 - ours, as printed
    return said


def test_the_configuration_sets_what_the_spawner_has(config):
    spawner = DockerDriverSpawner(config=config)
    assert spawner.password_file == "/etc/jupyterhub/dockerdriver-password"
    assert list(spawner.blueprints) == ["jupyter-hub", "rstudio"]
    assert set(config.DockerDriverSpawner) <= set(DockerDriverSpawner.class_traits(config=True))
    assert (config.JupyterHub.extra_handlers, config.JupyterHub.spawner_class) == (handlers, "dockerdriver")


def test_its_hub_lets_users_in_and_has_a_port_that_no_other_part_listens_on(config):
    assert config.Authenticator.allow_all or config.Authenticator.allowed_users
    urls = [config.JupyterHub.bind_url, "http://127.0.0.1:8001", "http://127.0.0.1:8081", "http://127.0.0.1:8000"]
    ports = [urlsplit(url).port for url in (*urls, DockerDriverSpawner().door_url)]  # the proxy's API, the Hub, ours
    assert len({*ports}) == len(ports)


@pytest.mark.parametrize("setting", ["api_url", "password_file", "door_url", "start_timeout", "end_timeout"])
def test_the_defaults_that_it_tells_are_those_of_the_spawner(setting):
    row = next(line for line in (generate.HERE / "jupyterhub.md").read_text().splitlines() if f"| `{setting}`" in line)
    default = DockerDriverSpawner().trait_defaults(setting)
    assert row.split(" | ")[1].strip("`") == (str(default) or "none")


def test_the_blueprint_is_one_that_the_pool_takes(monkeypatch):
    saved = {}
    monkeypatch.setattr(Blueprint, "save", lambda self, name, overwrite: saved.update({name: self.spec(name)}))
    exec(compile(BLUEPRINT, "jupyterhub.md", "exec"), {})  # noqa: S102 - ours, as printed
    assert saved["jupyter-hub"].keep.paths == ("/home/jovyan",)
