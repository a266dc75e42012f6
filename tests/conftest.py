"""What every tier may ask for. Nothing is started before a test asks for it, only prepared."""

import gc
from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings

from tests.rigs.engines.engine import engine_url

__all__ = ["engine_url"]

pytest_plugins = ("tests.rigs.beside", "tests.rigs.clean_end", "tests.rigs.lanes.outcomes", "tests.rigs.one_authority")

# How long an example takes says something of the machine, which is busy and is watched for coverage, not of the code.
UNTIMED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
# Whether a change may land is decided by the same examples each time; `pytest --hypothesis-profile=new` draws others.
settings.register_profile("new", UNTIMED)
settings.register_profile("ours", UNTIMED, derandomize=True)
# A look while one writes: `make test-fast`. Tests that say themselves how many they need have them.
settings.register_profile("few", UNTIMED, derandomize=True, max_examples=20)
settings.load_profile("ours")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for garbage in what tests make alone: to go through all that was imported takes half a second each time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Do not watch for coverage what hypothesis draws.

    Other tests run the same lines once; hundreds of examples run them again, at three times the cost.
    """
    for item in items:
        if item.get_closest_marker("hypothesis"):
            item.add_marker("no_cover")
