"""shellinabox: a terminal by long polls, which knows no prefix."""

import pytest

pytestmark = [
    pytest.mark.applications,
    pytest.mark.timeout(300),
    pytest.mark.parametrize("application", ["shellinabox"], indirect=True, scope="module"),
]


def test_a_shell_answers_before_and_after_changes_of_the_gateway_and_asks_for_nothing_outside(visit):
    visit.page.get_by_text("$").first.wait_for()
    visit.page.keyboard.type("N=$((6*7)); echo before-$N\n")
    visit.page.get_by_text("before-42", exact=True).wait_for()
    visit.change_gateway()
    visit.page.keyboard.type("echo after-$N\n")
    visit.page.get_by_text("after-42", exact=True).wait_for()
    assert (visit.strayed, visit.refused) == ([], [])
