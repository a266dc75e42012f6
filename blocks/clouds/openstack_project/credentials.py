"""Who we are to an OpenStack cloud: a cloud of ``clouds.yaml``, the ``OS_…`` environment, or the fields of a block."""

import os
import threading
from typing import Self

from keystoneauth1 import exceptions as auth_errors
from openstack.config import OpenStackConfig
from openstack.config.cloud_region import CloudRegion
from openstack.connection import Connection
from openstack.exceptions import ConfigException
from prefect.blocks.core import Block
from pydantic import Field, SecretStr, model_validator

from blocks.clouds.openstack_project.clouds_file import auth_type, check_files, check_profile, vendor_files
from blocks.stored.bounds import is_reading_stored
from blocks.stored.pictures.kinds import picture_of_its_kind
from pool.errors import CloudRefused

ANSWER_SECONDS = 60  # for one request; the calls of the port wait longer by asking again

#: How openstacksdk trips over what is no login.
TRIPPED = (TypeError, AttributeError, ValueError, LookupError)

_logins: dict[tuple, CloudRegion] = {}
_lock = threading.Lock()


class OpenStackCredentials(Block):
    """Credentials for one project of an OpenStack cloud.

    With ``cloud`` set, they are those of that name in ``clouds.yaml``; with ``auth_url`` set, the fields below it; with
    neither, what the environment says (``OS_CLOUD``, or ``OS_AUTH_URL`` and its companions).
    """

    _block_type_name = "OpenStack credentials"
    _block_type_slug = "openstack-credentials"
    _logo_url = picture_of_its_kind()
    _description = "Credentials for one project of an OpenStack cloud."

    cloud: str = Field(
        "",
        description="Name of the cloud in clouds.yaml, as in mycloud.",
        title="Cloud of clouds.yaml",
        examples=["mycloud"],
    )
    auth_url: str = Field(
        "",
        description="Keystone, as in https://cloud.example.org:5000/v3.",
        title="Keystone address",
        examples=["https://cloud.example.org:5000/v3"],
    )
    username: str = Field(
        "", description="User, as in dockerdriver; or leave empty and give an application credential.", title="User"
    )
    password: SecretStr = Field(SecretStr(""), description="Password of the user.", title="Password")
    project_name: str = Field("", description="Project that hosts are made in, as in teaching.", title="Project")
    user_domain_name: str = Field("Default", description="Domain of the user.", title="Domain of the user")
    project_domain_name: str = Field("Default", description="Domain of the project.", title="Domain of the project")
    application_credential_id: str = Field(
        "",
        description="Id of an application credential, as in 21dced0fd20347869b93710d2b98aae0, in place of user and"
        " password.",
        title="Application credential",
    )
    application_credential_secret: SecretStr = Field(
        SecretStr(""), description="Its secret.", title="Secret of the application credential"
    )
    region_name: str = Field(
        "", description="Region, as in RegionOne; empty: the cloud's only or first one.", title="Region"
    )

    @model_validator(mode="after")
    def _are_complete(self) -> Self:
        """Refuse in the form fields that no login can be made of; those of clouds.yaml are not known there."""
        if self.auth_url and not is_reading_stored() and (missing := self._missing()):
            raise ValueError(f"with a Keystone address {missing}")
        return self

    def _missing(self) -> str:
        if self.application_credential_id:
            has_secret = bool(self.application_credential_secret.get_secret_value())
            return "" if has_secret else "an application credential needs its secret"
        if not self.username:
            return "there must be a user, or an application credential"
        return "" if self.password.get_secret_value() and self.project_name else "a user needs a password and a project"

    def connect(self) -> Connection:
        """Connect a client for one call; all share one login, which renews its token when that expires.

        Raises:
            CloudRefused: there is no such cloud or region in ``clouds.yaml``, or it is broken or not complete.
        """
        return Connection(config=self._login())

    def where(self) -> str:
        """Return what these credentials are for, without any secret."""
        return self.cloud or self.auth_url or os.environ.get("OS_CLOUD") or os.environ.get("OS_AUTH_URL") or "nowhere"

    def _login(self) -> CloudRegion:
        with _lock:
            key = self._key()
            if key not in _logins:
                login = self._read()
                login.get_session()  # made once, here: it holds the token and what was learned of the endpoints
                _logins[key] = login
            return _logins[key]

    def _read(self) -> CloudRegion:
        from_fields = bool(self.auth_url)
        if not from_fields:
            check_files(self.cloud or os.environ.get("OS_CLOUD", ""))
        config = self._config(from_fields)
        try:
            self._check_region(config)
            check_profile(config, self.cloud)
            return config.get_one(api_timeout=ANSWER_SECONDS, **self._options(config))
        except (ConfigException, auth_errors.ClientException) as error:
            raise CloudRefused(self._what_is_wrong(config, str(error))) from error
        except TRIPPED as error:
            raise CloudRefused(self._what_is_wrong(config, f"a field does not fit its auth_type ({error})")) from error

    def _config(self, from_fields: bool) -> OpenStackConfig:
        try:
            return OpenStackConfig(
                vendor_files=vendor_files(),
                load_yaml_config=not from_fields,
                load_envvars=not from_fields,
                app_name="dockerdriver",
            )
        except TRIPPED as error:
            raise CloudRefused(f"clouds.yaml and secure.yaml do not fit each other ({error})") from error

    def _check_region(self, config: OpenStackConfig) -> None:
        name = self.cloud or config.default_cloud or ""
        entry = config.cloud_config["clouds"].get(name) or {}
        regions = [one["name"] if isinstance(one, dict) else one for one in entry.get("regions") or ()]
        wanted = self._region()
        if wanted and regions and wanted not in regions:
            known = ", ".join(map(str, regions))
            raise CloudRefused(f"cloud {name} has no region {wanted!r} in clouds.yaml; known: {known}")

    def _region(self) -> str:
        """Return the region that is asked for; beside a cloud of the environment, that may name it as well."""
        return self.region_name or ("" if self.cloud or self.auth_url else os.environ.get("OS_REGION_NAME", ""))

    def _options(self, config: OpenStackConfig) -> dict:
        region = {"region_name": wanted} if (wanted := self._region()) else {}
        if not self.auth_url:
            named = {"cloud": self.cloud} if self.cloud else {}
            return named | region | auth_type(config, self.cloud)
        options = {"auth_type": "password", "auth": self._user()}
        if self.application_credential_id:
            options = {"auth_type": "v3applicationcredential", "auth": self._application()}
        return options | region

    def _user(self) -> dict[str, str]:
        return {
            "auth_url": self.auth_url,
            "username": self.username,
            "password": self.password.get_secret_value(),
            "project_name": self.project_name,
            "user_domain_name": self.user_domain_name,
            "project_domain_name": self.project_domain_name,
        }

    def _application(self) -> dict[str, str]:
        return {
            "auth_url": self.auth_url,
            "application_credential_id": self.application_credential_id,
            "application_credential_secret": self.application_credential_secret.get_secret_value(),
        }

    def _what_is_wrong(self, config: OpenStackConfig, words: str) -> str:
        named = self.cloud or os.environ.get("OS_CLOUD", "")
        known = [name for name in config.get_cloud_names() if name not in ("", "envvars", "defaults")]
        listed = ", ".join(sorted(map(str, known))) or "none"
        if named and named not in known:
            return f"no cloud is named {named!r} in clouds.yaml; known: {listed}"
        if known and not config.default_cloud and not named and not self.auth_url:
            return f"which cloud is not said: set OS_CLOUD, or the field cloud of the credentials; known: {listed}"
        return f"the OpenStack credentials for {self.where()} are not complete: {words}"

    def _key(self) -> tuple:
        fields = self.model_dump(exclude={"password", "application_credential_secret"}).items()
        secrets = (self.password.get_secret_value(), self.application_credential_secret.get_secret_value())
        environment = sorted((k, v) for k, v in os.environ.items() if k.startswith("OS_"))
        return (tuple(sorted((k, str(v)) for k, v in fields)), secrets, tuple(environment))


def forget_logins() -> None:
    """Read the credentials anew at the next call: a refusal may be of a password that was changed meanwhile."""
    with _lock:
        _logins.clear()
