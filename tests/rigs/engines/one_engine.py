"""One engine for every host: for worlds of one light host, or of an engine on paper."""

from blocks.engine.client import HostEngine
from blocks.engine.of_host import Engines
from pool.records import Host


class OneEngine(Engines):
    """Gives the same engine whatever host is asked for."""

    def __init__(self, engine: HostEngine) -> None:
        self.engine = engine

    def of(self, host: Host) -> HostEngine:
        return self.engine
