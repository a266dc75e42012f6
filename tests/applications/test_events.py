"""Gradio: what it tells comes by an event stream."""

import pytest

pytestmark = [
    pytest.mark.applications,
    pytest.mark.timeout(300),
    pytest.mark.parametrize("application", ["gradio"], indirect=True, scope="module"),
]


def test_events_come_as_they_are_told_and_through_changes_of_the_gateway(visit):
    visit.page.get_by_role("button", name="Tell").click()
    visit.page.get_by_text("event 1", exact=True).wait_for()
    visit.change_gateway()
    visit.page.get_by_text("event 9", exact=True).wait_for()
    assert visit.refused == []
