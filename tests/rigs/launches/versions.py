"""What was measured on, and with what."""

import os
import platform
from importlib.metadata import version

from tests.rigs.launches.engine_access import EngineAccess

OF_INTEREST = ("prefect", "sqlalchemy", "httpx", "docker")


def versions_here(engine: EngineAccess) -> dict[str, object]:
    """Return the machine and the versions, for a report."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 1024**2
    server = engine.docker("version", "--format", "{{.Server.Version}}").strip()
    said = {"engine": server, "python": platform.python_version(), "kernel": platform.release()}
    packages = {name: version(name) for name in OF_INTEREST}
    return {"cores": os.cpu_count(), "memory_mb": memory, "versions": said | packages, "image": engine.image}
