"""What the open page of a session is told by the gateway, and what its user may wish there."""

import time
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from websockets.sync.client import connect

from pool.records import Notice
from tests.rigs.gateways.backend import websocket_backend
from tests.rigs.gateways.gateway import only_routes, route_to
from tests.rigs.waiting import until

pytestmark = pytest.mark.integration

ROUTE = route_to(0).id
HOUR = 3600


def in_seconds(seconds: float) -> int:
    return int(time.time() + seconds)


@pytest.fixture
def page(browser, publish):
    """What asks in the page: publishes the session as the test says, and gives what its page is told."""

    def told(**session) -> dict:
        answer = browser.get(publish(**session) + "/dd-notice")
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
        return answer.json()

    return told


def test_of_a_session_that_goes_on_for_long_nothing_is_said(page):
    assert page(ends_at=in_seconds(HOUR), ends_because="expired") == {"state": "running", "look_again": 60}
    assert page() == {"state": "running", "look_again": 60}


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(590, "in less than 10 minutes"), (290, "in less than 5 minutes"), (50, "in less than 1 minute"), (-9, "any mom")],
)
def test_a_session_that_ends_soon_says_so_and_why(page, seconds, words):
    said = page(ends_at=(at := in_seconds(seconds)), ends_because="expired")
    assert said["words"].startswith(f"This session ends {words}")
    assert said["words"].endswith("Its time is over then.")
    assert (said["ends_at"], said["look_again"]) == (at, 15)


def test_a_session_whose_machine_goes_says_so(page):
    said = page(ends_at=in_seconds(60), ends_because="drained")
    assert said["words"].endswith("The machine that it runs on is taken out of service then.")


def test_what_an_operator_says_is_shown_until_its_time_is_over(page):
    words = 'We stop at six: <b>save</b> "all" & go'
    said = page(message=words, message_level="warning", message_until=in_seconds(HOUR))
    assert (said["message"], said["look_again"]) == ({"words": words, "level": "warning"}, 15)
    assert "message" not in page(message=words, message_level="warning", message_until=in_seconds(-1))


def test_asking_is_no_use_of_the_session_and_never_reaches_it(gateway, browser, publish, backend):
    backend.requests.clear()
    notice = publish(ends_at=in_seconds(60)) + "/dd-notice"
    for _ in range(3):
        browser.get(notice)
        browser.post(notice + "/extend")
        browser.get(notice + "/banner.js")
    assert backend.requests == []
    assert ROUTE not in gateway.client.activity().routes


def test_a_page_that_only_asks_is_told_that_its_session_is_not_used(gateway, browser, publish):
    path = publish(idle_timeout=HOUR)
    browser.get(path + "/lab")
    assert "words" not in browser.get(path + "/dd-notice").json()
    said = browser.get(publish(idle_timeout=300) + "/dd-notice").json()
    assert said["words"] == (
        "This session ends in less than 5 minutes. It has not been used for a while, and goes on when it is used."
    )


def test_a_session_with_an_open_websocket_is_in_use_and_its_page_is_told_nothing(gateway, browser):
    with websocket_backend() as echo:
        only_routes(gateway.client, [route_to(echo.port, idle_timeout=300)])
        with connect(gateway.address(ROUTE, "ws"), proxy=None):
            assert browser.get(f"/notebooks/{ROUTE}/dd-notice").json() == {"state": "running", "look_again": 60}
        path = f"/notebooks/{ROUTE}/dd-notice"
        until(lambda: "words" in browser.get(path).json(), "the websocket is closed")


def test_the_button_is_there_once_an_extension_is_due(page):
    soon = {"ends_at": in_seconds(500), "ends_because": "expired", "extend_by": 1800}
    assert page(**soon, extend_from=in_seconds(-100))["extend_by"] == 1800
    assert "extend_by" not in page(**soon, extend_from=in_seconds(100))
    assert "extend_by" not in page(**soon)


def test_a_request_is_kept_for_the_manager_and_the_page_says_that_it_was_asked_for(gateway, browser, publish):
    path = publish(ends_at=in_seconds(500), ends_because="expired", extend_by=1800, extend_from=in_seconds(-100))
    answer = browser.post(path + "/dd-notice/extend", headers={"Origin": gateway.origin(ROUTE)})
    said = answer.json()
    assert (answer.status_code, said["asked"], "extend_by" in said) == (202, True, False)
    (requested,) = gateway.client.requested_extensions().values()
    assert abs(requested - datetime.now(UTC)) < timedelta(seconds=5)
    browser.post(path + "/dd-notice/extend")
    assert [*gateway.client.requested_extensions().values()] == [requested]


def test_a_request_that_the_manager_has_fulfilled_is_none_any_more(gateway, browser, publish):
    path = publish(ends_at=in_seconds(500), ends_because="expired", extend_by=1800, extend_from=in_seconds(-100))
    browser.post(path + "/dd-notice/extend")
    publish(ends_at=in_seconds(1800), ends_because="expired", extend_by=1800, extend_from=in_seconds(1200))
    assert browser.get(path + "/dd-notice").json() == {"state": "running", "look_again": 60}
    assert browser.post(path + "/dd-notice/extend").status_code == 409


def test_the_end_of_a_session_forgets_what_its_user_requested(gateway, browser, publish):
    path = publish(ends_at=in_seconds(500), ends_because="expired", extend_by=1800, extend_from=in_seconds(-100))
    browser.post(path + "/dd-notice/extend")
    gateway.client.remove_route(ROUTE)
    assert gateway.client.requested_extensions() == {}


def test_the_page_of_a_session_that_ended_reads_why(gateway, browser, publish):
    path = publish() + "/dd-notice"
    gateway.client.remove_route(ROUTE)
    gateway.client.put_notices([Notice(ROUTE, "ended", "Its time was over.", time.time())])
    answer = browser.get(path)
    assert answer.json() == {"state": "ended", "words": "Its time was over.", "look_again": 60}
    assert browser.post(path + "/extend").status_code == 409


def test_the_script_is_the_gateways_and_says_so_in_its_type(browser, publish):
    answer = browser.get(publish() + "/dd-notice/banner.js")
    assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "role" in answer.text


@pytest.mark.parametrize(("method", "what"), [("POST", ""), ("PUT", "/extend"), ("GET", "/extend"), ("DELETE", "")])
def test_any_other_method_is_refused(browser, publish, method, what):
    assert browser.request(method, publish() + "/dd-notice" + what).status_code == 405


def test_a_session_may_have_files_whose_names_begin_so(browser, publish, backend):
    assert browser.get(publish() + "/dd-notice.html").json()["path"].endswith("/dd-notice.html")


def test_a_restarted_gateway_knows_what_the_pages_are_told(gateway, browser, publish):
    path = publish(ends_at=in_seconds(50), ends_because="expired", message="Hello", message_until=in_seconds(HOUR))
    gateway.stop()
    gateway.start()
    said = httpx.get(gateway.origin(ROUTE) + path + "/dd-notice", trust_env=False).json()
    assert (said["words"][:30], said["message"]["words"]) == ("This session ends in less than", "Hello")
