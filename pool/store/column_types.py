"""Types of columns that SQLite and PostgreSQL have alike."""

from datetime import UTC, datetime
from enum import StrEnum

from sqlalchemy import DateTime, Dialect, Enum, String, TypeDecorator

from pool.names import one_spelling


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment, stored in UTC and read back in UTC; SQLite itself keeps no zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 (its form)
        """Refuse a naive moment: which zone it was meant in cannot be known."""
        if value is not None and value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone")
        return value and value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Read a moment back as UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class UserName(TypeDecorator[str]):
    """A user's name, written and looked for in its one spelling."""

    impl = String(255)
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Give it that spelling."""
        return value and one_spelling(value)


def word_of(words: type[StrEnum]) -> Enum:
    """Stored as the word itself, so that a query by hand reads like the design."""
    return Enum(words, native_enum=False, length=24, values_callable=lambda enum: [word.value for word in enum])


def sorted_text(length: int) -> String:
    """Text that both databases sort by code points, not by the rules of a language."""
    return String(length).with_variant(String(length, collation="C"), "postgresql")
