"""What every tier may ask for. Nothing here is started before a test asks for it."""

from tests.rigs.engine import engine_url

__all__ = ["engine_url"]
