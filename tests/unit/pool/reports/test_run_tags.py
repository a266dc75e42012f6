"""What a flow run is tagged by."""

import pytest

from pool.reports.run_tags import tags_of_run

pytestmark = pytest.mark.unit


def test_a_run_is_tagged_by_what_it_is_about():
    said = {"pool": "main", "instance_id": "s-7", "user": "ada", "host": "", "deadline": 3, "images": ["lab"]}
    assert tags_of_run(said) == ["pool:main", "instance:s-7", "user:ada"]


def test_a_user_has_one_tag_however_the_name_is_spelled():
    assert tags_of_run({"user": "Ce\u0301line"}) == tags_of_run({"user": "C\u00e9line"}) == ["user:C\u00e9line"]
