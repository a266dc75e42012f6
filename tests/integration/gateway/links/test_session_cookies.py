"""The cookie that a link sets: it opens one session, stays at the gateway, and is neither forged nor crowded out."""

import re
import string
import time

import httpx
import pytest

from pool.records import Notice
from tests.integration.gateway.links.launching import ALICE, BOB, KEYS, address, link
from tests.rigs.gateways.backend import http_backend
from tests.rigs.gateways.gateway import route_to

pytestmark = pytest.mark.integration

ALPHABET = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"  # of a signature


def test_the_cookie_is_for_one_session_and_out_of_reach_of_scripts(gateway, browser):
    answer = browser.post(link(gateway), follow_redirects=False)
    attributes = answer.headers["Set-Cookie"].partition("; ")[2]
    assert attributes == f"Path=/notebooks/{ALICE}/; Max-Age=86400; HttpOnly; SameSite=Lax"


def test_the_cookie_of_one_session_opens_no_other(gateway, browser):
    cookie = browser.post(link(gateway), follow_redirects=False).headers["Set-Cookie"].partition(";")[0]
    assert httpx.get(address(gateway), headers={"Cookie": cookie}, trust_env=False).status_code == 200
    assert httpx.get(address(gateway, BOB), headers={"Cookie": cookie}, trust_env=False).status_code == 401


def test_a_session_never_sees_the_cookie_and_keeps_its_own(gateway, browser):
    cookie = browser.post(link(gateway), follow_redirects=False).headers["Set-Cookie"].partition(";")[0]
    both = {"Cookie": f"theme=dark; {cookie}; _xsrf=2|x"}
    assert (
        httpx.get(address(gateway), headers=both, trust_env=False).json()["headers"]["Cookie"]
        == "theme=dark; _xsrf=2|x"
    )


def test_a_cookie_of_the_same_name_put_before_ours_locks_no_user_out(gateway, browser):
    cookie = browser.post(link(gateway), follow_redirects=False).headers["Set-Cookie"].partition(";")[0]
    planted = {"Cookie": f"dd-session=1.ab.x; {cookie}"}
    assert httpx.get(address(gateway), headers=planted, trust_env=False).status_code == 200


@pytest.mark.parametrize("name", ["dd-session", "__Secure-dd-session", "__Host-dd-session"])
def test_a_cookie_under_each_name_that_it_ever_had_opens_its_session_and_stays_at_the_gateway(gateway, browser, name):
    cookie = browser.post(link(gateway), follow_redirects=False).headers["Set-Cookie"].partition(";")[0]
    called = {"Cookie": f"{cookie.replace('dd-session', name)}; my-dd-session=x; dd-sessions=y"}
    answer = httpx.get(address(gateway), headers=called, trust_env=False)
    assert answer.json()["headers"]["Cookie"] == "my-dd-session=x; dd-sessions=y"


@pytest.mark.parametrize("planted", ["dd-session=1.a.x", "dd-session={like_ours}"])
def test_thousands_of_cookies_called_like_ours_cost_next_to_nothing_and_open_nothing(gateway, backend, planted):
    like_ours = f"9999999999.{KEYS.for_gateway()[0]['id']}.{'x' * 43}"
    one = planted.format(like_ours=like_ours)
    headers = [("Cookie", "; ".join([one] * (15_000 // (len(one) + 2))))] * 3
    with httpx.Client(trust_env=False) as visitor:
        before = gateway.cpu_seconds()
        answers = [visitor.get(address(gateway), headers=headers).status_code for _ in range(50)]
        used = gateway.cpu_seconds() - before
    assert set(answers) == {401}
    assert used / 50 < 0.005  # it was 0.018 s for each request, with half as many cookies


@pytest.mark.parametrize("blank", [" ", "\t", " = "])
def test_a_cookie_called_like_ours_that_is_full_of_spaces_costs_no_more_than_another(gateway, backend, blank):
    cookie = f"dd-session=a{blank * (70_000 // len(blank))}b"
    before = gateway.cpu_seconds()
    answers = [httpx.get(address(gateway), headers={"Cookie": cookie}, trust_env=False).status_code for _ in range(10)]
    assert set(answers) == {401}
    assert (gateway.cpu_seconds() - before) / 10 < 0.005


def test_a_cookie_with_spaces_around_its_value_opens_its_session(gateway, browser):
    name, _, value = (
        browser.post(link(gateway), follow_redirects=False).headers["Set-Cookie"].partition(";")[0].partition("=")
    )
    headers = {"Cookie": f"a=1;  {name} = {value} \t; b=2"}
    answer = httpx.get(address(gateway), headers=headers, trust_env=False)
    assert answer.json()["headers"]["Cookie"] == "a=1; b=2"


def test_who_was_signed_in_stays_signed_in_when_the_session_comes_back_at_another_place(gateway, browser, backend):
    browser.post(link(gateway))
    gateway.client.remove_route(ALICE)
    gateway.client.put_notices([Notice(ALICE, "moving", "Its work is being saved.", time.time())])
    assert browser.get(address(gateway)).status_code == 503
    with http_backend() as elsewhere:
        gateway.client.add_route(route_to(elsewhere.port, "alice", sign_in="link"))
        assert browser.get(address(gateway)).status_code == 200
        assert len(elsewhere.requests) == 1
        assert httpx.get(address(gateway), trust_env=False).status_code == 401


def other_spelling(last: str) -> str:
    """Return another last character of a signature that decodes to the same bytes: four of its six bits count."""
    return ALPHABET[ALPHABET.index(last) ^ 1]


def test_a_forged_cookie_opens_nothing(gateway, browser):
    cookie = browser.post(link(gateway), follow_redirects=False).headers["Set-Cookie"].partition(";")[0]
    for forged in (
        re.sub(r"=\d+", "=9999999999", cookie),
        cookie[:-1],
        cookie[:-1] + other_spelling(cookie[-1]),
        "dd-session=",
        "dd-session=1",
        cookie + "A",
        cookie + ".",
        re.sub(r"=\d+", "=99999999999999999999", cookie),
        re.sub(r"=\d+", "=inf", cookie),
        re.sub(r"\.[\w-]+$", "", cookie),
        re.sub(r"\.([\w-])", lambda found: f".{chr(ord(found[1]) ^ 1)}", cookie),
    ):
        assert httpx.get(address(gateway), headers={"Cookie": forged}, trust_env=False).status_code == 401
