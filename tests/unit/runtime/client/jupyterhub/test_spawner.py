"""A server's life: what the Hub asks of the spawner, and what that asks of DockerDriver."""

import asyncio

import pytest
from jupyterhub import orm
from jupyterhub.objects import Server

from dockerdriver_client.jupyterhub.spawner import ServerError

from ..conftest import answer
from .conftest import QuickSpawner

pytestmark = pytest.mark.unit

START = "POST /deployments/provision-instance/create_flow_run"
END = "POST /deployments/deprovision-instance/create_flow_run"
REFUSED = {"type": "FAILED", "name": "Failed", "message": "pool main is full"}


def test_a_start_asks_for_a_session_of_the_user_and_says_where_the_door_is(spawner, api):
    spawner.session_environment = {"COURSE": "bio101"}
    assert asyncio.run(spawner.start()) == spawner.door_url
    (asked,) = [body["parameters"] for body in api.bodies(START)]
    said = {"blueprint": "jupyter-minimal", "user": "Ada.L", "options": {"environment": {"COURSE": "bio101"}}}
    assert asked == {"instance_id": "ada-1"} | said


def test_people_of_two_hubs_with_one_name_are_two_users_of_the_pool(spawner, api):
    spawner.user_prefix = "physics:"
    asyncio.run(spawner.start())
    assert [body["parameters"]["user"] for body in api.bodies(START)] == ["physics:Ada.L"]


def test_no_secret_of_the_hub_is_sent(spawner, api):
    spawner.api_token, spawner.environment = "hub-secret", {"KEY": "hub-secret"}
    asyncio.run(spawner.start())
    asyncio.run(spawner.stop())
    assert not [each for each in api.asked if b"hub-secret" in each.content + str(each.headers).encode()]


def test_the_id_is_in_the_hubs_database_before_the_session_is_asked_for(spawner, api, user):
    api.says(START, 422)
    with pytest.raises(ServerError):
        asyncio.run(spawner.start())
    user.db.rollback()
    assert spawner.orm_spawner.state == {"instance_id": "ada-1"}


def test_a_start_waits_in_the_queue(spawner, api):
    api.session(answer("queued", position=2), answer("queued", position=1), answer("running"))
    assert asyncio.run(spawner.start()) == spawner.door_url


def test_a_start_that_is_refused_tells_the_user_the_reason(spawner, api):
    api.session(404)
    api.ends("provision-instance", REFUSED)
    with pytest.raises(ServerError) as trouble:
        asyncio.run(spawner.start())
    assert trouble.value.jupyterhub_message == "pool main is full"


def test_a_start_that_dockerdriver_does_not_answer_tells_the_user_no_detail(spawner, api):
    api.says("GET /deployments/name/provision-instance/on-demand", 503)
    with pytest.raises(ServerError) as trouble:
        asyncio.run(spawner.start())
    assert trouble.value.jupyterhub_message.startswith("DockerDriver does not answer")
    assert "prefect" not in str(trouble.value)


def test_a_hub_that_is_not_set_up_says_so_and_asks_for_nothing(spawner, api):
    spawner.make_client = lambda: super(QuickSpawner, spawner).make_client()
    with pytest.raises(ServerError, match="not set up for DockerDriver"):
        asyncio.run(spawner.start())
    assert api.asked == []


def test_a_blueprint_that_the_hub_does_not_offer_is_not_asked_for(spawner, api):
    spawner.user_options = {"blueprint": "gpu"}
    with pytest.raises(ServerError, match="offers no blueprint 'gpu': it offers jupyter-minimal") as trouble:
        asyncio.run(spawner.start())
    assert (trouble.value.status_code, api.asked) == (400, [])


@pytest.mark.parametrize(
    ("state", "status"),
    [("queued", None), ("starting", None), ("running", None), ("stopping", 0), ("deleted", 0), ("failed", 1)],
)
def test_a_poll_says_whether_the_session_lives(spawner, api, state, status):
    spawner.load_state({"instance_id": "ada-1"})
    api.session(answer(state))
    assert asyncio.run(spawner.poll()) == status


def test_a_server_that_was_never_started_does_not_run_and_nothing_is_asked(spawner, api):
    spawner.load_state({})
    assert (asyncio.run(spawner.poll()), api.asked) == (0, [])


def test_while_dockerdriver_does_not_answer_no_server_is_taken_for_gone(spawner, api):
    spawner.load_state({"instance_id": "ada-1"})
    api.session(503)
    assert asyncio.run(spawner.poll()) is None


def test_a_session_that_a_dead_hub_asked_for_and_that_has_not_begun_is_not_given_up(spawner, api):
    spawner.load_state({"instance_id": "ada-1"})
    api.session(404)
    api.says("POST /flow_runs/filter", [{"state_type": "SCHEDULED"}])
    assert asyncio.run(spawner.poll()) is None
    api.says("POST /flow_runs/filter", [])
    assert asyncio.run(spawner.poll()) == 0


