"""A limit for what a session writes: asked of the engine, and not again of one whose storage has none."""

from contextlib import contextmanager
from typing import Any

import pytest
from docker.errors import APIError

from blocks.engine.client import HostEngine
from pool.records import ContainerSpec

pytestmark = pytest.mark.unit

NO_LIMIT = "--storage-opt is supported only for overlay over xfs with 'pquota' mount option"


class ToldEngine:
    """Connections to an engine, its client, and what that was asked to make."""

    host, has_quotas = "main-01", True

    def __init__(self, refusal: str = "") -> None:
        self.asked, self._refusal = list[dict | None](), refusal

    @contextmanager
    def client(self, step, timeout):
        yield self

    def create_host_config(self, **options):
        return options

    def create_container(self, host_config, **_more):
        self.asked.append(host_config.get("storage_opt"))
        if self._refusal and host_config.get("storage_opt"):
            raise APIError("500", explanation=self._refusal)
        return {"Id": "f00d"}


def create(engine: ToldEngine, disk_mb: int = 100) -> str:
    spec = ContainerSpec("dd-alice", "sha256:aa", 8888, 20001, 64, disk_mb=disk_mb)
    connections: Any = engine
    return HostEngine(connections, publish_on="127.0.0.1")._create(spec)


def test_a_session_is_limited_where_the_storage_can():
    engine = ToldEngine()
    assert (create(engine), engine.asked) == ("f00d", [{"size": "100m"}])


def test_an_engine_whose_storage_cannot_runs_it_without_and_is_not_asked_again():
    engine = ToldEngine(NO_LIMIT)
    assert [create(engine), create(engine)] == ["f00d", "f00d"]
    assert engine.asked == [{"size": "100m"}, None, None]


def test_no_limit_is_asked_for_where_the_blueprint_has_none():
    create(engine := ToldEngine(), disk_mb=0)
    assert engine.asked == [None]


def test_another_refusal_is_no_reason_to_go_without():
    with pytest.raises(APIError, match="no such image"):
        create(engine := ToldEngine("no such image"))
    assert engine.has_quotas
