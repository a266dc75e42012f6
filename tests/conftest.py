"""What every tier may ask for. Nothing is started before a test asks for it, only prepared."""

from tests.rigs.engines.engine import engine_url

__all__ = ["engine_url"]

pytest_plugins = ("tests.rigs.beside",)