def test_a_hub_that_starts_again_finds_the_session_by_what_it_wrote_down(spawner, user, api):
    asyncio.run(spawner.start())
    again = user._new_spawner("", spawner_class=QuickSpawner, hub=spawner.hub, door_url=spawner.door_url)
    assert asyncio.run(again.poll()) is None
    assert len(api.bodies(START)) == 1


def test_a_stop_waits_until_the_session_is_over_and_its_work_backed_up(spawner, api):
    spawner.load_state({"instance_id": "ada-1"})
    api.session(answer("running"), answer("stopping"), answer("stopping"), answer("deleted"))
    asyncio.run(spawner.stop())
    assert (len(api.bodies(END)), api.calls().count("GET /artifacts/instance-ada-1/latest")) == (1, 4)


def test_a_stop_that_dockerdriver_does_not_answer_says_so(spawner, api):
    spawner.load_state({"instance_id": "ada-1"})
    api.session(503)
    with pytest.raises(ServerError, match="could not be ended"):
        asyncio.run(spawner.stop())


def test_a_stop_that_no_deployment_takes_is_not_taken_for_done(spawner, api):
    spawner.load_state({"instance_id": "ada-1"})
    api.says("GET /deployments/name/deprovision-instance/on-demand", 404)
    with pytest.raises(ServerError, match="could not be ended"):
        asyncio.run(spawner.stop())


def test_a_session_that_is_gone_while_its_end_is_waited_for_is_over(spawner, api):
    spawner.load_state({"instance_id": "ada-1"})
    api.session(answer("running"), answer("stopping"), 404)
    asyncio.run(spawner.stop())
    assert api.calls()[-1] == "GET /artifacts/instance-ada-1/latest"


def test_a_server_is_where_the_door_is_whatever_a_hub_that_died_had_written_down(spawner, user):
    written = orm.Server(proto="http", ip="", port=1, base_url="/user/Ada.L/", cookie_name="")
    spawner.server = Server(orm_server=written)
    assert asyncio.run(spawner.get_url()) == f"{spawner.door_url}/user/Ada.L/"


def test_a_server_that_is_stopped_before_it_was_asked_for_asks_for_nothing(spawner, api):
    asyncio.run(spawner.stop())
    assert api.asked == []


def test_a_server_whose_session_is_over_is_forgotten(spawner):
    spawner.load_state({"instance_id": "ada-1"})
    spawner.clear_state()
    assert spawner.get_state() == {}


def test_the_hub_takes_a_session_that_lives_for_a_server_in_use(spawner, user):
    spawner.load_state({"instance_id": "ada-1"})
    asyncio.run(spawner.poll())
    assert spawner.orm_spawner.last_activity is not None


def test_progress_is_told_while_the_start_lasts_and_nothing_twice(spawner, api):
    spawner.instance_id, spawner._starting = "ada-1", True
    api.session(404, answer("queued", position=2), answer("queued", position=2), answer("starting"), answer("running"))

    async def told() -> list[str]:
        events = []
        async for event in spawner.progress():
            events.append(event["message"])
            spawner._starting = "running" not in event["message"]
        return events

    assert [each.partition(",")[0].partition(";")[0] for each in asyncio.run(told())] == [
        "A session is asked for", "It waits for room", "It has room", "The session is running",
    ]  # fmt: skip


def test_a_running_session_is_opened_by_a_new_link_and_a_starting_one_by_its_page(spawner, api):
    spawner.load_state({"instance_id": "ada-1"})
    link = '[{"instance_id": "ada-1", "launch_url": "http://s.test/dd-launch?ticket=2"}]'
    api.says("POST /artifacts/filter", [{"key": "link-ada-1", "data": link}])
    assert asyncio.run(spawner.launch_url()).endswith("ticket=2")
    api.session(answer("starting"))
    assert asyncio.run(spawner.launch_url()).endswith("ticket=1")


def test_a_session_begins_where_the_hub_says_that_servers_begin(spawner, api):
    spawner.load_state({"instance_id": "ada-1"})
    api.session(answer("starting"))
    spawner.default_url = "/lab"
    assert asyncio.run(spawner.launch_url()).endswith("ticket=1&to=lab")
    assert asyncio.run(spawner.launch_url("tree")).endswith("ticket=1&to=tree")


def test_the_log_of_a_session_is_read_by_its_id(spawner, api):
    spawner.load_state({"instance_id": "ada-1"})
    api.says("POST /artifacts/filter", [{"key": "logs-ada-1", "data": '[{"line": "Jupyter is running"}]'}])
    assert asyncio.run(spawner.last_lines()) == ["Jupyter is running"]


def test_where_another_program_has_the_port_of_the_door_the_user_hears_that_the_hub_is_not_set_up(spawner):
    spawner.door_url = "http://127.0.0.1:port"
    with pytest.raises(ServerError, match="not set up"):
        asyncio.run(spawner.start())
