"""The operators' page: what it says of hosts, sessions, the queue and decisions."""

import re
from dataclasses import replace
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest

from blocks.gateway.pool_page import MOST_BYTES, MOST_ROWS, LastDay, PoolView, pool_page
from pool.changes import HistoryEntry
from pool.decisions import Decision, DecisionKind, LeftUndone, RecordedDecision
from pool.hosts.reach import unfit_hosts
from pool.reports.run_forms import RunForms
from pool.states import HostState, InstanceState
from tests.rigs.pool_data import NOW, a_host, an_instance, later

pytestmark = pytest.mark.unit

FORMS = RunForms(
    "https://ui", {flow: f"id-of-{flow}" for flow in ("drain-host", "return-host", "deprovision-instance")}
)


def full_of(text: str) -> str:
    """A page on which everything that a record says is this text."""
    placed = an_instance(text, host=text, blueprint=text, user=text)
    decided = RecordedDecision(Decision(DecisionKind.DRAIN, text, text), 1, "main", NOW)
    lives = {text: [HistoryEntry(NOW, text, text)]}
    sessions = [placed, replace(placed, state=InstanceState.QUEUED)]
    over = replace(placed, state=InstanceState.FAILED, reason=text, last_host=text)
    day = LastDay("<svg/>", text)
    view = PoolView(
        text, [a_host(text, reason=text)], sessions, [decided], None, [text], day, lives, lives, failed=[over]
    )
    return pool_page([view], NOW, FORMS)


def tags_of(page: str) -> list[str]:
    """All tags; names of things are in the values of some, where they end at the next quotation mark."""
    return [re.sub(r' (id|href)="[^"]*"', r" \1", tag) for tag in re.findall(r"<[^>]*>", page)]


def links_of(page: str) -> dict[str, str]:
    return {word: unescape(to) for to, word in re.findall(r'href="([^"]*)">([^<]*)<', page)}


def drawn(hosts=(), instances=(), decisions=()) -> str:
    return pool_page([PoolView("main", hosts, instances, decisions)], later(7500))


def test_a_host_is_a_bar_of_its_slots_with_state_and_age():
    page = drawn([a_host(reserved=2)])
    assert page.count('<i class="used">') == 2
    assert page.count("<i></i>") == 4
    assert '<td class="active">active</td>' in page
    assert '<td class="whole">2 h 5 min</td>' in page
    assert "Pool main: 1 host, 2 of 6 slots in use, 4 free" in page


def test_slots_of_standbys_are_drawn_apart_and_are_not_in_use():
    page = drawn([a_host(reserved=2, standby=1)])
    assert [page.count(slot) for slot in ('<i class="used">', '<i class="standby">', "<i></i>")] == [2, 1, 3]
    assert "2 of 6, and 1 standing by</span>" in page


def test_a_host_out_of_reach_is_named_and_its_slots_are_not_free():
    silent = a_host(unreachable_since=NOW, last_error="timed out")
    view = PoolView("main", [silent], [], [], troubles=unfit_hosts([silent], 300))
    page = pool_page([view], NOW)
    assert "0 of 6 slots in use, 0 free" in page
    assert "Host main-01 is out of reach since 2026-01-05 08:00:00 UTC; it counts as dead from" in page


def test_a_host_that_is_low_on_disk_is_named_beside_its_reason():
    page = drawn([a_host(disk_low_since=NOW, reason="configured and tested")])
    assert "configured and tested; <strong>low on disk since 2026-01-05 08:00" in page


def test_each_session_is_shown_with_its_user():
    page = drawn(instances=[an_instance(user="ada"), an_instance("q", user="grace", state=InstanceState.QUEUED)])
    assert (page.count("<td>ada</td>"), page.count("<td>grace</td>")) == (1, 1)


def test_a_host_that_is_gone_is_not_shown():
    assert "main-01" not in drawn([a_host(state=HostState.REMOVED)])


def test_queued_sessions_stand_in_the_queue_and_ended_ones_nowhere():
    queued = an_instance("bob-1", state=InstanceState.QUEUED)
    page = drawn(instances=[an_instance(), queued, an_instance("old-1", state=InstanceState.DELETED)])
    sessions, _, queue = page.partition("<h3>Queue</h3>")
    assert ("alice-1" in sessions, "bob-1" in sessions, "bob-1" in queue) == (True, False, True)
    assert "old-1" not in page


def test_a_decision_is_shown_with_its_reason():
    decision = Decision(DecisionKind.DRAIN, "main-01", "its lifetime is over")
    page = drawn(decisions=[RecordedDecision(decision, 1, "main", NOW)])
    assert '<td>drain</td><td>main-01</td><td class="words">its lifetime is over</td>' in page


def test_what_a_tick_left_undone_is_said_and_cut_where_it_is_long():
    left = LeftUndone(NOW, "remove main-01: the cloud is <away>; " * 99)
    page = pool_page([PoolView("main", [], [], [], left)], NOW)
    assert "<p>Housekeeping: the tick at 08:00:00 UTC left undone: remove main-01: the cloud is &lt;away&gt;;" in page
    assert page.count("remove main-01") < 20


def test_nothing_secret_is_on_it_and_nothing_is_markup():
    page = drawn([a_host(reason="<script>")], [an_instance(token="s3cret", route="very-secret-route")])
    assert "&lt;script&gt;" in page
    assert not [word for word in ("s3cret", "very-secret-route", "<script>") if word in page]


