"""What the forms of Prefect's UI are told before they save a block of ours."""

from importlib import import_module
from typing import Any

import pytest
from prefect.utilities.schema_tools.hydration import WorkspaceVariable
from prefect.utilities.schema_tools.validation import build_error_obj

from blocks.stored.blueprint import Blueprint
from blocks.stored.change_webhook import ChangeWebhook
from blocks.stored.documents.form_errors import show_in_forms
from blocks.stored.pool_config import PoolConfig

pytestmark = pytest.mark.unit

#: The module that Prefect's forms are checked by; its function is exchanged in it.
SCHEMAS: Any = import_module("prefect.server.api.ui.schemas")
WORKS = {"image": "lab", "port": 8888}


@pytest.fixture
def told(monkeypatch):
    """What a form of a kind is told of some values; it sends no more of the schema than the fields."""
    monkeypatch.setattr(SCHEMAS, "validate", SCHEMAS.validate)
    show_in_forms([Blueprint, PoolConfig, ChangeWebhook])

    def of(kind, values):
        fields = kind.model_json_schema()["properties"]
        return build_error_obj(SCHEMAS.validate(values, fields, preprocess=False))

    return of


def test_what_is_wrong_with_a_field_is_told_below_it(told):
    (error,) = told(Blueprint, WORKS | {"image": "lab@latest"})["errors"]
    assert error["property"] == "image"
    assert error["errors"] == ["image lab@latest: after the @ there must be a digest, sha256:…"]


def test_a_text_in_the_place_of_a_list_is_told_what_a_list_looks_like(told):
    (error,) = told(Blueprint, WORKS | {"command": "jupyter lab --port 8888"})["errors"]
    assert (error["property"], error["errors"]) == ("command", ['must be a list, as in ["one", "two"]'])


def test_what_is_wrong_with_two_fields_together_is_told_below_the_first_of_the_form(told):
    (error,) = told(PoolConfig, {"DD_HOST_FLAVOR_SLOTS_LARGE": 3})["errors"]
    assert error["property"] == next(iter(PoolConfig.model_fields))
    assert error["errors"] == ["the large flavor has fewer slots (3) than the small one (6)"]


def test_what_makes_sense_is_saved(told):
    assert told(Blueprint, WORKS) == {"errors": [], "valid": True}


def test_a_secret_that_the_form_shows_as_asterisks_is_no_error(told):
    assert told(ChangeWebhook, {"url": "https://my.example.org/", "secret": "********"})["valid"]


def test_a_value_that_prefect_fills_in_later_is_left_to_saving(told):
    assert told(Blueprint, WORKS | {"image": WorkspaceVariable("image")})["valid"]


def test_the_parameters_of_a_flow_are_none_of_our_blocks(told):
    schema = {"type": "object", "properties": {"image": {"type": "string"}}}
    assert SCHEMAS.validate({"image": "lab@latest"}, schema, preprocess=False) == []
