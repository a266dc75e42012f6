"""How Prefect's own server is served by ours."""

import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette

from blocks.resources import home
from blocks.settings import ProcessSettings
from runtime.stack.prefect_server import guard_what_is_served
from runtime.supervision.failover import Failover, server_lock
from tests.rigs.ports import free_port

pytestmark = pytest.mark.unit


def test_events_are_not_compressed_on_their_way(monkeypatch, tmp_path):
    served = {}
    monkeypatch.setattr(uvicorn, "run", lambda _app, **options: served.update(options))
    settings, port = ProcessSettings(data=tmp_path, _env_file=None), free_port()
    guard_what_is_served(settings, "stack:own", port, Failover(server_lock(settings, port)))
    prefects: Any = SimpleNamespace(api_app=Starlette())
    uvicorn.run(prefects, port=0)
    assert (served["port"], served["ws_per_message_deflate"]) == (port, False)


def test_the_server_looks_at_credentials_of_openstack_without_importing_its_sdk():
    program = "import sys, runtime.stack.prefect_server; print(*sys.modules)"
    command = [sys.executable, "-c", program]
    loaded = subprocess.run(command, cwd=home(), check=True, capture_output=True, text=True, timeout=120).stdout.split()
    assert "blocks.clouds.openstack_project.login.credentials" in loaded
    assert not {"openstack", "keystoneauth1"} & set(loaded)
