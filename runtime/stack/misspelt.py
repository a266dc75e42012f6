"""Settings that nothing reads: a name in the operator's file, or one of the environment that is nearly one of ours."""

from collections.abc import Iterable
from difflib import get_close_matches

from blocks.clouds.openstack_project.cloud import OpenStackCloud
from blocks.gateway.settings import GatewaySettings, RelaySettings
from blocks.settings import ProcessSettings
from blocks.stored.pool_config import PoolConfig
from runtime.supervision.environment import MARK

PREFIX = "DD_"
NEARLY = 0.85  # of difflib's measure: one letter of eight; other programs have names with DD_ as well


def misspelt(in_file: Iterable[str], environment: Iterable[str], known: Iterable[str]) -> list[str]:
    """Return a sentence for each name that nothing reads.

    Args:
        in_file: names in dockerdriver.env, which is ours alone: what is not known there is wrong.
        environment: where only what is nearly a setting of ours is meant as one.
        known: names of all settings.
    """
    settings = {name.upper() for name in known}
    ours = {name: _near(name, settings) for name in in_file if _unknown(name, settings)}
    theirs = {name: _near(name, settings) for name in environment if _unknown(name, settings)}
    found = ours | {name: near for name, near in theirs.items() if near}
    return [f"{name} is no setting{near and f'; is {near} meant?'}" for name, near in sorted(found.items())]


def known_settings() -> set[str]:
    """Names of all settings that are read from the environment or the file."""
    of_processes = {f"{PREFIX}{name}" for name in ProcessSettings.model_fields}
    of_gateway = {f"{PREFIX}GATEWAY_{name}" for name in GatewaySettings.model_fields}
    of_relay = {f"{PREFIX}RELAY_{name}" for name in RelaySettings.model_fields}
    of_blocks = {name for kind in (PoolConfig, OpenStackCloud) for name in kind.model_fields}
    return of_processes | of_gateway | of_relay | of_blocks | {MARK}


def _unknown(name: str, settings: set[str]) -> bool:
    return name.upper().startswith(PREFIX) and name.upper() not in settings


def _near(name: str, settings: set[str]) -> str:
    return next(iter(get_close_matches(name.upper(), settings, 1, NEARLY)), "")
