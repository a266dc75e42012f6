"""A user's server on a Hub of its own database, with the API of the client's tests behind it."""

from collections.abc import Iterator

import pytest
from jupyterhub import orm
from jupyterhub.objects import Hub
from jupyterhub.user import User
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from dockerdriver_client.jupyterhub import DockerDriverSpawner
from dockerdriver_client.jupyterhub.door import close_doors
from tests.rigs.ports import free_ports

from ..conftest import QuickAsyncClient, answer


class QuickSpawner(DockerDriverSpawner):
    """Its client is the quick one, and it looks again at once."""

    look_seconds = 0

    def make_client(self) -> QuickAsyncClient:
        return QuickAsyncClient(self.api)


@pytest.fixture(scope="package")
def database() -> Session:
    engine = create_engine("sqlite://")
    orm.Base.metadata.create_all(engine)
    return Session(engine)


@pytest.fixture
def user(database) -> Iterator[User]:
    database.add(ada := orm.User(name="Ada.L"))
    database.commit()
    yield User(ada, {})
    database.delete(ada)
    database.commit()


@pytest.fixture
def spawner(api, user, monkeypatch):
    """The server of ada, whose sessions are all called ada-1, as the API of the tests knows it."""
    monkeypatch.setattr("dockerdriver_client.jupyterhub.spawner.instance_id_of", lambda *_: "ada-1")
    monkeypatch.setattr(QuickSpawner, "api", api, raising=False)
    api.session(answer("running", host="main-01"))
    (port,) = free_ports(1, range(18100, 18200))
    yield user._new_spawner("", spawner_class=QuickSpawner, hub=Hub(), door_url=f"http://127.0.0.1:{port}")
    close_doors()
    QuickSpawner._clients.clear()
