"""What a worker process notes of its runs, and what its successor finds."""

import subprocess
import sys
from uuid import UUID, uuid4

import pytest

from runtime.worker.runs import run_notes
from runtime.worker.runs.run_notes import RunNotes

pytestmark = pytest.mark.unit

RUN = UUID("11111111-2222-3333-4444-555555555555")
DIES = """
import os, sys, uuid
from pathlib import Path
from runtime.worker.runs.run_notes import RunNotes
notes = RunNotes(Path(sys.argv[1]))
notes.begin(uuid.UUID(sys.argv[2]))
os.kill(os.getpid(), 9)
"""


def test_the_runs_of_a_killed_process_are_found_by_its_successor(tmp_path):
    subprocess.run([sys.executable, "-c", DIES, str(tmp_path), str(RUN)], check=False)
    successor = RunNotes(tmp_path)
    ((folder, runs),) = successor.left_by_the_dead().items()
    assert runs == [RUN]
    successor.forget(folder)
    assert successor.left_by_the_dead() == {}


def test_of_two_successors_one_settles_what_a_killed_process_left(tmp_path):
    subprocess.run([sys.executable, "-c", DIES, str(tmp_path), str(RUN)], check=False)
    first, second = RunNotes(tmp_path), RunNotes(tmp_path)
    assert list(first.left_by_the_dead().values()) == [[RUN]]
    assert second.left_by_the_dead() == {}


def test_the_runs_of_a_process_that_lives_are_left_alone(tmp_path):
    alive = RunNotes(tmp_path)
    alive.begin(RUN)
    assert RunNotes(tmp_path).left_by_the_dead() == {}


def test_a_run_that_ended_is_not_noted_any_more(tmp_path):
    ended = RunNotes(tmp_path)
    ended.begin(RUN)
    ended.end(RUN)
    ended.end(uuid4())
    ended.close()
    assert RunNotes(tmp_path).left_by_the_dead() == {}


def test_a_process_that_is_about_to_begin_is_not_taken_for_a_dead_one(tmp_path, monkeypatch):
    other, lock, found = RunNotes(tmp_path), run_notes._locked, []

    def locked(folder):
        monkeypatch.undo()
        found.append(other.left_by_the_dead())
        return lock(folder)

    monkeypatch.setattr(run_notes, "_locked", locked)
    RunNotes(tmp_path).begin(RUN)
    assert found == [{}]
