"""What a Hub's servers are called on the pool, and by which addresses they are opened."""

import re
import uuid
from urllib.parse import quote, urlsplit

#: Of the 63 characters of an instance_id, prefix, chance and two hyphens take 27 at the most.
LONGEST_PREFIX, LONGEST_NAME, CHANCE = 16, 36, 9


def instance_id_of(prefix: str, user: str, server: str) -> str:
    """Return an instance_id for one start of a user's server: "hub-ada-1f0c92a7b". An id is used once."""
    words = "-".join(filter(None, (plain(user), plain(server))))[:LONGEST_NAME].strip("-")
    return "-".join(filter(None, (plain(prefix)[:LONGEST_PREFIX], words, uuid.uuid4().hex[:CHANCE])))


def plain(text: str) -> str:
    """Return the text in the letters that an instance_id may have; it is for people, and not unique."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def leading_to(address: str, place: str) -> str:
    """Return the launch link, or the plain address of a session without sign-in, that leads to a place in the session.

    Args:
        address: "https://…/dd-launch?ticket=…" or "https://…/".
        place: below the session's root, as an address has it; empty: the root.
    """
    if not place:
        return address
    return f"{address}&to={quote(place, safe='')}" if urlsplit(address).query else address + place
