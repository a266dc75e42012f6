"""The rig as a fixture: up once for a whole test run."""

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import gettempdir

import pytest

from runtime.host_image import build_host_image
from tests.rigs.openstack.misbehaving_proxy import MisbehavingProxy
from tests.rigs.openstack.rig import OpenStackRig

pytest_plugins = ("tests.rigs.engine",)


@pytest.fixture(scope="session")
def openstack_rig(engine_url: str) -> Iterator[OpenStackRig]:
    """A running OpenStack; ``OS_CLIENT_CONFIG_FILE`` names its ``clouds.yaml`` while it runs."""
    rig = OpenStackRig(build_host_image(engine_url, Path(gettempdir()), print), engine_url)
    before = os.environ.get("OS_CLIENT_CONFIG_FILE")
    try:
        rig.up()
        os.environ["OS_CLIENT_CONFIG_FILE"] = str(rig.clouds_yaml)
        yield rig
    finally:
        rig.down()
        os.environ.pop("OS_CLIENT_CONFIG_FILE", None)
        if before is not None:
            os.environ["OS_CLIENT_CONFIG_FILE"] = before


@pytest.fixture(scope="session")
def proxy(openstack_rig: OpenStackRig) -> Iterator[MisbehavingProxy]:
    """A way to Nova that counts requests and can be told to misbehave: the cloud ``rig-proxied``."""
    with MisbehavingProxy("nova") as proxy:
        openstack_rig.add_cloud("rig-proxied", compute_endpoint_override=proxy.url)
        yield proxy
