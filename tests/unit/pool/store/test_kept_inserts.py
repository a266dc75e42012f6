"""PostgreSQL's INSERT is composed once: statements of one text have one key, and others have another."""

from typing import Any

import pytest
from sqlalchemy import Column, Integer, MetaData, String, Table, func
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import insert

from pool.store.kept_inserts import KeptInsert

pytestmark = pytest.mark.unit

TABLE = Table("t", MetaData(), Column("id", Integer, primary_key=True), Column("name", String), Column("n", Integer))
EXCLUDED = KeptInsert(TABLE).excluded


def nothing(new: Any, *key: str) -> Any:
    return new(TABLE).on_conflict_do_nothing(index_elements=list(key) or None)


def update(new: Any, **changed: Any) -> Any:
    return new(TABLE).on_conflict_do_update(index_elements=["id"], set_=changed, where=TABLE.c.n < EXCLUDED.n)


#: Statements, each of another text.
STATEMENTS = [
    lambda new: new(TABLE),
    nothing,
    lambda new: nothing(new, "id"),
    lambda new: nothing(new, "name"),
    lambda new: nothing(new, "id").returning(TABLE.c.id),
    lambda new: update(new, name=EXCLUDED.name),
    lambda new: update(new, name=EXCLUDED.id),
    lambda new: update(new, n=EXCLUDED.n, name=EXCLUDED.name),
    lambda new: update(new, n=func.coalesce(EXCLUDED.n, TABLE.c.n)),
    lambda new: new(TABLE).on_conflict_do_update(constraint="t_pkey", set_={"n": EXCLUDED.n}),
    lambda new: new(TABLE).values(id=1, name="ada"),
]


def text_of(statement: Any) -> str:
    return str(statement.compile(dialect=postgresql.dialect()))


@pytest.mark.parametrize("made", STATEMENTS)
def test_its_text_is_what_sqlalchemy_composes(made):
    assert text_of(made(KeptInsert)) == text_of(made(insert))


@pytest.mark.parametrize("made", STATEMENTS)
def test_the_same_statement_made_again_has_the_same_key(made):
    key, again = (made(KeptInsert)._generate_cache_key() for _ in range(2))
    assert key is not None
    assert key == again


def test_statements_of_other_texts_have_other_keys():
    keys = [made(KeptInsert)._generate_cache_key() for made in STATEMENTS]
    assert len({key.key for key in keys}) == len({text_of(made(insert)) for made in STATEMENTS}) == len(STATEMENTS)


def test_one_that_holds_a_value_where_it_updates_is_composed_anew():
    assert update(KeptInsert, name="ada")._generate_cache_key() is None


def test_values_that_are_written_are_no_part_of_the_key():
    one, other = (KeptInsert(TABLE).values(id=number, name="x")._generate_cache_key() for number in (1, 2))
    assert one == other


def test_sqlalchemy_itself_keeps_none():
    assert insert(TABLE)._generate_cache_key() is None, "where it does, ours is needed no longer"
