"""URLs of the databases as hosted ones give them."""

import pytest

from blocks.settings import ProcessSettings
from pool.errors import BadRequest
from pool.store.engine import open_engine

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    "scheme", ["postgres", "postgresql", "POSTGRESQL", " postgresql+psycopg2", "postgresql+asyncpg"]
)
def test_the_pools_database_is_named_by_any_scheme_of_postgresql(scheme):
    url = open_engine(f"{scheme}://dd:p%40ss@db.example:5432/dd").url
    assert (url.drivername, url.password, url.host) == ("postgresql+psycopg", "p@ss", "db.example")


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg"])
def test_prefects_server_gets_the_driver_that_it_wants(scheme):
    url = f"{scheme}://dd:word@db.example/prefect"
    settings = ProcessSettings(prefect_database_url=url, _env_file=None)
    assert settings.prefect_server_url == "postgresql+asyncpg://dd:word@db.example/prefect"


@pytest.mark.parametrize(
    "url", ["mysql://dd:secret@db/dd", "postgresql://dd:secret@db:x/dd", "host=db password=secret"]
)
def test_what_is_no_such_url_is_refused_without_showing_its_password(url):
    with pytest.raises(BadRequest, match="the pool's database") as refusal:
        open_engine(url)
    assert "secret" not in str(refusal.value)
