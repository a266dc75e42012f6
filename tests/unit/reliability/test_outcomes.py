"""What was seen is kept when a campaign is broken off, and summed up over all points."""

import json

import pytest

from tests.reliability.judging import Judgement
from tests.reliability.outcomes import MARKS, Outcome, Outcomes, slowest, summary, table, write_into
from tests.reliability.points import POINTS, Scene, Victim

pytestmark = pytest.mark.unit

GOOD = Outcome(POINTS[0], "session running", "6 served", 4.2)
BAD = Outcome(POINTS[1], "session failed", "5 served, 1 lost", 61.0, Judgement(accepted_lost=["posted request"]))


def test_outcomes_outlive_the_process_that_saw_them(tmp_path):
    Outcomes(tmp_path / "kept.json").add(BAD)
    Outcomes(tmp_path / "kept.json").add(GOOD)
    assert Outcomes(tmp_path / "kept.json").rows() == [GOOD, BAD]  # in the order of the points


def test_outcomes_from_before_there_were_scenes_are_those_of_plain_points(tmp_path):
    Outcomes(tmp_path / "kept.json").add(GOOD)
    rows = json.loads((tmp_path / "kept.json").read_text())
    del rows[0]["point"]["scene"], rows[0]["found"]["backups_lost"]
    (tmp_path / "kept.json").write_text(json.dumps(rows))
    assert Outcomes(tmp_path / "kept.json").rows() == [GOOD]


def test_an_outcome_of_a_scene_is_kept_as_such_and_says_so_in_the_table(tmp_path):
    point = next(point for point in POINTS if point.scene is Scene.KEPT)
    Outcomes(tmp_path / "kept.json").add(Outcome(point, "session deleted", "6 served", 9.0))
    rows = Outcomes(tmp_path / "kept.json").rows()
    assert [row.point for row in rows] == [point]
    assert f"| {point.pipeline} of a session that keeps its work |" in table(rows)


def test_a_new_campaign_forgets_the_outcomes_of_the_last_one(tmp_path):
    Outcomes(tmp_path / "kept.json").add(BAD)
    assert Outcomes(tmp_path / "kept.json", fresh=True).rows() == []


def test_a_point_that_is_struck_again_has_its_latest_outcome(tmp_path):
    outcomes = Outcomes(tmp_path / "kept.json")
    for outcome in (BAD, Outcome(BAD.point, "session running", "6 served", 3.0)):
        outcomes.add(outcome)
    assert [row.became for row in outcomes.rows()] == ["session running"]


def test_the_figures_count_what_was_wrong_over_all_points():
    assert summary([GOOD, BAD]) == {
        "points": 2, "accepted_lost": 1, "orphans": 0, "sessions_lost": 0, "slots_wrong": 0, "told_twice": 0,
        "backups_lost": 0, "restored_wrong": 0, "given_twice": 0, "standbys_missing": 0,
    }  # fmt: skip


def test_the_table_has_a_row_for_each_point_and_the_slowest_recovery_of_each_kind():
    assert "| 5 served, 1 lost | 61 | posted request |" in table([GOOD, BAD])
    assert slowest([GOOD, BAD]) == [f"| {Victim.WORKER} | 2 | 61 |"]


def test_a_table_takes_the_place_of_the_one_before(tmp_path):
    document = tmp_path / "reliability.md"
    document.write_text(f"before\n{MARKS[0]}\nold\n{MARKS[1]}\nafter\n")
    write_into(document, "new")
    assert document.read_text() == f"before\n{MARKS[0]}\nnew\n{MARKS[1]}\nafter\n"
