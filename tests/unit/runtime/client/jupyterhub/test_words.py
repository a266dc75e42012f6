"""What the Hub's pages say, what they ask, and what servers are called on the pool."""

import json
import re

import pytest
from pydantic import TypeAdapter

from dockerdriver_client import ClientError, Failed, NotYet, Refused, Session, Unauthorized, Unavailable
from dockerdriver_client.jupyterhub.choosing import blueprint_of, chosen_in, form_of
from dockerdriver_client.jupyterhub.naming import instance_id_of, leading_to
from dockerdriver_client.jupyterhub.telling import progress_of, sentence_of

from ..conftest import answer

pytestmark = pytest.mark.unit

TWO = {"jupyter-minimal": "JupyterLab", "rstudio": "RStudio <4>"}


def session(state: str, **more) -> Session:
    return TypeAdapter(Session).validate_python(json.loads(answer(state, **more)["data"])[0])


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (None, "A session is asked for"),
        (session("queued", position=3, estimated_wait=200.0), "It waits for room, position 3, for about 4 min"),
        (session("queued", notice="a new host comes"), "It waits for room (a new host comes)"),
        (session("starting", host="main-01", phases={"room": 0.2}), "It has room on main-01; its container is made"),
        (session("starting", phases={"room": 0.2, "started": 1.0}), "Its program starts"),
    ],
)
def test_progress_says_where_the_session_is(found, words):
    assert progress_of(found)["message"] == words


def test_progress_never_goes_back():
    phases = ["picked_up", "room", "created", "started", "answering"]
    lives = [None, session("queued")]
    lives += [session("starting", phases=dict.fromkeys(phases[:number], 1.0)) for number in range(1, 6)]
    percents = [progress_of(each)["progress"] for each in [*lives, session("running")]]
    assert percents == sorted(percents)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (Refused("pool main is full"), "pool main is full"),
        (Failed("session ada-1 is failed (no host)", session("failed")), "session ada-1 is failed (no host)"),
        (
            NotYet("", 9, session("queued", position=2)),
            "in time. It waits for room, position 2",
        ),
        (NotYet("", 9, session("starting")), "did not start in time"),
        (Unauthorized("the password in /etc/secret"), "tell the operator"),
        (Unavailable("http://10.0.0.1:4200/api", 9), "DockerDriver does not answer"),
        (ClientError("an artifact of another form"), "DockerDriver does not answer"),
    ],
)
def test_a_user_hears_one_sentence_and_no_detail_of_the_installation(error, words):
    assert words in sentence_of(error)
    assert not re.search(r"/etc|10\.0", sentence_of(error))


def test_one_blueprint_needs_no_form_and_several_make_a_choice_with_the_last_one_chosen():
    assert form_of({"jupyter-minimal": ""}, "") == ""
    form = form_of(TWO, "rstudio")
    assert '<option value="rstudio" selected>RStudio &lt;4&gt;</option>' in form
    assert '<option value="jupyter-minimal">JupyterLab</option>' in form


def test_the_form_gives_the_blueprint_and_nothing_else():
    assert chosen_in({"blueprint": ["rstudio"], "_xsrf": ["x"]}) == {"blueprint": "rstudio"}
    assert chosen_in({}) == {}


def test_without_a_choice_the_first_blueprint_counts_and_one_that_is_not_offered_is_refused():
    assert blueprint_of({}, TWO) == "jupyter-minimal"
    assert blueprint_of({"blueprint": "rstudio"}, TWO) == "rstudio"
    with pytest.raises(ValueError, match="offers no blueprint 'gpu': it offers jupyter-minimal, rstudio"):
        blueprint_of({"blueprint": "gpu"}, TWO)


@pytest.mark.parametrize("odd", [["rstudio"], {"rstudio": 1}, 7, True])
def test_a_choice_that_is_no_name_is_refused_like_one_that_is_not_offered(odd):
    with pytest.raises(ValueError, match="offers no blueprint"):
        blueprint_of({"blueprint": odd}, TWO)


@pytest.mark.parametrize("user", ["ada", "Ada.L@example.org", "日本", "-", "x" * 255])
@pytest.mark.parametrize("server", ["", "GPU 2"])
@pytest.mark.parametrize("prefix", ["hub", "", "Hub of the Faculty of Science"])
def test_every_user_gets_an_id_that_the_pool_takes_and_no_id_comes_twice(user, server, prefix):
    one, other = (instance_id_of(prefix, user, server) for _ in range(2))
    assert re.fullmatch(r"[a-z0-9][a-z0-9-]{0,62}", one)
    assert one != other


def test_an_id_says_whose_it_is():
    assert re.fullmatch(r"hub-ada-gpu-[0-9a-f]{9}", instance_id_of("hub", "ada", "gpu"))


def test_a_link_leads_to_the_place_that_the_user_asked_the_hub_for():
    link, place = "http://s.test/dd-launch?ticket=1", "lab/tree/a%20b.ipynb?reset"
    assert leading_to(link, place) == f"{link}&to=lab%2Ftree%2Fa%2520b.ipynb%3Freset"
    assert leading_to("http://s.test/", place) == f"http://s.test/{place}"
    assert leading_to(link, "") == link
