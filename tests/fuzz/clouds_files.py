"""Made-up files of OpenStack's credentials: ``make fuzz NAME=clouds_files SECONDS=600``.

A ``clouds.yaml``, with ``secure.yaml`` and ``clouds-public.yaml`` beside it, is a login or is refused in one sentence.
No file names the profile of a web site: openstacksdk would fetch it.
"""

import os
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import yaml
from hypothesis import strategies as st

from blocks.clouds.openstack_project.login.clients import read_login
from blocks.clouds.openstack_project.login.clouds_file import CONFIG, SECURE
from blocks.clouds.openstack_project.login.credentials import OpenStackCredentials
from pool.errors import BadRequest, CloudRefused
from tests.fuzz.rounds import fuzz

TEXTS = st.sampled_from(["", "a", "b", "R1", "password", "v3token", "site", "nope"])
PLAIN = st.none() | st.booleans() | st.integers(0, 9) | st.floats(allow_nan=False) | st.dates() | TEXTS
NAMES = st.sampled_from(["a", "name", "values", "auth", "clouds", "public-clouds"])
ANY = st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=2))
GOOD = {"auth_url": "https://k.example:5000/v3", "username": "u", "password": "p", "project_name": "p"}
FIELDS = """auth_url username password project_name token application_credential_id application_credential_secret
application-credential-secret user_domain_name project-domain-name trust_id"""
AUTH = st.dictionaries(st.sampled_from(FIELDS.split()), PLAIN, max_size=3).map(lambda changes: GOOD | changes)
OPTIONS = """auth_type auth_plugin region_name regions profile cloud verify cacert cert key networks api_timeout
interface identity_api_version force_ipv4"""
ENTRY = st.dictionaries(st.sampled_from(OPTIONS.split()), ANY, max_size=2)
LOGIN = st.builds(lambda entry, auth: entry | {"auth": auth}, ENTRY, AUTH)
CLOUD = LOGIN | LOGIN | LOGIN | ENTRY | ANY
CLOUDS = st.fixed_dictionaries({"a": LOGIN}) | st.dictionaries(st.sampled_from(["a", "b", 1, None]), CLOUD, max_size=2)
FILE = st.fixed_dictionaries({"clouds": CLOUDS})
PUBLIC = st.fixed_dictionaries({"public-clouds": st.dictionaries(st.just("site"), CLOUD)})
NONE: st.SearchStrategy[dict] = st.just({})
SECRET, SHARED = NONE | NONE | FILE | ANY, NONE | NONE | PUBLIC | ANY
INPUTS = st.tuples(FILE | FILE | ANY, SECRET, SHARED, st.sampled_from(["a", ""]), st.sampled_from(["", "R1"]))


def reader(folder: Path) -> Callable[[tuple], None]:
    """Make what reads three files of *folder* as the workers do."""
    os.environ |= {CONFIG: str(folder / "clouds.yaml"), SECURE: str(folder / "secure.yaml")}

    def check(made: tuple) -> None:
        for name, content in zip(("clouds", "secure", "clouds-public"), made, strict=False):
            (folder / f"{name}.yaml").write_text(yaml.safe_dump(content))
        try:
            assert read_login(OpenStackCredentials(cloud=made[3], region_name=made[4]))
        except CloudRefused as refusal:
            raise BadRequest(str(refusal)) from None

    return check


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # openstacksdk's, of settings that it drops
    for name in [name for name in os.environ if name.startswith("OS_")]:
        del os.environ[name]
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        fuzz(__doc__, INPUTS, reader(Path(folder)))
