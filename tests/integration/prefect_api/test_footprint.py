"""What the product leaves in the database of a real Prefect server, and what it takes out of it again."""

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.flow_engine import run_flow_async
from prefect.settings import PREFECT_API_URL, temporary_settings

from blocks.prefect.answers import Answer
from blocks.prefect.port import PrefectPort
from tests.rigs.services.prefect_server import PrefectServer
from tests.rigs.waiting import until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]


@flow(name="housekeep-here")
async def forget(seconds_from_now: int) -> int:
    return await PrefectPort().forget_runs(datetime.now(UTC) + timedelta(seconds=seconds_from_now))


@flow(name="show-here")
async def show(key: str, rows: list[dict]) -> None:
    PrefectPort().write_table(rows, key, "an answer")


def run_of(server: PrefectServer, deployment: str, **parameters) -> object:
    """Carry out one run of the deployment here; what it returned."""

    async def carry_out() -> object:
        async with get_client() as client:
            run = await client.create_flow_run_from_deployment(UUID(deployment), parameters=parameters)
        return await run_flow_async(forget, flow_run=run, parameters=parameters)

    with temporary_settings({PREFECT_API_URL: server.url}):
        return asyncio.run(carry_out())


def deployment_of(server: PrefectServer, name: str) -> str:
    flow_id = server.call("POST", "/flows/", name="housekeep-here")["id"]
    return server.call(
        "POST", "/deployments/", name=name, flow_id=flow_id, entrypoint="flows.housekeeping.housekeep.housekeep"
    )["id"]


def ended(server: PrefectServer, deployment: str, state: str) -> str:
    run = server.trigger(deployment)
    server.call("POST", f"/flow_runs/{run}/set_state", state={"type": state, "name": state.title()}, force=True)
    return run


def left_of(server: PrefectServer, *runs: str) -> list[str]:
    found = server.call("POST", "/flow_runs/filter", flow_runs={"id": {"any_": list(runs)}})
    return [run for run in runs if run in {one["id"] for one in found}]


def test_a_tick_deletes_completed_runs_of_its_own_deployment_and_no_other(prefect_server):
    ours, theirs = (deployment_of(prefect_server, name) for name in ("ours", "theirs"))
    done, failed = ended(prefect_server, ours, "COMPLETED"), ended(prefect_server, ours, "FAILED")
    other = ended(prefect_server, theirs, "COMPLETED")
    assert run_of(prefect_server, ours, seconds_from_now=60) == 1
    assert left_of(prefect_server, done, failed, other) == [failed, other]


def test_a_run_that_is_not_old_enough_is_kept(prefect_server):
    ours = deployment_of(prefect_server, "young")
    done = ended(prefect_server, ours, "COMPLETED")
    assert run_of(prefect_server, ours, seconds_from_now=-3600) == 0
    assert left_of(prefect_server, done) == [done]


def test_a_table_is_written_only_when_its_rows_changed(prefect_server):
    full, empty = [{"host": "main-01", "why": None, "slots": "2 of 6"}], list[dict]()
    with temporary_settings({PREFECT_API_URL: prefect_server.url}):
        for rows in (full, full, empty, empty, full):  # each as another process would
            asyncio.run(show("hosts-here", rows))
    wanted = {"key": {"any_": ["hosts-here"]}}
    assert prefect_server.call("POST", "/artifacts/count", artifacts=wanted) == 3


@flow(name="draw-here")
async def draw(key: str, svg: str) -> None:
    PrefectPort().write_picture(svg, key, "a picture")


def test_a_picture_is_written_only_when_it_changed(prefect_server):
    with temporary_settings({PREFECT_API_URL: prefect_server.url}):
        for svg in ("<svg/>", "<svg/>", "<svg> </svg>"):
            asyncio.run(draw("last-day-here", svg))
    wanted = {"key": {"any_": ["last-day-here"]}}
    assert prefect_server.call("POST", "/artifacts/count", artifacts=wanted) == 2


@flow(name="answer-here")
async def show_lasting(key: str) -> None:
    PrefectPort().write_answers([Answer(key, "an answer", {"state": "running"})])


def artifacts_of(server: PrefectServer, key: str) -> list[dict]:
    return server.call("POST", "/artifacts/filter", artifacts={"key": {"any_": [key]}})


def test_an_answer_to_a_platform_belongs_to_no_run_so_that_it_is_not_deleted_with_one(prefect_server):
    with temporary_settings({PREFECT_API_URL: prefect_server.url}):
        asyncio.run(show_lasting("instance-alice-1"))
        asyncio.run(show("hosts-of-a-tick", [{}]))
    assert [found["flow_run_id"] for found in artifacts_of(prefect_server, "instance-alice-1")] == [None]
    assert artifacts_of(prefect_server, "hosts-of-a-tick")[0]["flow_run_id"]


