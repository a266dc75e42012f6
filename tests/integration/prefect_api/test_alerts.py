"""Alerts as `dockerdriver alerts` makes them: each is made to happen, and what Prefect's server sends is read."""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from uuid import uuid4

import pytest
from prefect.blocks.notifications import CustomWebhookNotificationBlock
from prefect.settings import temporary_settings

from blocks.prefect.port import PrefectPort
from blocks.stored.api_password import prefect_api
from pool.changes import Change, Noun
from pool.errors import NotFound
from pool.housekeeping.troubles import Trouble
from runtime.verbs import alerts
from runtime.verbs.alert_rules import ALERTS, Alert
from tests.rigs.answers import trouble_with
from tests.rigs.services.saved_blocks import save_block
from tests.rigs.waiting import until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

RUN = "prefect.flow-run"
SOON = 10  # seconds: the shortest for which Prefect waits in vain


class Inbox(ThreadingHTTPServer):
    """Where an operator reads alerts; subject and text of each."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Receiver)
        self.got: dict[str, str] = {}


class Receiver(BaseHTTPRequestHandler):
    """One alert."""

    server: Inbox

    def do_POST(self):
        said = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.got[said["subject"].removeprefix("DockerDriver: ")] = said["body"]
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def inbox(server) -> Iterator[Inbox]:
    """The alerts are on, and are sent there."""
    with temporary_settings(server.as_a_client), Inbox() as it:
        threading.Thread(target=it.serve_forever, daemon=True).start()
        said = {"subject": "{{subject}}", "body": "{{body}}"}
        hook = CustomWebhookNotificationBlock(name="ops", url=f"http://127.0.0.1:{it.server_port}/", json_data=said)
        save_block(hook, "ops")
        alerts.on(server.settings, "custom-webhook/ops", as_json=False)
        yield it
        alerts.off(server.settings, as_json=False)
        it.shutdown()


def listed(server, capsys) -> list[dict]:
    capsys.readouterr()
    alerts.list_(server.settings, as_json=True)
    told = capsys.readouterr().out
    assert trouble_with("alerts list", told) == []
    return json.loads(told)


def test_alerts_that_are_put_on_again_are_there_once_and_may_be_switched_off(server, inbox, capsys):
    alerts.on(server.settings, "custom-webhook/ops", as_json=False)
    assert [row["state"] for row in listed(server, capsys)] == ["on"] * len(ALERTS)
    assert len(server.call("POST", "/automations/filter")) == len(ALERTS)
    alerts.off(server.settings, as_json=False)
    assert {row["state"] for row in listed(server, capsys)} == {"off"}
    alerts.on(server.settings, "custom-webhook/ops", as_json=False)


def test_a_block_that_there_is_not_is_named_with_what_to_do(server, inbox):
    with pytest.raises(NotFound, match="no notification block is named 'slack-webhook/ops': save one in Prefect's UI"):
        alerts.on(server.settings, "slack-webhook/ops", as_json=False)


@pytest.mark.parametrize(("state", "says"), [("failed", "failed"), ("unreachable", "is out of reach")])
def test_a_host_that_fails_or_does_not_answer_is_told_with_the_reason(inbox, state, says):
    PrefectPort().emit(Change(1, datetime.now(UTC), Noun.HOST, "main-07", "main", state, "its disk is full"))
    until(lambda: inbox.got.get(f"host main-07 {says}") == "its disk is full", "the alert is sent", 60)


def test_each_kind_of_trouble_of_a_tick_is_told_with_its_sentence(inbox):
    PrefectPort().tell_troubles("gpu", {kind: f"because of {kind}" for kind in Trouble})
    wanted = {f"because of {kind}" for kind in Trouble}
    until(lambda: wanted <= set(inbox.got.values()), "an alert of each is sent", 60)
    assert sum(subject.startswith("pool gpu ") for subject in inbox.got) == len(Trouble)


def of_a_run(name: str, run: str) -> dict:
    flow = {
        "prefect.resource.id": "prefect.flow.1",
        "prefect.resource.role": "flow",
        "prefect.resource.name": "housekeep",
    }
    of = {"id": str(uuid4()), "occurred": datetime.now(UTC).isoformat(), "event": f"{RUN}.{name}"}
    return of | {"resource": {"prefect.resource.id": f"{RUN}.{run}"}, "related": [flow]}


def make(server, rules: list[Alert]) -> Iterator[dict]:
    sender = alerts._sender(prefect_api(server.settings), "custom-webhook/ops")
    for rule in rules:
        yield server.call("POST", "/automations/", **alerts._automation(rule, sender))


@pytest.fixture
def soon(server, inbox) -> Iterator[None]:
    """Alerts on what stays out come within seconds, and the server has heard of them.

    It answers before it knows of a new automation, and learns of one after the other: once the last one, which is
    looked at here alone, sends what it is for, events count for all.
    """
    waiting = [rule for rule in ALERTS if rule.trigger["posture"] == "Proactive"]
    quick = [replace(rule, trigger=rule.trigger | {"within": SOON}) for rule in waiting]
    last = replace(ALERTS[0], trigger=ALERTS[0].trigger | {"expect": [f"{RUN}.Late"]}, subject="all are known", body="")
    made = list(make(server, [*quick, last]))
    until(lambda: "all are known" in inbox.got, "the last is known", 60, lambda: happen(server, ("Late", "canary")))
    yield
    for one in made:
        server.rest.delete(f"/automations/{one['id']}")


def happen(server, *events: tuple[str, str]) -> None:
    """Runs come into states."""
    server.rest.post("/events", json=[of_a_run(*event) for event in events]).raise_for_status()
    time.sleep(0.5)


def test_ticks_that_stay_out_and_a_run_that_does_not_end_are_told(server, inbox, soon):
    happen(server, ("Completed", "tick"), ("Running", "stuck"))
    wanted = {"housekeeping has stopped", "a flow run is stuck"}
    until(lambda: wanted <= set(inbox.got), "both alerts are sent", 90)
    assert inbox.got["a flow run is stuck"].startswith("prefect.flow-run.stuck runs for 3 hours")
