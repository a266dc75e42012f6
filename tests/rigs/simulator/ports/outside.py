"""The door of a simulated installation: every port, each a subclass of the real one."""

import importlib
import pkgutil
from functools import cache
from pathlib import Path
from typing import Any

from prefect import Flow

import flows
from blocks.files.course_files import CourseFiles
from blocks.outside import Outside
from tests.rigs.fakes import FakeDownloads
from tests.rigs.simulator import engines as simulated
from tests.rigs.simulator.ports.hosts import SimulatedEngines, SimulatedHostSetup
from tests.rigs.simulator.ports.idle import NoCertificates, NoFiles, NoTurns, SimulatedClock, SimulatedRepository
from tests.rigs.simulator.ports.images import SimulatedImages, SimulatedLayers, SimulatedTransport
from tests.rigs.simulator.ports.orchestration import SimulatedPrefect, SimulatedPublisher
from tests.rigs.simulator.ports.stored import SETTINGS, SimulatedBlocks


@cache
def all_flows() -> dict[str, Flow]:
    """Every flow of the product, by its name."""
    found = (thing for module in _modules(flows) for thing in vars(module).values() if isinstance(thing, Flow))
    return {flow.name: flow for flow in found}


def _modules(package: Any) -> list:
    found = pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    return [importlib.import_module(module.name) for module in found]


def simulated_outside(world: Any) -> Outside:
    """The door of this world: nothing behind it is real but the store's file."""
    stored, layers = SimulatedBlocks(world), SimulatedLayers()
    engines = SimulatedEngines(world, stored)
    return Outside(
        settings=SETTINGS,
        clock=SimulatedClock(world),
        store=world.store,
        stored=stored,
        prefect=SimulatedPrefect(world),
        publisher=SimulatedPublisher(world),
        gateway=world.gateway,
        engines=engines,
        hosts=SimulatedHostSetup(world, stored),
        layers=layers,
        course_files=CourseFiles(Path("/nowhere")),
        images=SimulatedImages(layers, engines),
        transport=SimulatedTransport(world),
        turns=NoTurns(),
        files=NoFiles(),
        certificates=NoCertificates(),
        backups=SimulatedRepository(world),
        downloads=FakeDownloads(),
        session_answers=lambda address, port, *_: simulated.answers(world.check_open(), address, port),
    )
