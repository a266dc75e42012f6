"""Run the servers of a JupyterHub's users as sessions of DockerDriver: the spawner, and its pages in the Hub."""

from .handlers import handlers
from .spawner import DockerDriverSpawner

__all__ = ["DockerDriverSpawner", "handlers"]
