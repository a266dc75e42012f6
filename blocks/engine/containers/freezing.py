"""Freezing what runs in a container: it keeps its memory and its connections, and gets no processor time."""

from abc import abstractmethod
from contextlib import AbstractContextManager

import docker
from docker.errors import APIError, NotFound

FROZEN_ALREADY, NOT_FROZEN = "already paused", "is not paused"  # stand in what an engine says, with any status
NOT_STARTED = "paused container"  # likewise, of one that is to be started


class FreezableContainers:
    """What an engine does to have a container stand still, and go on."""

    @abstractmethod
    def client(self, step: str, timeout: float = 60) -> AbstractContextManager[docker.APIClient]:
        """Lend the SDK's client for one step."""

    def freeze(self, name: str) -> None:
        """Freeze a container that runs; one that is frozen is left so.

        Raises:
            EngineTrouble: it is not there, or does not run.
        """
        with self.client(f"freeze container {name}") as client:
            try:
                client.pause(name)
            except APIError as error:
                if FROZEN_ALREADY not in str(error.explanation):
                    raise

    def thaw(self, name: str) -> None:
        """Have a frozen container go on; one that is not frozen, or not there, is left as it is."""
        with self.client(f"thaw container {name}") as client:
            try:
                client.unpause(name)
            except NotFound:
                return
            except APIError as error:
                if NOT_FROZEN not in str(error.explanation):
                    raise


def start_or_thaw(client: docker.APIClient, name: str) -> None:
    """Have a container run, also one that is frozen; one that runs is left as it is."""
    try:
        client.start(name)
    except APIError as error:
        if NOT_STARTED not in str(error.explanation):
            raise
        client.unpause(name)
