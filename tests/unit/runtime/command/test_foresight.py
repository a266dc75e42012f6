"""What `what-if` and `advise` print, from the pool's database alone."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest

from blocks.settings import ProcessSettings
from blocks.stored.pool_config import PoolConfig
from pool.errors import BadRequest, NotFound
from pool.states import InstanceState
from runtime.command.cli import _parser
from tests.rigs.pool_data import a_blueprint, a_course
from tests.rigs.services.databases import new_store

pytestmark = [pytest.mark.unit, pytest.mark.thorough]

BEGIN = datetime.now(UTC) - timedelta(hours=6)


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    """An installation that does not run, and that had twenty sessions of an hour, at one moment."""
    data = tmp_path_factory.mktemp("data")
    settings = ProcessSettings(data=data, database="sqlite", prefect_port=9, _env_file=None)
    store = new_store(settings.data)
    store.configs.keep("main", PoolConfig().as_kept())
    in_days = f"{BEGIN + timedelta(days=3):%a} 12:00-12:01"
    store.configs.keep_courses("main", [a_course(times=[in_days])])
    for number in range(20):
        store.instances.request(f"s-{number}", a_blueprint(), "alice", {}, BEGIN)
        store.instances.move(f"s-{number}", InstanceState.FAILED, BEGIN + timedelta(minutes=15))
    store.close()
    return settings


@pytest.fixture
def told(settings, capsys):
    """Runs the command line and returns what it printed."""

    def told(*words: str) -> str:
        said = vars(_parser().parse_args(words))
        assert said.pop("command")(settings, **said) == 0
        return capsys.readouterr().out

    return told


def test_what_if_prints_the_figures_of_both_settings_side_by_side(told):
    shown = told("what-if", "DD_FREE_SLOT_TARGET=24")
    assert "With DD_FREE_SLOT_TARGET=24" in shown
    assert "20 visits from" in shown
    assert "no boot measured yet" in shown


def test_the_figures_are_to_be_had_as_json(told):
    a_class = f"12@{BEGIN + timedelta(hours=1):%a%H:%M}"
    both = json.loads(told("what-if", "--json", "--since", "8h", "--class", a_class, "DD_FREE_SLOT_TARGET=24"))
    assert both["today"]["sessions"] == 32
    assert both["then"]["wait_p95_s"] < both["today"]["wait_p95_s"]
    assert both["then"]["slots_in_vain"] > both["today"]["slots_in_vain"]


def test_what_is_reserved_for_the_pools_courses_is_said_and_a_course_that_never_was_is_tried_beside_it(told):
    at = f"{BEGIN + timedelta(hours=2):%a%H:%M}"
    shown = told("what-if", "--since", "8h", "--course", f"12@{at}", "--without-courses")
    assert "slots reserved for bio101" in shown
    assert f"12@{at}" in shown
    both = json.loads(told("what-if", "--json", "--since", "8h", "--course", f"12@{at}"))
    assert both["today"]["sessions"] == both["then"]["sessions"] == 32


def test_a_plot_is_an_svg_with_a_panel_for_each(told, tmp_path):
    told("what-if", "--plot", str(tmp_path / "week.svg"), "DD_MAX_HOSTS=8", "DD_TIMETABLE=Mon 08:00-09:00: 4")
    drawn = ElementTree.parse(tmp_path / "week.svg").getroot()  # noqa: S314 - it is our own
    texts = [text.text for text in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert "today's settings" in texts
    assert "DD_MAX_HOSTS=8; DD_TIMETABLE=Mon 08:00-09:00: 4" in texts


def test_advice_is_the_settings_to_turn_and_why(told):
    advice = json.loads(told("advise", "--wait-p95", "400s", "--json"))
    assert advice["keeps_the_wait"]
    assert advice["then"]["small_host_hours"] <= advice["today"]["small_host_hours"]
    assert advice["reasons"]


@pytest.mark.no_cover  # dozens of replays, each at four times its cost: the other tests here run the same lines
def test_a_wait_of_5s_is_kept_and_is_the_one_where_none_is_said(told):
    advice = json.loads(told("advise", "--wait-p95", "5s", "--json"))
    assert advice["keeps_the_wait"]
    assert advice["then"]["wait_p95_s"] <= 5 < advice["today"]["wait_p95_s"]
    assert advice["changes"]
    assert _parser().parse_args(["advise"]).wait_p95 == "5s"


def test_where_it_is_not_said_a_replay_begins_14_days_ago(tmp_path, capsys):
    settings, now = ProcessSettings(data=tmp_path, database="sqlite", prefect_port=9, _env_file=None), datetime.now(UTC)
    store = new_store(tmp_path)
    store.configs.keep("main", PoolConfig().as_kept())
    for day in (13, 15):
        store.instances.request(f"s-{day}", a_blueprint(), "alice", {}, now - timedelta(days=day))
    store.close()
    said = vars(_parser().parse_args(["what-if", "--json", "--until", "12d"]))
    assert said.pop("command")(settings, **said) == 0
    assert json.loads(capsys.readouterr().out)["today"]["sessions"] == 1


@pytest.mark.parametrize(
    ("words", "kind", "sentence"),
    [
        (("what-if", "FREE=10"), BadRequest, "a replay knows no setting 'FREE'; known: "),
        (("what-if", "DD_FREE_SLOT_TARGET"), BadRequest, "write NAME=value"),
        (("what-if", "DD_FREE_SLOT_TARGET=many"), BadRequest, "DD_FREE_SLOT_TARGET: must be a whole number"),
        (("what-if", "DD_TIMETABLE=monday"), BadRequest, "DD_TIMETABLE"),
        (("what-if", "--course", "bio101"), BadRequest, "'bio101' is no class"),
        (("what-if", "--since", "long"), BadRequest, "'long' is no moment"),
        (("what-if", "--since", "2d", "--until", "3d"), BadRequest, "the end, is not after"),
        (("what-if", "--since", "2d", "--until", "8h"), BadRequest, "nothing to replay"),
        (("what-if", "--since", "1m"), BadRequest, "nothing to replay"),
        (("what-if", "--plot", "/nowhere/x.svg"), BadRequest, "/nowhere/x.svg cannot be written"),
        (("advise", "--pool", "gpu"), NotFound, "no pool named 'gpu' was ever served"),
    ],
)
def test_what_makes_no_sense_is_told_in_one_sentence(told, words, kind, sentence):
    with pytest.raises(kind, match=sentence):
        told(*words)


def test_nothing_is_written_by_a_replay(told, settings):
    file = Path(settings.data / "pool.sqlite")
    before = file.read_bytes()
    told("what-if", "DD_MAX_HOSTS=1")
    assert file.read_bytes() == before


def test_plan_tells_each_time_of_the_week_ahead_while_the_stack_is_down(told):
    rows = json.loads(told("plan", "--week", "--json"))
    assert [row["reserved"] for row in rows] == [{}, {"bio101": 4}, {}]
    assert {row["free_slots"] for row in rows} == {4}
    assert "4 for bio101" in told("plan", "--week")


def test_plan_tells_one_moment_and_refuses_what_is_none(told):
    day = f"{BEGIN + timedelta(days=3):%a}"
    (row,) = json.loads(told("plan", "--at", f"{day} 11:59", "--json"))
    assert (row["reserved"], row["hosts"], row["short"]) == ({"bio101": 4}, "2 small", 0)
    with pytest.raises(BadRequest, match="is no moment to come"):
        told("plan", "--at", "soon")
    with pytest.raises(BadRequest, match="give one of them"):
        told("plan", "--at", "08:40", "--week")
    with pytest.raises(NotFound, match="no pool named 'gpu' was ever served here"):
        told("plan", "gpu", "--week")
