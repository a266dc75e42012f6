"""What may stand in a line that people read: characters by Unicode's categories, for names in all scripts; numbers."""

import unicodedata

#: Letters, marks, numbers, punctuation, symbols, and spaces of any width.
_GROUPS = frozenset("LMNPS")
_SPACE = "Zs"
#: Joiners, which Persian and the scripts of India are written with, and marks of direction that end by themselves.
#: Other format characters turn the text around them, or hide some of it.
_JOINERS = frozenset("\u061c\u200c\u200d\u200e\u200f")


def is_printable(text: str) -> bool:
    """Whether all of the text can be seen, breaks no line, and turns nothing beside it around."""
    return all(map(_shows, text))


def escaped(text: str) -> str:
    """Return the text with what is not printable in it escaped: what it may do to a terminal or a line of a log."""
    return "".join(one if _shows(one) else ascii(one)[1:-1] for one in text)


def legible(text: str) -> str:
    """Return the text, of one line or more, with each line escaped: what others wrote must not steer a terminal."""
    return "\n".join(map(escaped, text.expandtabs().split("\n")))


def how_many(number: int, noun: str, plural: str = "") -> str:
    """Say a number of things: "1 host", "2 hosts".

    Args:
        number: of them.
        noun: of one, with what else is said of it: "host", "session waits".
        plural: of several; empty: with an s at the end.
    """
    return f"{number} {noun if number == 1 else plural or f'{noun}s'}"


def _shows(character: str) -> bool:
    category = unicodedata.category(character)
    return category[0] in _GROUPS or category == _SPACE or character in _JOINERS