@flow(name="ask-here")
async def ask_and_tell(key: str) -> None:
    port = PrefectPort()
    port.show_on_own_page([key])
    for state in ("starting", "running"):
        port.write_answers([Answer(key, state, {"state": state}, is_followed=state == "starting")])


def test_the_page_of_a_run_shows_the_session_that_it_asked_for_by_an_answer_that_another_follows(prefect_server):
    with temporary_settings({PREFECT_API_URL: prefect_server.url}):
        asyncio.run(ask_and_tell("instance-alice-2"))
    told = {found["description"]: found["flow_run_id"] for found in artifacts_of(prefect_server, "instance-alice-2")}
    assert told["running"] is None
    shown = prefect_server.call("POST", "/artifacts/filter", artifacts={"flow_run_id": {"any_": [told["starting"]]}})
    assert [found["key"] for found in shown] == ["instance-alice-2"]


def test_old_answers_are_found_by_when_they_were_written_last_and_deleted_with_all_before_them(prefect_server):
    def written(key: str, *states: str) -> None:
        for state in states:
            PrefectPort().write_answers([Answer(key, "an answer", {"state": state})])

    async def forget(before: datetime) -> int:
        old = await PrefectPort().old_tables("answer-", before)
        return await PrefectPort().delete_tables(old) if old else 0

    with temporary_settings({PREFECT_API_URL: prefect_server.url}):
        written("answer-old-1", "queued", "running", "deleted")
        between = datetime.now(UTC)
        written("answer-young-1", "queued")
        assert asyncio.run(forget(between)) == 3
        assert asyncio.run(forget(between)) == 0
    assert artifacts_of(prefect_server, "answer-old-1") == []
    assert len(artifacts_of(prefect_server, "answer-young-1")) == 1


def test_answers_are_written_only_when_they_changed(prefect_server):
    def written(**states: str) -> None:
        PrefectPort().write_answers([Answer(f"told-{key}", "an answer", {"state": states[key]}) for key in states])

    with temporary_settings({PREFECT_API_URL: prefect_server.url}):
        written(ada="queued", ben="queued")
        written(ada="queued", ben="running")
    assert [len(artifacts_of(prefect_server, f"told-{key}")) for key in ("ada", "ben")] == [1, 2]


def test_answers_of_one_moment_are_all_written_and_each_is_the_newest_of_its_key(prefect_server):
    keys = [f"instance-together-{number}" for number in range(3)]
    with temporary_settings({PREFECT_API_URL: prefect_server.url}):
        for state in ("queued", "running", "running"):  # each as another process, the last after one that died
            PrefectPort().write_answers([Answer(key, state, {"state": state}) for key in reversed(keys)])
    newest = [prefect_server.call("GET", f"/artifacts/{key}/latest") for key in keys]
    assert [one["description"] for one in newest] == ["running"] * 3
    assert [json.loads(one["data"]) for one in newest] == [[{"state": "running"}]] * 3
    assert [len(artifacts_of(prefect_server, key)) for key in keys] == [2, 2, 2]


def test_of_answers_of_one_moment_none_is_written_where_one_is_no_answer(prefect_server):
    said = [{"key": key, "type": "markdown", "data": "x"} for key in ("instance-none-1", "hosts-of-none")]
    assert prefect_server.rest.post("/artifacts/answers", json=said).status_code == 409
    assert artifacts_of(prefect_server, "instance-none-1") == []


def test_publishers_of_two_processes_that_tell_of_the_same_sessions_wait_for_each_other_one_way(prefect_server):
    keys = [f"instance-both-{number}" for number in range(8)]
    said = [[{"key": key, "type": "markdown", "data": "x"} for key in order] for order in (keys, keys[::-1])]

    def tell(number: int) -> int:
        return prefect_server.rest.post("/artifacts/answers", json=said[number % 2]).status_code

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(tell, range(16))) == {204}


def test_queues_and_deployments_are_ready_as_soon_as_a_worker_polls_and_noted_again_only_after_a_while(prefect_server):
    pool = prefect_server.pool("polled")
    deployment = prefect_server.deployment("flows.housekeeping.housekeep.housekeep", pool)

    def polled() -> tuple[str, str, str]:
        prefect_server.call("POST", f"/work_pools/{pool}/get_scheduled_flow_runs")
        queue = prefect_server.call("GET", f"/work_pools/{pool}/queues/default")
        return queue["status"], prefect_server.call("GET", f"/deployments/{deployment}")["status"], queue["last_polled"]

    until(lambda: polled()[:2] == ("READY", "READY"), "both are ready", 10)
    assert len({polled()[2] for _ in range(8)}) <= 2, "the last one that was noted may have been on its way"
