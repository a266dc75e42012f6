"""The rig as a fixture: up once for a whole test run."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import pytest
from keystoneauth1.session import Session
from openstack.connection import Connection
from requests import Response

from blocks.clouds.openstack_project.cloud import OpenStackCloud
from runtime.builds.host_image import build_host_image
from tests.rigs.hosts.clouds import LOGIN, NAMESPACE, Rig, delete_all, emptied
from tests.rigs.openstack.cloud_under_test import opened
from tests.rigs.openstack.configuration import told
from tests.rigs.openstack.misbehaving_proxy import MisbehavingProxy
from tests.rigs.openstack.rig import OpenStackRig

pytest_plugins = ("tests.rigs.engines.engine",)


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


@pytest.fixture
def api_calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What this process asks of the services from now on, as "GET nova/servers/detail"; names and ids are left out."""
    calls: list[str] = []
    ask = Session.request

    def noted(session: Session, url: str, method: str, *words: Any, **options: Any) -> Response:
        answer = ask(session, url, method, *words, **options)
        calls.append(f"{method} {told(answer.url)}")
        return answer

    monkeypatch.setattr(Session, "request", noted)
    return calls


@pytest.fixture
def cloud(openstack_rig: OpenStackRig) -> Iterator[OpenStackCloud]:
    """The cloud, empty; afterwards nothing may be left, neither for us nor for the administrator."""
    it = opened(public_key=LOGIN.public_key)
    yield it
    openstack_rig.forgive()
    delete_all(it, openstack_rig.hosts())
    openstack_rig.forgive(False)
    assert openstack_rig.project_holds() == set()


@pytest.fixture(scope="session")
def admin(openstack_rig: OpenStackRig) -> Connection:
    return openstack_rig.connect("rig-admin")


@pytest.fixture(scope="session")
def project(openstack_rig: OpenStackRig) -> Connection:
    """The pool's project, used by another user."""
    return openstack_rig.connect("rig")


@pytest.fixture
def quota(admin: Connection, project: Connection) -> Iterator[Callable[..., None]]:
    """Set the project's quota for this test."""
    ours = str(project.current_project_id)

    def change(**limits: int) -> None:
        admin.set_compute_quotas(ours, **limits)

    yield change
    admin.delete_compute_quotas(ours)


@pytest.fixture
def openstack(openstack_rig: OpenStackRig) -> Iterator[Rig]:
    """The cloud as the suite of all clouds wants it, with that suite's own flavor and image."""
    clouds: list[OpenStackCloud] = []

    def open_cloud(namespace: str) -> OpenStackCloud:
        clouds.append(opened(namespace=namespace))
        return clouds[-1]

    yield Rig(open_cloud, open_cloud(NAMESPACE), quiet="rig.tiny")
    for cloud in clouds:
        emptied(cloud)
    assert openstack_rig.project_holds() == set()
