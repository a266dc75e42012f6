"""Put the simulated world in the place of every port, in all modules of blocks, tasks and flows that name it."""

import importlib
import pkgutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import Any
from unittest.mock import patch

import prefect
import prefect.artifacts
import prefect.client.orchestration
import prefect.deployments
import prefect.runtime
from prefect import Flow, Task

import blocks
import flows
import pool.store.instances
import tasks
from blocks import database, events
from blocks.clouds.port import Cloud
from blocks.engine import of_host as engines
from blocks.engine import probe as host_probe
from blocks.gateway import session_probe as probe
from blocks.host_setup import playbook
from blocks.host_setup import sysprep as baking
from blocks.images import layer_store
from blocks.images import push as image_push
from blocks.stored import host_keys, lookup
from blocks.stored.blueprint import Blueprint
from blocks.stored.host_keys import HostKey, HostLogin
from blocks.stored.link_keys import LinkKeys
from blocks.stored.pool_config import PoolConfig
from pool.errors import NotFound
from pool.records import Image
from tests.rigs.simulator import engines as simulated
from tests.rigs.simulator import runs

_worlds: list[Any] = []


def world() -> Any:
    """The world that the running code lives in."""
    return _worlds[-1]


@contextmanager
def lived_in(this: Any) -> Iterator[None]:
    """Let this world be the one behind all ports."""
    _worlds.append(this)
    try:
        yield
    finally:
        _worlds.remove(this)


@cache
def all_flows() -> dict[str, Flow]:
    """Every flow of the product, by its name."""
    found = (thing for module in _modules(flows) for thing in vars(module).values() if isinstance(thing, Flow))
    return {flow.name: flow for flow in found}


@contextmanager
def simulated_ports() -> Iterator[None]:
    """Until the end of the block nothing of blocks, tasks or flows reaches anything real but the store's file."""
    _modules(blocks), _modules(tasks), _modules(flows)
    with ExitStack() as stack:
        stack.enter_context(patch.object(Task, "__call__", lambda task, *a, **k: runs.run_task(world(), task, a, k)))
        stack.enter_context(patch.object(pool.store.instances, "_unguessable", _unguessable))
        stack.enter_context(
            patch.object(tasks.sessions.instances, "POLL_SECONDS", 0.5)
        )  # ten times a second costs real ones
        for original, substitute in _substitutes():
            for module, name in places_of(original):
                stack.enter_context(patch.object(module, name, substitute))
        yield


def _modules(package) -> list:
    found = pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    return [importlib.import_module(module.name) for module in found if ".migrations" not in module.name]


def places_of(original: object) -> list[tuple[Any, str]]:
    """Every module of blocks, tasks and flows that names it, with the name."""
    ours = [m for name, m in list(sys.modules.items()) if name.split(".")[0] in ("blocks", "tasks", "flows")]
    keeps_real_time = original is time.monotonic
    asked = [m for m in ours if not (keeps_real_time and m.__name__.startswith("blocks"))]
    return [(module, name) for module in asked for name, value in vars(module).items() if value is original]


def _substitutes() -> list[tuple[object, object]]:
    from tasks import leases, retrying  # noqa: PLC0415 - after all of them were imported
    from tasks.gateway import routes  # noqa: PLC0415 - after all of them were imported
    from tasks.hosts import lifecycle as hosts  # noqa: PLC0415 - after all of them were imported
    from tasks.images import catalogue  # noqa: PLC0415 - after all of them were imported

    return [
        (prefect.get_run_logger, _Logger),
        (prefect.runtime.flow_run, _FlowRun()),
        (prefect.artifacts.acreate_table_artifact, _artifact),
        (prefect.artifacts.acreate_markdown_artifact, _artifact),
        (prefect.artifacts.acreate_progress_artifact, _artifact),
        (prefect.artifacts.aupdate_progress_artifact, _artifact),
        (prefect.client.orchestration.get_client, lambda *_, **__: world().prefect.client()),
        (prefect.deployments.arun_deployment, _arun_deployment),
        (time.monotonic, lambda: world().clock.monotonic()),  # noqa: PLW0108 - of the world that there is then
        (leases._uptime, lambda: world().clock.monotonic()),  # noqa: PLW0108
        (retrying.now, lambda: world().clock.now()),  # noqa: PLW0108
        (lookup.load, _load),
        (lookup.names, lambda kind: sorted(world().stored[kind])),
        (database.pool_store, lambda: world().check_open().store),
        (engines.engine_of, lambda host: simulated.SimulatedEngine(world().check_open(), host.name, host.address)),
        (engines.authority, _Authority),
        (routes.gateway, lambda: world().check_open().gateway),
        (hosts.open_shell, lambda host: simulated.SimulatedShell(world().check_open(), host)),
        (host_keys.new_host_key, lambda: world().new_host_key()),
        (playbook.run_playbook, lambda run, *_: simulated.run_playbook(world().check_open(), run)),
        (host_probe.probe, lambda engine, _: engine.look()),
        (baking.read_mark, lambda shell: shell.read_mark()),
        (baking.todays_playbook, lambda: "a playbook"),
        (probe.answers, lambda address, port, *_: simulated.answers(world().check_open(), address, port)),
        (catalogue.pull_references, _nothing_to_do),
        (catalogue.read_catalogue, _read_catalogue),
        (catalogue.why_distribute, _nothing_to_do),
        (image_push.HostPush, lambda engine, *_: simulated.SimulatedPush(world(), engine)),
        (layer_store.layer_store, _LayerStore),
        (events.emit, lambda change: world().hear(change)),
    ]


