"""Who we are to an OpenStack cloud: a cloud of ``clouds.yaml``, the ``OS_…`` environment, or the fields of a block.

Prefect's server looks at the block before it keeps it, and needs nothing of openstacksdk, which takes a second to
import: how the fields become a login is in `login.py`.
"""

import os
from typing import Self

from prefect.blocks.core import Block
from pydantic import Field, SecretStr, model_validator

from blocks.stored.bounds import is_reading_stored
from blocks.stored.pictures.kinds import picture_of_its_kind


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

    def where(self) -> str:
        """Return what these credentials are for, without any secret."""
        return self.cloud or self.auth_url or os.environ.get("OS_CLOUD") or os.environ.get("OS_AUTH_URL") or "nowhere"
