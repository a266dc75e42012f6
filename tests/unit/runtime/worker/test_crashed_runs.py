"""How a worker settles what one that was killed has left."""

import asyncio
import logging
import subprocess
import sys
from types import SimpleNamespace
from uuid import UUID

import pytest
from prefect.states import Running

from runtime.worker import crashed_runs as orphans
from runtime.worker.run_notes import RunNotes

pytestmark = pytest.mark.unit

REFUSED, OTHER = UUID(int=1), UUID(int=2)
DIES = """
import os, sys, uuid
from pathlib import Path
from runtime.worker.run_notes import RunNotes
notes = RunNotes(Path(sys.argv[1]))
notes.begin(uuid.UUID(sys.argv[2]))
os.kill(os.getpid(), 9)
"""


class PaperServer:
    """Has all runs running, and refuses to move one of them for some time."""

    def __init__(self, refusals: int):
        self.refusals = refusals
        self.crashed: list[UUID] = []

    async def read_flow_run(self, _run_id: UUID) -> SimpleNamespace:
        return SimpleNamespace(state=Running())

    async def set_flow_run_state(self, run_id: UUID, state, force: bool) -> None:
        assert state.is_crashed()
        assert force
        if run_id == REFUSED and self.refusals:
            self.refusals -= 1
            raise ConnectionError("the server is busy")
        self.crashed.append(run_id)


def test_a_run_that_cannot_be_settled_yet_keeps_no_other_one_waiting(tmp_path, monkeypatch):
    for run in (REFUSED, OTHER):
        subprocess.run([sys.executable, "-c", DIES, str(tmp_path), str(run)], check=False)
    dropped, server, notes = [], PaperServer(refusals=2), RunNotes(tmp_path)
    monkeypatch.setattr(orphans, "pool_store", lambda: SimpleNamespace(drop_leases_of=dropped.append))
    monkeypatch.setattr(orphans, "RETRY_SECONDS", 0.01)
    asyncio.run(orphans.settle(notes, server, logging.getLogger("test")))
    assert server.crashed == [OTHER, REFUSED]
    assert set(dropped) == {f"flow run {REFUSED}", f"flow run {OTHER}"}
    assert notes.left_by_the_dead() == {}
