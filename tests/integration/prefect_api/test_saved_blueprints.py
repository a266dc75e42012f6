"""Blueprints that an operator saves from files, on Prefect's server as the stack starts it."""

import pytest
from prefect.settings import temporary_settings

from blocks.stored.blueprint import Blueprint
from pool.errors import BadRequest
from runtime.verbs import blueprints
from tests.rigs.services.prefect_server import ROOT
from tests.rigs.services.saved_blocks import load_block, register_block

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

EXAMPLE = ROOT / "docs/applications/streamlit.yaml"


@pytest.fixture(scope="module", autouse=True)
def registered(server):
    with temporary_settings(server.as_a_client):
        register_block(Blueprint)
        yield


def save(server, *files, replace: bool = False) -> int:
    return blueprints.save(server.settings, list(files), replace, as_json=False)


def test_a_file_is_saved_as_the_block_that_sessions_are_made_by(server, tmp_path):
    (tmp_path / "app.yaml").write_text(EXAMPLE.read_text())
    assert save(server, tmp_path / "app.yaml") == 0
    assert load_block(Blueprint, "app").ready_path == "_stcore/health"


def test_a_blueprint_that_is_there_is_replaced_only_when_that_is_asked_for(server, tmp_path):
    (tmp_path / "twice.yaml").write_text("{image: lab, port: 1, environment: {A: '1'}}")
    save(server, tmp_path / "twice.yaml")
    (tmp_path / "twice.yaml").write_text("{image: lab, port: 2}")
    with pytest.raises(BadRequest, match="there is a blueprint 'twice' already"):
        save(server, tmp_path / "twice.yaml")
    assert load_block(Blueprint, "twice").port == 1
    save(server, tmp_path / "twice.yaml", replace=True)
    twice = load_block(Blueprint, "twice")
    assert (twice.port, twice.environment) == (2, {})


def test_of_several_files_none_is_saved_when_one_makes_no_sense(server, tmp_path):
    (tmp_path / "good.yaml").write_text("{image: lab, port: 1}")
    (tmp_path / "bad.yaml").write_text("{image: lab}")
    with pytest.raises(BadRequest, match="port"):
        save(server, tmp_path / "good.yaml", tmp_path / "bad.yaml")
    assert "good" not in [one["name"] for one in server.rest.get("/block_types/slug/blueprint/block_documents").json()]
