"""Courses with any values in their fields: ``make fuzz NAME=courses SECONDS=600``.

One that is taken can be planned for, and is the same when it is read again from what is stored of it; one that is not
taken is refused by pydantic, which names the field, or with one sentence.
"""

from datetime import timedelta

from hypothesis import strategies as st

from blocks.stored.course import CourseBlock
from tests.fuzz.rounds import fuzz, made_of, words_of
from tests.rigs.pool_data import NOW, a_blueprint

PARTS = "Mon Tue,Wed Mon-Fri 09:00-11:00 23:30-01:00 24:00 9:00 2026-01-05 / .. bio101 /course /etc"
TEXT = words_of(PARTS, " ", "\n", "\0", "\u200d")
NUMBER = st.integers(-5, 2000) | st.integers() | st.floats() | st.sampled_from(["15", "1h", "x"])
ANY = st.none() | st.booleans() | NUMBER | TEXT | st.lists(TEXT, max_size=3)
FIELDS = {
    "blueprint": TEXT,
    "times": st.lists(TEXT, max_size=3) | TEXT,
    "slots": NUMBER,
    "users": st.lists(TEXT, max_size=4) | TEXT,
    "reserve_before": NUMBER,
    "start_before": NUMBER,
    "files": TEXT,
    "files_at": TEXT,
}
GOOD = {"blueprint": "lab", "times": ["Mon 09:00-11:00"], "slots": 4}
CHANGES = st.lists(st.sampled_from(sorted(FIELDS)), max_size=3, unique=True).flatmap(
    lambda names: st.fixed_dictionaries({name: FIELDS[name] | ANY for name in names})
)


def check(changes: dict) -> None:
    """Make the course and look for its classes.

    Raises:
        BadRequest: it is refused, as it should be, in words.
    """
    block = made_of(CourseBlock, GOOD | changes)
    course = block.course("bio101", a_blueprint(), "Europe/Berlin")
    kept = block.model_dump(include=set(CourseBlock.model_fields))
    assert CourseBlock(**kept).course("bio101", a_blueprint(), "Europe/Berlin") == course, changes
    for begin, end in course.classes(NOW, NOW + timedelta(days=15)):
        assert begin < end, changes
    assert course.reserve_before >= course.start_before, changes


if __name__ == "__main__":
    fuzz(__doc__, CHANGES, check)
