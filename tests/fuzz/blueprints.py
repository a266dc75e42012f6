"""Blueprints with any values in their fields: ``make fuzz NAME=blueprints SECONDS=600``.

One that is taken says how a session is made, is the same when it is read again from what is stored of it, and its
container can be described; one that is not taken is refused by pydantic, which names the field, or with one sentence.
"""

from hypothesis import strategies as st

from blocks.stored.blueprint import Blueprint
from pool.sessions.containers import container_spec
from tests.fuzz.rounds import fuzz, made_of, words_of
from tests.rigs.pool_data import an_instance

TEXT = words_of(
    "{token}", "{user}", "{base_url}", "{port}", "{", "}", "lab", ":", "sha256:", "\n", "\0", "=", "session:", "1000"
)
NUMBER = st.integers(-5, 70_000) | st.integers() | st.sampled_from(["2G", "4h", "1h 30m", "x"]) | st.floats()
TEXTS = st.lists(TEXT, max_size=4)
ANY = st.none() | st.booleans() | NUMBER | TEXT | TEXTS | st.dictionaries(TEXT, TEXT, max_size=2)


def _value(name: str) -> st.SearchStrategy:
    """Values that the field may have, or nearly."""
    kind = str(Blueprint.model_fields[name].annotation)
    if "dict" in kind:
        return st.dictionaries(TEXT, TEXT, max_size=3)
    return TEXTS if "list" in kind else NUMBER if "int" in kind else st.booleans() if "bool" in kind else TEXT


FIELDS = {name: _value(name) | ANY for name in Blueprint.model_fields if not name.startswith("_")}
GOOD = {"image": "lab", "port": 8888}
CHANGES = st.lists(st.sampled_from(sorted(FIELDS)), max_size=3, unique=True).flatmap(
    lambda names: st.fixed_dictionaries({name: FIELDS[name] for name in names})
)


def check(changes: dict) -> None:
    """Make the blueprint and a container by it.

    Raises:
        BadRequest: it is refused, as it should be, in words.
    """
    blueprint = made_of(Blueprint, GOOD | changes)
    spec = blueprint.spec("any")
    kept = blueprint.model_dump(include=set(Blueprint.model_fields))
    assert Blueprint(**kept).spec("any") == spec, changes
    container = container_spec(an_instance(), spec, "sha256:0", "ns")
    assert container.memory_mb >= 64, changes


if __name__ == "__main__":
    fuzz(__doc__, CHANGES, check)
