"""Rows from one database to another: all of them or none, and compared before they count."""

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BindParameter,
    Column,
    ColumnElement,
    Connection,
    Enum,
    String,
    Table,
    TypeDecorator,
    bindparam,
    func,
    select,
    type_coerce,
    update,
)
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.types import TypeEngine

from pool.errors import Refused
from pool.printable import how_many
from pool.store.engine import open_engine
from pool.store.schema import metadata

BATCH = 500
_SUMS = 1 << 256


@dataclass(frozen=True)
class Selection:
    """The rows of one table that go along."""

    table: Table  # as both databases have it
    where: ColumnElement[bool] | None = None  # the rows that go along; None: all do
    nulls: Set[str] = frozenset()  # columns whose values stay behind
    later: Set[str] = frozenset()  # columns that name rows of a later table, and so are filled in at the end
    precious: bool = True  # rows of it in the target may not be lost


@dataclass(frozen=True)
class Copied:
    """What became of one table: as many rows there as here, with the same checksum."""

    table: str
    rows: int
    checksum: str


def pool_selections() -> list[Selection]:
    """Return the pool's tables, each after those that it refers to."""
    return [Selection(table) for table in metadata.sorted_tables]


def copy_records(
    source: str, target: str, selections: Sequence[Selection], refill: bool, before_commit: Callable[[], object]
) -> list[Copied]:
    """Copy rows into a database whose tables are there, and compare what was written, in one transaction.

    Args:
        source: SQLAlchemy URL; while its rows are read, no process can write to an SQLite file.
        target: SQLAlchemy URL of the other one.
        selections: what is copied, in an order in which no row refers to one that comes later.
        refill: whether these tables may be emptied first: what is in them is known to be worth nothing.
        before_commit: called when all is written and compared.

    Raises:
        Refused: the target has rows that may not be lost, does not take one, or has something else than the source.
    """
    here, there = open_engine(source), open_engine(target)
    try:
        with here.connect() as reading, there.begin() as writing:
            _make_room(writing, selections, refill)
            for chosen in selections:
                _copy(reading, writing, chosen)
            for chosen in selections:
                _fill_in_later(reading, writing, chosen)
                _set_sequences(writing, chosen.table)
            copied = [_compared(reading, writing, chosen) for chosen in selections]
            before_commit()
        return copied
    except SQLAlchemyError as error:
        said = str(getattr(error, "orig", None) or error).strip().split("\n", 1)[0]
        raise Refused(f"the rows were not copied, and nothing was changed: {said}") from error
    finally:
        here.dispose()
        there.dispose()


def _make_room(writing: Connection, selections: Sequence[Selection], refill: bool) -> None:
    for chosen in selections:
        rows = writing.scalar(select(func.count()).select_from(chosen.table))
        if rows and chosen.precious and not refill:
            raise Refused(
                f"table {chosen.table.name} of the target has {how_many(rows, 'row')} already, which may not be lost"
            )
        if chosen.later:
            writing.execute(update(chosen.table).values(dict.fromkeys(chosen.later)))
    for chosen in reversed(selections):
        writing.execute(chosen.table.delete())


def _copy(reading: Connection, writing: Connection, chosen: Selection) -> None:
    absent = dict.fromkeys(chosen.nulls | chosen.later)
    insert = chosen.table.insert().values(_values(chosen.table.columns, writing))
    for batch in _batches(reading, chosen):
        writing.execute(insert, [_named(row | absent) for row in batch])


def _fill_in_later(reading: Connection, writing: Connection, chosen: Selection) -> None:
    """Write what names rows of later tables. All values are given: a column may have one of its own for updates."""
    if not chosen.later:
        return
    (key,) = chosen.table.primary_key.columns
    columns = [column for column in chosen.table.columns if column.key not in chosen.nulls]
    change = update(chosen.table).where(key == bindparam("of", type_=key.type)).values(_values(columns, writing))
    for batch in _batches(reading, chosen):
        kept = [{name: value for name, value in row.items() if name not in chosen.nulls} for row in batch]
        writing.execute(change, [_named(row) | {"of": row[key.key]} for row in kept])


def _values(columns: Iterable[Column[Any]], writing: Connection) -> dict[str, BindParameter[Any]]:
    return {column.key: bindparam(f"new_{column.key}", type_=_taken(column, writing)) for column in columns}


def _named(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters for `_values`: a parameter may not be called as a column is."""
    return {f"new_{name}": value for name, value in row.items()}


def _set_sequences(writing: Connection, table: Table) -> None:
    """PostgreSQL counts on by itself: have it begin after what was copied."""
    column = table.autoincrement_column
    if column is not None and writing.dialect.name == "postgresql":
        sequence = func.pg_get_serial_sequence(table.name, column.name)
        following = func.coalesce(func.max(column), 0) + 1  # which was not given out yet
        writing.execute(select(func.setval(sequence, following, False)))


def _batches(connection: Connection, chosen: Selection) -> Iterator[list[dict[str, Any]]]:
    """Read the rows as they are stored: a word that today's code no longer knows goes along."""
    names = [column.key for column in chosen.table.columns]
    query = select(*(type_coerce(column, _type(column, connection)) for column in chosen.table.columns))
    query = query if chosen.where is None else query.where(chosen.where)
    for batch in connection.execute(query, execution_options={"yield_per": BATCH}).partitions():
        yield [dict(zip(names, row, strict=True)) for row in batch]


def _type(column: Column[Any], connection: Connection) -> TypeEngine[Any]:
    """Return the type that reads a column as it is stored, without what a program makes of it."""
    stored: TypeEngine[Any] = column.type
    while isinstance(stored, TypeDecorator):
        stored = stored.load_dialect_impl(connection.dialect)
    if isinstance(stored, JSON):
        return stored
    return String() if isinstance(stored, Enum) else column.type


def _taken(column: Column[Any], connection: Connection) -> TypeEngine[Any]:
    """Return the type that writes it: PostgreSQL has types of its own for words, and wants them named."""
    return column.type if isinstance(column.type, Enum) else _type(column, connection)


def _compared(reading: Connection, writing: Connection, chosen: Selection) -> Copied:
    expected, found = _sum(reading, chosen, chosen.nulls), _sum(writing, Selection(chosen.table), chosen.nulls)
    if expected != found:
        raise Refused(
            f"table {chosen.table.name} has {how_many(found[0], 'row')} in the target and {expected[0]} in the source, "
            "or other values in them; nothing was changed"
        )
    return Copied(chosen.table.name, *expected)


def _sum(connection: Connection, chosen: Selection, without: Collection[str]) -> tuple[int, str]:
    """Return the number of rows and the sum of their digests, which does not depend on their order."""
    rows = total = 0
    for batch in _batches(connection, chosen):
        for row in batch:
            rows, total = rows + 1, (total + _digest({k: v for k, v in row.items() if k not in without})) % _SUMS
    return rows, f"{total:064x}"


def _digest(row: Mapping[str, Any]) -> int:
    return int.from_bytes(hashlib.sha256(json.dumps(row, sort_keys=True, default=_plain).encode()).digest())


def _plain(value: object) -> object:
    """Return a value as both databases have it: a moment is the same in every zone."""
    if isinstance(value, datetime):
        return value.timestamp()
    return repr(value)
