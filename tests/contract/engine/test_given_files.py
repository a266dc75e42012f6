"""Files that a session is given before it starts, its secrets and those of its course, on a real engine."""

from dataclasses import replace

import pytest

from blocks.files.course_files import CourseFiles
from blocks.files.secret_files import secrets_tar
from pool.errors import NotFound
from pool.records import ContainerSpec
from tests.rigs.engines.light_engine import SERVE
from tests.rigs.pool_data import a_course

pytest_plugins = ("tests.rigs.engines.light_engine",)
pytestmark = pytest.mark.contract


@pytest.fixture
def spec(image):
    return ContainerSpec(name="dd-alice", image=image.id, port=8888, host_port=20001, memory_mb=64, command=SERVE)


def test_secrets_are_read_by_the_sessions_user_alone_and_the_engine_tells_no_value(engine, spec, host):
    own = replace(spec, user="1879050000:1000")
    tar = secrets_tar("/run/secrets", {"KEY": b"Correct-Horse-Battery"}, own.user)
    engine.run(own, lambda: engine.write_files(own.name, tar))
    assert engine.run_inside(own.name, ["grep", "-q", "Correct-Horse", "/run/secrets/KEY"], 10) == 0
    assert engine.run_inside(own.name, ["sh", "-c", "test $(stat -c %a /run/secrets/KEY) = 400"], 10) == 0
    with engine.client("inspect") as client:
        assert "Correct-Horse" not in str(client.inspect_container(own.name))
    assert "Correct-Horse" not in engine.logs(own.name)
    replaced = replace(spec, user="1879050001:1000", name="dd-bob", host_port=20002)
    engine.run(replaced, lambda: engine.write_files("dd-bob", tar))
    assert engine.run_inside("dd-bob", ["cat", "/run/secrets/KEY"], 10) != 0


def test_secrets_stay_when_the_container_is_started_again_and_go_with_it(engine, spec):
    own = replace(spec, user="1879050000:1000")
    engine.run(own, lambda: engine.write_files(own.name, secrets_tar("/run/secrets", {"KEY": b"x"}, own.user)))
    engine.stop(own.name, 1)
    engine.start(own.name)
    assert engine.run_inside(own.name, ["cat", "/run/secrets/KEY"], 10) == 0
    engine.remove(own.name)
    engine.run(own)
    assert engine.run_inside(own.name, ["cat", "/run/secrets/KEY"], 10) != 0


def test_files_of_a_course_are_read_and_not_written_by_a_session(engine, spec, tmp_path):
    (tmp_path / "bio101").mkdir()
    (tmp_path / "bio101" / "cells.csv").write_text("a,b")
    own = replace(spec, user="1879050000:1000")
    files = CourseFiles(tmp_path).tar(a_course(files="bio101"))
    engine.run(own, lambda: engine.write_files(own.name, files))
    assert engine.run_inside(own.name, ["grep", "-q", "a,b", "/course/cells.csv"], 10) == 0
    for attempt in ("echo x >> /course/cells.csv", "echo x > /course/new", "rm /course/cells.csv"):
        assert engine.run_inside(own.name, ["sh", "-c", attempt], 10) != 0


def test_a_container_whose_files_are_refused_never_starts(engine, spec, tmp_path):
    files = CourseFiles(tmp_path).tar(a_course(files="gone"))
    with pytest.raises(NotFound, match="course bio101: gone is not in"):
        engine.run(spec, lambda: engine.write_files(spec.name, files))
    assert not engine.find(spec.name).has_run
