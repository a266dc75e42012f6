"""Courses that are saved from files, and secrets that a platform saves as its guide prints it, on Prefect's server."""

import subprocess

import pytest
from prefect.blocks.system import Secret
from prefect.exceptions import PrefectHTTPStatusError
from prefect.settings import temporary_settings

from blocks.stored.blueprint import Blueprint
from blocks.stored.course import CourseBlock
from blocks.stored.documents.stored_blocks import StoredBlocks
from blocks.stored.pool_config import PoolConfig
from pool.errors import NotFound
from runtime.verbs import courses
from tests.rigs.printed_examples import blocks
from tests.rigs.services.prefect_server import ROOT
from tests.rigs.services.saved_blocks import register_block, save_block

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

EXAMPLE = ROOT / "docs/courses/bio101.yaml"
VALUE = "Correct-Horse-Battery"


@pytest.fixture(scope="module", autouse=True)
def registered(server):
    with temporary_settings(server.as_a_client):
        for kind in (Blueprint, CourseBlock, PoolConfig):
            register_block(kind)
        save_block(PoolConfig(DD_TIMEZONE="Europe/Berlin"), "main")
        save_block(Blueprint(image="lab", port=8888, slots=2), "jupyter-minimal")
        yield


def test_a_course_from_a_file_is_the_one_that_slots_are_reserved_by(server):
    assert courses.save(server.settings, [EXAMPLE], replace=False, as_json=False) == 0
    (course,) = StoredBlocks().courses().of("main")
    assert (course.name, course.slots, course.needs, course.users) == (
        "bio101",
        60,
        2,
        frozenset({"ada", "grace", "linus"}),
    )
    assert [entry.text for entry in course.times] == ["Mon,Wed 09:00-11:00", "Fri 13:00-14:30"]


def test_a_course_that_makes_no_sense_is_refused_by_the_server_whatever_saves_it():
    with pytest.raises(PrefectHTTPStatusError, match=r"course/odd is not saved: .*cannot be read; write it like"):
        save_block(CourseBlock.model_construct(blueprint="x", times=["Mon 9-11"], slots=1), "odd")


def test_a_secret_that_is_saved_as_the_guide_prints_is_read_once_and_dropped(server, tmp_path):
    (program,) = [one for one in blocks(ROOT / "docs/platform.md", "sh") if "once-7f3a" in one]
    (tmp_path / "token.txt").write_text(VALUE)
    user = server.settings.data / "api-password"
    ask = f'PREFECT={server.url}; ask() {{ curl -sS --noproxy "*" --fail -u "$(cat {user})" "$@"; }}\n'
    saved = subprocess.run(["bash", "-ec", ask + program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert VALUE not in saved.stdout
    stored = StoredBlocks()
    assert (stored.secret("once-7f3a"), list(stored.sealed())) == (VALUE, ["once-7f3a"])
    stored.drop_secret("once-7f3a")
    stored.drop_secret("once-7f3a")
    with pytest.raises(NotFound):
        stored.secret("once-7f3a")


def test_a_secret_that_stays_is_not_one_for_one_use():
    save_block(Secret(value=VALUE), "hub-token")
    assert (StoredBlocks().secret("hub-token"), StoredBlocks().sealed()) == (VALUE, {})