def _load(kind: type, name: str, noun: str) -> object:
    here = world().check_open()
    here.prefect.check_up()
    kind = Cloud if issubclass(kind, Cloud) else kind
    if name not in here.stored[kind]:
        raise NotFound(f"no {noun} is named {name!r}; known: {', '.join(here.stored[kind])}")
    return here.stored[kind][name]


def _unguessable() -> str:
    here = world()
    return here.secrets.remember(f"{here.random.getrandbits(160):032x}")


async def _artifact(table: object = None, *_rest: object, key: str = "", **more: object) -> str:
    here = world().check_open()
    here.prefect.check_up()
    here.secrets.check(f"artifact {key}", f"{table} {more}")
    here.prefect.artifacts[key] = table
    return key


async def _arun_deployment(name: str, parameters: dict, idempotency_key: str = "", tags: list | None = None, **_more):
    here = world().check_open()
    here.prefect.check_up()
    return here.prefect.start(name, parameters, idempotency_key, tags)


class _FlowRun:
    """What prefect.runtime says of the run that asks."""

    @property
    def id(self) -> str:
        return str(runs.current_run.get().id)

    @property
    def parameters(self) -> dict:
        return runs.current_run.get().parameters


class _Logger:
    """Every line is read by one who must not know a secret."""

    def info(self, text: str, *values: object) -> None:
        world().secrets.check("a log", text % (values[0] if len(values) == 1 else values), routes_too=True)

    warning = error = debug = info

    def exception(self, text: str, *values: object) -> None:
        """An error that is none of ours: the product goes on, the life is broken."""
        self.info(text, *values)
        error = sys.exception()
        if not isinstance(error, runs.Away):
            world().broken.add(f"{text % values}: {type(error).__name__}: {error}", error)


class _Authority:
    certificate = "CA"

    def issue_server(self, host: str, address: str, days: int) -> "_Authority":
        return self

    @property
    def private_key(self) -> str:
        return world().secrets.keys[0]


class _LayerStore:
    """Holds every layer at once."""

    def __getattr__(self, name: str) -> Callable:
        return {"size": lambda _: 1}[name]


async def _nothing_to_do(*_: object) -> str:
    """Catalogues are not simulated: every pool offers one image, from the beginning."""
    return ""


async def _read_catalogue(pool: str) -> list[Image]:
    here = world().check_open()
    if not here.store.images.offered(pool):
        here.store.images.put(Image(pool, "jupyter", "sha256:aa", 1000, layers=("sha256:bb",), layer_sizes=(1000,)))
    return here.store.images.offered(pool)


@cache
def _link_keys() -> LinkKeys:
    return LinkKeys.create()


def stored_blocks(
    config: PoolConfig, cloud: Cloud, blueprints: dict[str, Blueprint], login_key: str
) -> dict[type, dict[str, object]]:
    """What Prefect keeps, by kind and name."""
    return {
        PoolConfig: {"main": config},
        Cloud: {"main": cloud},
        Blueprint: blueprints,
        HostLogin: {"main": HostLogin(private_key=login_key, public_key="ssh-ed25519 0")},
        LinkKeys: {"main": _link_keys()},
    }


def a_host_key(number: int, secret: str) -> HostKey:
    return HostKey(private=secret, public=f"ssh-ed25519 {number}")
