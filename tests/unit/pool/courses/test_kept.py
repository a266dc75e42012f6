"""What the pool's database keeps of a course."""

import json

import pytest

from pool.courses.kept import as_kept, of_kept
from tests.rigs.pool_data import a_course

pytestmark = pytest.mark.unit


def test_a_course_is_kept_as_json_with_all_but_its_files():
    times = ["Mon,Wed 09:00-11:00", "Fri 23:00-01:00"]
    course = a_course(times=times, zone="Europe/Berlin", users=frozenset({"ada", "bob"}), reserve_before=600, needs=2)
    kept = json.loads(json.dumps(as_kept(course)))
    assert of_kept(kept) == course
    assert "files" not in kept
