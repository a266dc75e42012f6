"""How the fields of a block, ``clouds.yaml`` or the environment become a login that all calls to a cloud share."""

import os
import threading

from keystoneauth1 import exceptions as auth_errors
from openstack.config import OpenStackConfig
from openstack.config.cloud_region import CloudRegion
from openstack.connection import Connection
from openstack.exceptions import ConfigException

from blocks.clouds.openstack_project.login.clouds_file import auth_type, check_files, check_profile, vendor_files
from blocks.clouds.openstack_project.login.credentials import OpenStackCredentials
from pool.errors import CloudRefused

ANSWER_SECONDS = 60  # for one request; the calls of the port wait longer by asking again

#: How openstacksdk trips over what is no login.
TRIPPED = (TypeError, AttributeError, ValueError, LookupError)

_logins: dict[tuple, CloudRegion] = {}
_lock = threading.Lock()


def connect(of: OpenStackCredentials) -> Connection:
    """Connect a client for one call; all share one login, which renews its token when that expires.

    Raises:
        CloudRefused: there is no such cloud or region in ``clouds.yaml``, or it is broken or not complete.
    """
    return Connection(config=_login(of))


def forget_logins() -> None:
    """Read the credentials anew at the next call: a refusal may be of a password that was changed meanwhile."""
    with _lock:
        _logins.clear()


def _login(of: OpenStackCredentials) -> CloudRegion:
    with _lock:
        key = _key(of)
        if key not in _logins:
            login = read_login(of)
            login.get_session()  # made once, here: it holds the token and what was learned of the endpoints
            _logins[key] = login
        return _logins[key]


def read_login(of: OpenStackCredentials) -> CloudRegion:
    """Read what the login is made of, from the fields or from files and environment; nothing is asked of the cloud.

    Raises:
        CloudRefused: there is no such cloud or region in ``clouds.yaml``, or it is broken or not complete.
    """
    from_fields = bool(of.auth_url)
    if not from_fields:
        check_files(of.cloud or os.environ.get("OS_CLOUD", ""))
    config = _config(from_fields)
    try:
        _check_region(of, config)
        check_profile(config, of.cloud)
        return config.get_one(api_timeout=ANSWER_SECONDS, **_options(of, config))
    except (ConfigException, auth_errors.ClientException) as error:
        raise CloudRefused(_what_is_wrong(of, config, str(error))) from error
    except TRIPPED as error:
        raise CloudRefused(_what_is_wrong(of, config, f"a field does not fit its auth_type ({error})")) from error


def _config(from_fields: bool) -> OpenStackConfig:
    try:
        return OpenStackConfig(
            vendor_files=vendor_files(),
            load_yaml_config=not from_fields,
            load_envvars=not from_fields,
            app_name="dockerdriver",
        )
    except TRIPPED as error:
        raise CloudRefused(f"clouds.yaml and secure.yaml do not fit each other ({error})") from error


def _check_region(of: OpenStackCredentials, config: OpenStackConfig) -> None:
    name = of.cloud or config.default_cloud or ""
    entry = config.cloud_config["clouds"].get(name) or {}
    regions = [one["name"] if isinstance(one, dict) else one for one in entry.get("regions") or ()]
    wanted = _region(of)
    if wanted and regions and wanted not in regions:
        known = ", ".join(map(str, regions))
        raise CloudRefused(f"cloud {name} has no region {wanted!r} in clouds.yaml; known: {known}")


def _region(of: OpenStackCredentials) -> str:
    """Return the region that is asked for; beside a cloud of the environment, that may name it as well."""
    return of.region_name or ("" if of.cloud or of.auth_url else os.environ.get("OS_REGION_NAME", ""))


def _options(of: OpenStackCredentials, config: OpenStackConfig) -> dict:
    region = {"region_name": wanted} if (wanted := _region(of)) else {}
    if not of.auth_url:
        named = {"cloud": of.cloud} if of.cloud else {}
        return named | region | auth_type(config, of.cloud)
    options = {"auth_type": "password", "auth": _user(of)}
    if of.application_credential_id:
        options = {"auth_type": "v3applicationcredential", "auth": _application(of)}
    return options | region


def _user(of: OpenStackCredentials) -> dict[str, str]:
    return {
        "auth_url": of.auth_url,
        "username": of.username,
        "password": of.password.get_secret_value(),
        "project_name": of.project_name,
        "user_domain_name": of.user_domain_name,
        "project_domain_name": of.project_domain_name,
    }


def _application(of: OpenStackCredentials) -> dict[str, str]:
    return {
        "auth_url": of.auth_url,
        "application_credential_id": of.application_credential_id,
        "application_credential_secret": of.application_credential_secret.get_secret_value(),
    }


def _what_is_wrong(of: OpenStackCredentials, config: OpenStackConfig, words: str) -> str:
    named = of.cloud or os.environ.get("OS_CLOUD", "")
    known = [name for name in config.get_cloud_names() if name not in ("", "envvars", "defaults")]
    listed = ", ".join(sorted(map(str, known))) or "none"
    if named and named not in known:
        return f"no cloud is named {named!r} in clouds.yaml; known: {listed}"
    if known and not config.default_cloud and not named and not of.auth_url:
        return f"which cloud is not said: set OS_CLOUD, or the field cloud of the credentials; known: {listed}"
    return f"the OpenStack credentials for {of.where()} are not complete: {words}"


def _key(of: OpenStackCredentials) -> tuple:
    fields = of.model_dump(exclude={"password", "application_credential_secret"}).items()
    secrets = (of.password.get_secret_value(), of.application_credential_secret.get_secret_value())
    environment = sorted((k, v) for k, v in os.environ.items() if k.startswith("OS_"))
    return (tuple(sorted((k, str(v)) for k, v in fields)), secrets, tuple(environment))
