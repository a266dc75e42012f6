"""How OpenStack is waited for: errors that pass are asked past, refusals are not, and seconds count."""

from itertools import chain, repeat
from time import monotonic
from types import SimpleNamespace
from typing import Any

import pytest
from openstack.exceptions import HttpException

from blocks.clouds.openstack_project.servers import all_servers, delete_and_wait
from blocks.clouds.openstack_project.waiting import deadline, patiently
from pool import marks

pytestmark = pytest.mark.unit


def refusal(message: str, status: int) -> HttpException:
    error = HttpException(message)
    error.status_code = status
    return error


BUSY, FORBIDDEN = refusal("unavailable", 503), refusal("no", 403)


def answering(*answers):
    """Answers in turn, the last one for ever."""
    coming = chain(answers, repeat(answers[-1]))

    def ask(*_, **__):
        answer = next(coming)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return ask


def a_server(**metadata: str) -> SimpleNamespace:
    return SimpleNamespace(id="s", status="ACTIVE", task_state=None, created_at="", metadata=metadata, fault=None)


def test_a_503_is_asked_past():
    assert patiently(answering(BUSY, BUSY, "here"), deadline(5), pause=0) == "here"


def test_a_cloud_that_stays_busy_is_asked_until_the_deadline():
    began = monotonic()
    with pytest.raises(HttpException):
        patiently(answering(BUSY), deadline(0.05), pause=0.01)
    assert monotonic() - began < 20


def test_a_refusal_is_not_asked_again():
    with pytest.raises(HttpException):
        patiently(answering(FORBIDDEN, "here"), deadline(5), pause=0)


def test_a_server_is_deleted_past_a_503_of_the_list_and_of_the_delete():
    ours = a_server(**{marks.HOST: "main-01", marks.POOL: "main"})
    servers = SimpleNamespace(servers=answering([ours], BUSY, []), delete_server=answering(BUSY, None))
    cloud: Any = SimpleNamespace(compute=servers)
    assert delete_and_wait(cloud, "ours", "main-01") == {"main"}


def test_a_server_that_lacks_our_mark_does_not_break_the_list():
    ours, other = a_server(**{marks.HOST: "main-01"}), a_server()
    cloud: Any = SimpleNamespace(compute=SimpleNamespace(servers=answering([other, ours])))
    assert all_servers(cloud, "ours") == [ours]
