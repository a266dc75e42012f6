"""An INSERT that is composed once writes what each execution says, on a real PostgreSQL."""

from typing import Any

import pytest
from sqlalchemy import Column, Integer, MetaData, String, Table, select
from sqlalchemy.sql.compiler import SQLCompiler

from pool.store.engine import open_engine
from pool.store.kept_inserts import KeptInsert
from tests.rigs.services.postgres import postgres_server

pytestmark = pytest.mark.contract

TABLE = Table("t", MetaData(), Column("id", Integer, primary_key=True), Column("name", String), Column("n", Integer))


@pytest.fixture(scope="module")
def engine():
    with postgres_server() as server:
        engine = open_engine(server.new_database())
        yield engine
        engine.dispose()


@pytest.fixture
def connection(engine):
    with engine.begin() as connection:
        TABLE.drop(connection, checkfirst=True)
        TABLE.create(connection)
        yield connection


def newer(least: int) -> Any:
    """Writes rows over those that are there, of which the number is below *least*."""
    insert = KeptInsert(TABLE)
    changed = {name: insert.excluded[name] for name in ("name", "n")}
    return insert.on_conflict_do_update(index_elements=["id"], set_=changed, where=TABLE.c.n < least)


def rows(connection: Any) -> list[tuple]:
    return [tuple(row) for row in connection.execute(select(TABLE).order_by(TABLE.c.id))]


def test_a_value_in_a_condition_is_that_of_each_execution(connection):
    for least, name in ((5, "first"), (5, "second"), (1, "third"), (9, "fourth")):
        connection.execute(newer(least), [{"id": 1, "name": name, "n": 4}])
    assert rows(connection) == [(1, "fourth", 4)]
    connection.execute(newer(4), [{"id": 1, "name": "fifth", "n": 4}])
    assert rows(connection) == [(1, "fourth", 4)]


@pytest.mark.parametrize("count", [1, 3, 20])
def test_rows_of_any_number_are_written_and_those_that_were_not_there_are_told(connection, count):
    once = KeptInsert(TABLE).on_conflict_do_nothing().returning(TABLE.c.id)
    connection.execute(once, [{"id": 0, "name": "there", "n": 0}])
    told = connection.scalars(once, [{"id": number, "name": f"row {number}", "n": 0} for number in range(count)]).all()
    assert sorted(told) == [*range(1, count)]
    assert len(rows(connection)) == count


def test_it_is_composed_once(connection, monkeypatch):
    composed = []
    visit = SQLCompiler.visit_insert

    def seen(*said: Any, **more: Any) -> str:
        composed.append(1)
        return visit(*said, **more)

    monkeypatch.setattr(SQLCompiler, "visit_insert", seen)
    for number in range(5):
        connection.execute(KeptInsert(TABLE).values(id=number, n=number, name="x").on_conflict_do_nothing())
    assert len(composed) == 1
    assert [row[0] for row in rows(connection)] == [*range(5)]
