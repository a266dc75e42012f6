"""What the first blueprints say."""

import pytest

from blocks.stored.default_blueprints import default_blueprints
from pool.sessions.containers import container_spec
from tests.rigs.pool_data import an_instance

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("name", default_blueprints())
def test_the_process_list_shows_no_route_of_a_session_whose_environment_has_it(name):
    session = an_instance()
    spec = container_spec(session, default_blueprints()[name].spec(name), "sha256:a", "dd-test")
    assert session.route not in " ".join(spec.command)
    assert spec.environment["DD_BASE_URL"] == session.base_url
