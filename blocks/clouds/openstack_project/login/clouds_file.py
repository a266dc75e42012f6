"""What openstacksdk passes over or trips over in ``clouds.yaml``, said in one sentence before it reads the file.

Beside it are ``secure.yaml``, with what is secret in it, and ``clouds-public.yaml``, with profiles that it may name.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from openstack.config import OpenStackConfig, vendors
from openstack.config.loader import CONFIG_FILES, SECURE_FILES, VENDOR_FILES

from blocks.files.yaml_files import read_yaml
from pool.errors import CloudRefused

FROM_ENVIRONMENT = "envvars"  # what openstacksdk calls the cloud that OS_* variables name
#: What is in ``auth`` tells which kind it is, where ``auth_type`` does not say so.
KINDS = {"application_credential_secret": "v3applicationcredential", "token": "v3token"}
CONFIG, SECURE = "OS_CLIENT_CONFIG_FILE", "OS_CLIENT_SECURE_FILE"


def check_files(cloud: str) -> None:
    """Read the first file of each kind, as openstacksdk would: it skips one that is broken, and knows no cloud then.

    Args:
        cloud: the one that is wanted; what is wrong with others does not matter.

    Raises:
        CloudRefused: "clouds.yaml cannot be read: …, line 3", or what is in it that is no cloud.
    """
    if secure := _first(SECURE, SECURE_FILES):
        _clouds_in(secure)
    named = os.environ.get(CONFIG)
    if path := _first(CONFIG, CONFIG_FILES):
        _check_shape(path, _clouds_in(path), cloud)
    elif named:
        raise CloudRefused(f"{CONFIG} names {named}, which is no file")


def vendor_files() -> list[str]:
    """List where profiles may be: beside ``clouds.yaml``, and where openstacksdk looks for them.

    The stack's workers may have another home and working directory than the operator who wrote both files.
    """
    file = _first(CONFIG, CONFIG_FILES)
    beside = [str(file.with_name(f"clouds-public.{kind}")) for kind in ("yaml", "yml", "json")] if file else []
    return [*beside, *VENDOR_FILES]


def check_profile(config: OpenStackConfig, cloud: str) -> None:
    """Look for the profile that the cloud's entry names; openstacksdk goes on without one that it does not find.

    Raises:
        CloudRefused: "cloud a has the profile 'x', which is in no clouds-public.yaml", or that file is broken.
    """
    name = cloud or config.default_cloud or ""
    profile = _entry(config, name).get("profile")
    if not isinstance(profile, str) or "://" in profile:  # a web site's is fetched, and its trouble told
        return
    file = next((Path(path) for path in vendor_files() if Path(path).is_file()), None)
    listed = _whole(file).get("public-clouds") or {} if file else {}
    if profile not in listed and profile not in vendors.profiles():
        raise CloudRefused(f"cloud {name} has the profile {profile!r}, which is in no clouds-public.yaml")


def auth_type(config: OpenStackConfig, cloud: str) -> dict[str, str]:
    """Return the kind of login as an option, where the cloud's entry leaves it out and what it holds tells."""
    named = cloud or config.default_cloud
    entry = _entry(config, named or "")
    known = {name.replace("-", "_"): value for name, value in (entry | (entry.get("auth") or {})).items()}
    if named == FROM_ENVIRONMENT and not os.environ.get("OS_AUTH_TYPE"):
        known.pop("auth_type", None)  # openstacksdk's default, which nothing in the environment said
    if "auth_type" in known or "auth_plugin" in known:
        return {}
    return next(({"auth_type": kind} for field, kind in KINDS.items() if known.get(field)), {})


def _entry(config: OpenStackConfig, cloud: str) -> dict[str, Any]:
    return config.cloud_config["clouds"].get(cloud) or {}


def _first(variable: str, usual: Iterable[str]) -> Path | None:
    """Find the file that openstacksdk reads of one kind."""
    named = os.environ.get(variable)
    paths = [Path(path) for path in ([named] if named else []) + list(usual)]
    return next(filter(Path.is_file, paths), None)


def _whole(path: Path) -> Mapping[str, Any]:
    return _mapping(path, read_yaml(path, CloudRefused) or {}, "what it holds")


def _clouds_in(path: Path) -> Mapping[str, Any]:
    return _mapping(path, _whole(path).get("clouds", {}), "clouds")


def _check_shape(path: Path, clouds: Mapping[str, Any], cloud: str) -> None:
    if cloud not in clouds:
        return
    entry = _mapping(path, clouds[cloud], f"cloud {cloud}")
    _mapping(path, entry.get("auth", {}), f"auth of cloud {cloud}")
    regions = entry.get("regions", [])
    if not isinstance(regions, list | dict) or any(isinstance(one, dict) and "name" not in one for one in regions):
        raise CloudRefused(f"{path}: regions of cloud {cloud} is no list of names, or of mappings with a name each")


def _mapping(path: Path, found: Any, what: str) -> Mapping[str, Any]:
    if found is None:
        raise CloudRefused(f"{path}: {what} has nothing below it; give it auth with auth_url and a login")
    if not isinstance(found, dict):
        raise CloudRefused(f"{path}: {what} is no mapping of names to values")
    return found
