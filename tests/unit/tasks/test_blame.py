"""What tasks make of the blame for a refusal: of lost images, of images that no engine takes, of a host's own test."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from prefect.states import Failed

from blocks.outside import standing_in
from blocks.stored.pool_config import PoolConfig
from flows.hosts.configure_host import equip, try_out
from pool.blame import BAD_BLUEPRINT, BAD_IMAGE, BAD_REQUEST, HOSTS_OWN, IMAGE_GONE, NAME_TAKEN
from pool.errors import ContainerGetsOut, EngineTrouble, HostUnreachable, NotFound
from pool.images.distribution import DistributionTally
from pool.records import Image
from tasks.base import worth_retrying
from tasks.hosts.setup import check_host
from tasks.images.catalogue import pull_references
from tasks.images.delivery import _push_all
from tasks.sessions.containers import start_container
from tests.rigs.fakes import FakeBlocks, ScriptedTasks, fake_outside
from tests.rigs.pool_data import NOW, a_blueprint, a_host, ask, claim_active, place
from tests.rigs.present import present
from tests.rigs.services.databases import new_store

pytestmark = pytest.mark.unit

LAB, USELESS = Image("main", "jupyter", "sha256:1", size=1), Image("main", "useless", "sha256:2", size=1)


@pytest.fixture
def store(tmp_path):
    store = new_store(tmp_path)
    yield store
    store.close()


def answering(*answers):
    """A function that gives these answers one after the other; errors are raised."""
    left = list(answers)

    def answer(*_args, **_more):
        if isinstance(left[0], Exception):
            raise left.pop(0)
        return left.pop(0)

    return answer


def with_engine(store, **steps):
    engine = SimpleNamespace(ping=lambda: None, **steps)
    engines = SimpleNamespace(of=lambda host: engine, no_disk_limit=lambda host: "no xfs")
    return standing_in(fake_outside(store=store, engines=engines))


def test_an_image_that_a_host_has_lost_is_no_longer_on_record_there(store):
    claim_active(store)
    store.images.put(LAB)
    store.images.mark("main-01", LAB.id, NOW)
    ask(store)
    session = present(place(store))
    lost = EngineTrouble("no such image", IMAGE_GONE)
    with with_engine(store, run=answering(lost)), pytest.raises(EngineTrouble):
        asyncio.run(start_container.fn(session, a_blueprint()))
    assert store.images.on_host("main-01") == set()


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (EngineTrouble("500"), True),
        (EngineTrouble("409", NAME_TAKEN), True),
        (EngineTrouble("400", BAD_REQUEST), False),
        (EngineTrouble("404", IMAGE_GONE), False),
        (HostUnreachable("away"), True),
        (NotFound("none"), False),
    ],
    ids=str,
)
def test_a_task_is_tried_again_where_that_may_help(error, again):
    no_task: Any = None  # what it met alone decides
    assert asyncio.run(worth_retrying(no_task, no_task, Failed(data=error, message=str(error)))) is again


def pushed(store, *answers):
    claim_active(store)
    push: Any = SimpleNamespace(is_there=lambda image: False, push=answering(*answers))
    with standing_in(fake_outside(store=store)):
        _push_all(push, a_host(), [USELESS, LAB], DistributionTally(1, 1), roomy=True)


def test_an_image_that_no_engine_takes_holds_up_none_of_the_others(store):
    sent = SimpleNamespace(sent=0, skipped=0)
    with pytest.raises(EngineTrouble, match="windows"):
        pushed(store, EngineTrouble("cannot load windows image", BAD_IMAGE), sent)
    assert store.images.on_host("main-01") == {LAB.id}


def test_a_host_that_fails_is_sent_nothing_more(store):
    with pytest.raises(EngineTrouble, match="read-only"):
        pushed(store, EngineTrouble("read-only file system"))
    assert store.images.on_host("main-01") == set()


def equipped(error):
    tasks = ScriptedTasks(send_images=error, check_host=None)
    with standing_in(fake_outside(prefect=tasks)):
        asyncio.run(equip(a_host(), [USELESS, LAB]))
    return tasks.names


def test_a_host_goes_into_service_without_an_image_that_no_engine_takes():
    assert equipped(EngineTrouble("made for arm64", BAD_IMAGE)) == ["send_images", "check_host"]


def test_a_host_does_not_go_into_service_with_trouble_of_its_own():
    with pytest.raises(EngineTrouble):
        equipped(EngineTrouble("read-only file system"))


def test_a_way_out_of_a_container_is_told_before_what_else_is_wrong_with_a_host():
    trouble = {"check_escapes": ContainerGetsOut("to the manager"), "check_host": EngineTrouble("read-only")}
    tasks = ScriptedTasks(pull_references=None, read_catalogue=[LAB], send_images=None, **trouble)
    with standing_in(fake_outside(prefect=tasks)), pytest.raises(ContainerGetsOut):
        asyncio.run(try_out(a_host()))
    assert tasks.names[-1] == "check_host"


def checked(store, *answers):
    claim_active(store)
    for image in (USELESS, LAB):
        store.images.mark("main-01", image.id, NOW)
    with with_engine(store, try_image=answering(*answers)):
        asyncio.run(check_host.fn(a_host(), [USELESS.id, LAB.id]))


@pytest.mark.parametrize("blame", [BAD_IMAGE, BAD_BLUEPRINT], ids=["exec format", "no true in it"])
def test_an_image_that_a_host_cannot_be_tested_with_says_nothing_of_the_host(store, blame):
    checked(store, EngineTrouble("no", blame), None)


def test_what_a_host_holds_no_session_to_is_said_when_it_is_tested(store, caplog):
    with caplog.at_level("INFO"):
        checked(store, None)
    assert "host main-01 does not hold sessions to disk_mb of their blueprints: no xfs" in caplog.text


def test_a_host_that_fails_its_test_is_not_tested_with_another_image(store):
    with pytest.raises(EngineTrouble):
        checked(store, EngineTrouble("cgroups", HOSTS_OWN))


def test_an_image_that_the_catalogue_has_under_its_short_name_is_not_pulled_again(store):
    store.images.put(Image("main", "rocker/rstudio:4.4", "sha256:3", size=1))
    config = PoolConfig(DD_IMAGES=["docker.io/rocker/rstudio:4.4"])
    with standing_in(fake_outside(store=store, stored=FakeBlocks({PoolConfig: {"main": config}}))):
        asyncio.run(pull_references.fn("main"))  # the port for images is not given: a pull would say so
