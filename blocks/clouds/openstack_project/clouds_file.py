"""What openstacksdk passes over or trips over in ``clouds.yaml``, said in one sentence before it reads the file."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from openstack.config import OpenStackConfig
from openstack.config.loader import CONFIG_FILES

from pool.errors import CloudRefused

FROM_ENVIRONMENT = "envvars"  # what openstacksdk calls the cloud that OS_* variables name
#: What is in ``auth`` tells which kind it is, where ``auth_type`` does not say so.
KINDS = {"application_credential_secret": "v3applicationcredential", "token": "v3token"}


def check_files(cloud: str) -> None:
    """Read the first file that there is, as openstacksdk would: it skips one that is broken, and knows no cloud then.

    Args:
        cloud: the one that is wanted; what is wrong with others does not matter.

    Raises:
        CloudRefused: "clouds.yaml cannot be read: …, line 3", or what is in it that is no cloud.
    """
    for path in _candidates():
        if path.is_file():
            return _check_shape(path, _read(path), cloud)
    return None


def auth_type(config: OpenStackConfig, cloud: str) -> dict[str, str]:
    """Return the kind of login as an option, where the cloud's entry leaves it out and what it holds tells."""
    named = cloud or config.default_cloud
    entry = config.cloud_config["clouds"].get(named) or {}
    known = entry | (entry.get("auth") or {})
    if named == FROM_ENVIRONMENT and not os.environ.get("OS_AUTH_TYPE"):
        known.pop("auth_type", None)  # openstacksdk's default, which nothing in the environment said
    if "auth_type" in known or "auth_plugin" in known or "profile" in known:
        return {}
    return next(({"auth_type": kind} for field, kind in KINDS.items() if known.get(field)), {})


def _candidates() -> Iterable[Path]:
    named = os.environ.get("OS_CLIENT_CONFIG_FILE")
    return [Path(path) for path in ([named] if named else []) + list(CONFIG_FILES)]


def _read(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise CloudRefused(f"{path} cannot be read: byte {error.start + 1} is not UTF-8") from error
    except yaml.MarkedYAMLError as error:
        where = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise CloudRefused(f"{path} cannot be read: {error.problem}{where}") from error
    except (yaml.YAMLError, OSError) as error:
        raise CloudRefused(f"{path} cannot be read: {' '.join(str(error).split())}") from error


def _check_shape(path: Path, content: Any, cloud: str) -> None:
    clouds = _mapping(path, _mapping(path, content or {}, "what it holds").get("clouds") or {}, "clouds")
    if cloud in clouds:
        auth = _mapping(path, clouds[cloud], f"cloud {cloud}").get("auth", {})
        _mapping(path, auth, f"auth of cloud {cloud}")


def _mapping(path: Path, found: Any, what: str) -> Mapping[str, Any]:
    if found is None:
        raise CloudRefused(f"{path}: {what} has nothing below it; give it auth with auth_url and a login")
    if not isinstance(found, dict):
        raise CloudRefused(f"{path}: {what} is no mapping of names to values")
    return found
