"""PostgreSQL's INSERT with what it does on a conflict, as a statement that SQLAlchemy composes once and keeps.

SQLAlchemy keeps the text of each statement and looks it up by a key, which all statements have but the INSERT of a
dialect: that one it composes anew each time. What its text depends on besides is the clause about conflicts, which gets
a key here. A clause that sets a column to a value of its own has none: it is composed anew, as before.
"""

from typing import Any

from sqlalchemy import ClauseElement
from sqlalchemy.dialects.postgresql import Insert
from sqlalchemy.dialects.postgresql.dml import OnConflictClause, OnConflictDoNothing, OnConflictDoUpdate
from sqlalchemy.sql.cache_key import NO_CACHE


class _DoNothing(OnConflictDoNothing):
    inherit_cache = False  # it has a key of its own

    def _gen_cache_key(self, anon_map: Any, bindparams: list[Any]) -> tuple[Any, ...] | None:
        return _Key(anon_map, bindparams).of(self)


class _DoUpdate(OnConflictDoUpdate):
    inherit_cache = False  # as above

    def _gen_cache_key(self, anon_map: Any, bindparams: list[Any]) -> tuple[Any, ...] | None:
        return _Key(anon_map, bindparams).of(self, self.update_whereclause, *self._set())

    def _set(self) -> list[Any]:
        return [part for name, value in self.update_values_to_set for part in (_Name(name), value)]


class KeptInsert(Insert):
    """An INSERT of PostgreSQL's: `KeptInsert(table)`, and on like `sqlalchemy.dialects.postgresql.insert(table)`."""

    inherit_cache = True

    def on_conflict_do_nothing(self, *where: Any, **named: Any) -> "KeptInsert":
        """As SQLAlchemy's own."""
        made = super().on_conflict_do_nothing(*where, **named)
        made._post_values_clause = _DoNothing(*where, **named)  # noqa: SLF001 - as the method that it extends
        return made

    def on_conflict_do_update(self, *where: Any, **named: Any) -> "KeptInsert":
        """As SQLAlchemy's own."""
        made = super().on_conflict_do_update(*where, **named)
        made._post_values_clause = _DoUpdate(*where, **named)  # noqa: SLF001 - as above
        return made


class _Name(str):
    """The name of a column that is set: a text that is part of the statement, and no value."""


class _Key:
    """Makes the key of one clause, in the way of SQLAlchemy's `HasCacheKey`.

    Args:
        anon_map: of the statement's key.
        bindparams: of the statement so far; those of the clause are added.
    """

    def __init__(self, anon_map: Any, bindparams: list[Any]) -> None:
        self._anon_map, self._bindparams = anon_map, bindparams

    def of(self, clause: OnConflictClause, *more: Any) -> tuple[Any, ...] | None:
        """The key of a clause, by all that its text is made of; None where that holds a value."""
        target = [_Name(one) if isinstance(one, str) else one for one in clause.inferred_target_elements or ()]
        parts = [clause.inferred_target_whereclause, *target, *more]
        keys = [self._part(part) for part in parts]
        if NO_CACHE in self._anon_map:
            return None
        return (type(clause), clause.constraint_target, len(target), *keys)

    def _part(self, part: Any) -> Any:
        if part is None or isinstance(part, _Name):
            return part
        if isinstance(part, ClauseElement):
            return part._gen_cache_key(self._anon_map, self._bindparams)  # noqa: SLF001 - as SQLAlchemy's own clauses
        self._anon_map[NO_CACHE] = True
        return None
