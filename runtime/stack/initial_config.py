"""The first configuration of pool ``main`` and its cloud: what the operator says before there is a form."""

import os
from collections.abc import Mapping
from typing import TypeVar

from prefect.blocks.core import Block
from pydantic import ValidationError

from blocks.clouds.openstack_project.cloud import OpenStackCloud
from blocks.env_file import read_env_file, wrong_setting
from blocks.stored.pool_config import PoolConfig

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
        raise wrong_setting(error) from None


def given() -> dict[str, str]:
    """Return what the operator set: the environment, and below it the file that process settings are read from."""
    return read_env_file() | os.environ


def said(kind: type[Block], values: Mapping[str, str]) -> dict[str, str]:
    """Those of the values that are fields of this kind of block, which reads them from their texts."""
    named = [name for name in kind.model_fields if name.startswith(PREFIXES)]
    return {name: values[name] for name in named if name in values}