@pytest.mark.parametrize("text", ["<td><img src=x onerror=alert(1)>", "<td onclick='x'>", "</table>", '"'])
def test_no_text_of_a_record_is_markup_not_even_one_that_begins_like_a_cell(text):
    assert tags_of(full_of(text)) == tags_of(full_of("x"))


def test_a_long_table_ends_with_how_many_are_left_out():
    page = drawn(instances=[an_instance(f"s-{n}") for n in range(MOST_ROWS + 5)])
    assert "And 5 more." in page


def test_sessions_that_were_not_even_read_are_counted_as_left_out():
    sessions = [an_instance(), an_instance("q", state=InstanceState.QUEUED)]
    view = PoolView("main", [], sessions, [], more_placed=2, more_waiting=3)
    assert re.findall(r"And (\d) more", pool_page([view], NOW)) == ["2", "3"]


def test_of_pools_that_are_too_large_for_one_page_fewer_rows_are_shown_and_the_others_counted():
    hosts = [a_host(f"main-{n:03}", slots=24, reserved=20) for n in range(MOST_ROWS)]
    sessions = [an_instance(f"s-{n}") for n in range(MOST_ROWS)]
    page = pool_page([PoolView(name, hosts, sessions, []) for name in ("main", "gpu", "lab", "new")], NOW, FORMS)
    assert len(page.encode()) <= MOST_BYTES
    assert page.count("And 150 more.") == 8


def test_no_pool_is_said():
    assert "There is no pool yet." in pool_page([], NOW)


def test_the_last_day_is_a_picture_and_a_sentence():
    view = PoolView("main", [], [], [], day=LastDay("<svg><title>Pool main</title></svg>", "At most 3 slots & more"))
    page = pool_page([view], NOW)
    assert "<svg><title>Pool main</title></svg>" in page
    assert "<p>At most 3 slots &amp; more</p>" in page


def test_why_leads_to_what_happened_on_the_same_page_without_a_script():
    lives = {"main-01": [HistoryEntry(NOW, "tick 7 decided: drain", "its lifetime is over")]}
    page = pool_page([PoolView("main", [a_host()], [], [], of_hosts=lives)], NOW)
    assert links_of(page) == {"why": "?host=main-01", "Close": "?"}
    assert page.count('id="why-host-main-01"') == 1
    assert ">tick 7 decided: drain</td><td>its lifetime is over</td>" in page
    assert "<script" not in page


@pytest.mark.parametrize(
    ("host", "sessions", "word", "flow", "parameters"),
    [
        (a_host(), [], "drain", "drain-host", '{"host": "main-01"}'),
        (a_host(state=HostState.DRAINING), [], "return", "return-host", '{"host": "main-01"}'),
        (a_host(state=HostState.FAILED), [an_instance()], "end", "deprovision-instance", '{"instance_id": "alice-1"}'),
    ],
)
def test_what_can_be_done_leads_to_a_form_of_prefects_that_is_filled_in(host, sessions, word, flow, parameters):
    links = links_of(pool_page([PoolView("main", [host], sessions, [])], NOW, FORMS))
    assert [one for one in links if one not in FORMS.elsewhere() | FORMS.of_pool("main")] == [word]
    address = urlsplit(links[word])
    assert (
        f"{address.scheme}://{address.netloc}{address.path}" == f"https://ui/v2/deployments/deployment/id-of-{flow}/run"
    )
    assert parse_qs(address.query) == {"parameters": [parameters]}


def test_where_the_forms_are_not_known_there_is_nothing_to_do():
    assert "href" not in drawn([a_host()], [an_instance()])


def test_runs_without_ticks_and_artifacts_are_a_click_away():
    links = links_of(pool_page([], NOW, FORMS))
    assert links["runs of sessions"] == "https://ui/v2/runs?tags=sessions"
    assert links["artifacts"] == "https://ui/v2/artifacts"


def test_what_ticks_leave_of_each_pool_is_a_click_away():
    links = links_of(pool_page([PoolView("gpu", [], [], [])], NOW, FORMS))
    assert links["sessions"] == "https://ui/v2/artifacts/key/sessions-gpu"
    assert links["the last week"] == "https://ui/v2/artifacts/key/last-week-gpu"


def test_of_a_failed_session_why_and_the_answer_to_its_platform_are_one_click_away():
    failed = an_instance(user="ada", state=InstanceState.FAILED, reason="host main-01 is gone", last_host="main-01")
    lives = {"alice-1": [HistoryEntry(NOW, "failed", "host main-01 is gone")]}
    page = pool_page([PoolView("main", [], [], [], of_sessions=lives, failed=[failed])], NOW, FORMS)
    assert '<td class="whole">2026-01-05 08:00</td><td class="words">host main-01 is gone</td>' in page
    links = links_of(page)
    assert links["why"] == "?session=alice-1"
    assert links["answer"] == "https://ui/v2/artifacts/key/instance-alice-1"


def test_of_a_row_whose_history_is_not_on_the_page_the_flow_says_why():
    forms = RunForms("https://ui", {"why": "7"})
    links = links_of(pool_page([PoolView("main", [a_host()], [], [])], NOW, forms))
    assert parse_qs(urlsplit(links["why"]).query) == {"parameters": ['{"name": "main-01"}']}
