"""A distribution: what one host answers, however odd, is a row of the report and nothing to the other hosts."""

import asyncio
from inspect import unwrap

import pytest

from blocks.images.push import Bandwidth
from blocks.outside import standing_in
from flows.images.distribute_images import distribute_images
from pool.errors import DockerDriverError, HostUnreachable
from pool.images.distribution import DistributionTally
from tasks.images.delivery import Delivery, Distribution
from tests.rigs.fakes import ScriptedTasks, fake_outside
from tests.rigs.pool_data import a_host

pytestmark = pytest.mark.unit

HOSTS = [a_host(f"main-0{number}") for number in (1, 2, 3)]


def delivering(answers: dict[str, Exception]):
    def send(host, *_):
        if host.name in answers:
            raise answers[host.name]
        return Delivery(host.name, sent=7)

    return send


def distributed(answers: dict[str, Exception]) -> tuple[list[Delivery], str]:
    """Deliveries by host, and the sentence that the run failed with."""
    tasks = ScriptedTasks(read_catalogue=[], hosts_of=HOSTS, make_room=True, give_out_room=[], refused_archives=[])
    tasks.answer("plan_distribution", Distribution(Bandwidth(0), DistributionTally(3, 0), ["one place"]))
    tasks.answer("send_images", delivering(answers))
    with standing_in(fake_outside(prefect=tasks)), pytest.raises(DockerDriverError) as failed:
        asyncio.run(unwrap(distribute_images.fn)("main"))
    report = next(args for name, args, _ in tasks.calls if name == "report_deliveries")
    return report[1], str(failed.value)


def test_one_hosts_odd_answer_does_not_end_the_distribution_for_the_others():
    deliveries, sentence = distributed({"main-01": ValueError("invalid literal for int(): '-'")})
    assert [delivery.sent for delivery in deliveries] == [0, 7, 7]
    assert "1 of 3 hosts lacks images: host main-01: ValueError" in sentence


def test_each_hosts_trouble_is_its_own_row():
    deliveries, _ = distributed({"main-01": KeyError("Id"), "main-03": HostUnreachable("nothing answers")})
    assert [bool(delivery.error) for delivery in deliveries] == [True, False, True]


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"images": ["nope"]}, "no image is named 'nope'; known: none"),
        ({"hosts": ["nope"]}, "no host is named 'nope'; known: main-01, main-02, main-03"),
    ],
)
def test_an_image_or_a_host_that_there_is_not_ends_the_run_in_one_sentence_that_names_it(asked, sentence):
    tasks = ScriptedTasks(read_catalogue=[], hosts_of=HOSTS)
    with standing_in(fake_outside(prefect=tasks)):
        ended = asyncio.run(distribute_images.fn("main", **asked))
    assert (ended.is_failed(), ended.message) == (True, sentence)
