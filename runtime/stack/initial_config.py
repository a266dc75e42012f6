"""The first configuration of pool ``main`` and its cloud: what the operator says before there is a form."""

import os
from collections.abc import Mapping
from typing import TypeVar

from dotenv import dotenv_values
from prefect.blocks.core import Block
from pydantic import ValidationError

from blocks.clouds.openstack_project.cloud import OpenStackCloud
from blocks.settings import ENV_FILE
from blocks.stored.pool_config import PoolConfig
from pool.errors import BadRequest

HOST_IMAGE = "Debian-12"
PREFIXES = ("DD_", "PLUGIN_")  # fields that operators set by name; the others are the form's alone
SomeBlock = TypeVar("SomeBlock", bound=Block)


def first_pool(cloud: str) -> PoolConfig:
    """Pool ``main`` as it is first saved.

    Args:
        cloud: kind of cloud that its hosts come from: local, static or openstack.

    Raises:
        BadRequest: a value cannot be that of its field; the sentence names it.
    """
    pool = first(PoolConfig, DD_HOST_IMAGE=HOST_IMAGE, cloud=f"{cloud}-cloud/main")
    pool.settings("main")  # what makes no sense is to be said now, not by every tick
    return pool


def first_openstack() -> OpenStackCloud:
    """Return the block ``openstack-cloud/main`` as it is first saved; it asks with the credentials of the environment.

    Raises:
        BadRequest: a value cannot be that of its field; the sentence names it.
    """
    return first(OpenStackCloud)


def first(kind: type[SomeBlock], **usual: object) -> SomeBlock:
    """Make a block whose fields are taken from the environment, or else from ``dockerdriver.env``, by name."""
    try:
        return kind(**usual | said(kind, given()))
    except ValidationError as error:
        first_of = error.errors()[0]
        raise BadRequest(f"{first_of['loc'][0]} cannot be {first_of['input']!r}: {first_of['msg']}") from None


def given() -> dict[str, str]:
    """Return what the operator set: the environment, and below it the file that process settings are read from."""
    file = dotenv_values(ENV_FILE)
    return {name: value for name, value in (file | os.environ).items() if value is not None}


def said(kind: type[Block], values: Mapping[str, str]) -> dict[str, object]:
    """Those of the values that are fields of this kind of block.

    What a list is to hold stands between commas, or semicolons if there is one: a timetable's days have commas.
    """
    named = {name: field.annotation for name, field in kind.model_fields.items() if name.startswith(PREFIXES)}
    return {name: _read(values[name], annotation) for name, annotation in named.items() if name in values}


def _read(value: str, annotation: object) -> object:
    """Return the value as pydantic takes it: it parses numbers and booleans from text, but no lists."""
    if annotation != list[str]:
        return value
    return [word.strip() for word in value.split(";" if ";" in value else ",") if word.strip()]
