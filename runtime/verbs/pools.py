"""`dockerdriver pool …`: see the pools, make one, remove one."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from blocks.settings import ProcessSettings
from blocks.stored.api_password import prefect_api
from pool.errors import BadRequest, Refused
from pool.faults import Faults
from pool.notation import read_assignments
from pool.printable import how_many
from pool.records import Host, Instance
from pool.states import LIVING_HOSTS, LIVING_INSTANCES, InstanceState
from runtime.databases.records import records
from runtime.verbs import configs
from runtime.verbs.output import show
from runtime.verbs.saving import save_new

if TYPE_CHECKING:
    from blocks.prefect.api import PrefectApi

MAIN = "main"
SHUTDOWN = "DD_SHUTDOWN_MODE"
COLUMNS = {
    "pool": "Pool",
    "state": "State",
    "hosts": "Hosts",
    "max_hosts": "At most",
    "slots": "Slots",
    "used": "Used",
    "free": "Free",
    "sessions": "Sessions",
    "waiting": "Waiting",
    "cloud": "Cloud",
}


def list_(settings: ProcessSettings, as_json: bool) -> int:
    """List the pools: their hosts, their room, their sessions, and those that are left without a block.

    Example: dockerdriver pool list
    """
    api = prefect_api(settings)
    kept = {name: configs.kept(api, name) for name in api.block_names("pool-config")}
    hosts, sessions = living(settings)
    names = sorted(kept.keys() | {one.pool for one in hosts} | {one.pool for one in sessions})
    show([_row(name, kept.get(name, {}), hosts, sessions) for name in names], COLUMNS, "there is no pool", as_json)
    return 0


def add(settings: ProcessSettings, name: str, assignments: list[str], like: str, as_json: bool) -> int:
    """Make a pool with the settings of another one and those given; its first hosts come with the next tick.

    Example: dockerdriver pool add gpu DD_HOST_FLAVOR_NAME_LARGE=gpu.xlarge DD_HOST_GPUS=2 DD_MAX_HOSTS=2

    Raises:
        BadRequest: there is one of this name, or a setting cannot be; nothing is saved.
        NotFound: there is no such pool to take settings from, or no such setting.
        DockerDriverError: the stack does not run.
    """
    from blocks.stored.documents.reading import changed  # noqa: PLC0415 - Prefect takes a second to import
    from blocks.stored.pool_config import PoolConfig  # noqa: PLC0415 - as above

    api = prefect_api(settings)
    if name in api.block_names("pool-config"):
        raise BadRequest(f"there is a pool {name!r} already: `dockerdriver config set --pool {name} …` changes it")
    model = configs.kept(api, like) | {SHUTDOWN: False}
    faults = Faults()
    asked = read_assignments(assignments, configs.EXAMPLE, model, configs.HAS_NONE, faults)
    with faults.gathered():
        values = changed(PoolConfig, model, asked)
    faults.refuse()
    save_new(api, PoolConfig, name, {field: values[field] for field in PoolConfig.model_fields})
    rows = [{"setting": field, "like": model[field], "here": values[field]} for field in model]
    different = [row for row in rows if row["like"] != row["here"]]
    columns = {"setting": "Setting", "like": f"Pool {like}", "here": f"Pool {name}"}
    show(different, columns, f"pool {name} is made, with all settings of pool {like}", as_json)
    return 0


def remove(settings: ProcessSettings, name: str, yes: bool, as_json: bool) -> int:
    """Shut a pool down; and, once none of its hosts and sessions is left, delete it: run it again until it says so.

    Example: dockerdriver pool remove gpu --yes

    Raises:
        NotFound: there is no such pool.
        Refused: it is pool main, or it has sessions and *yes* is not said; nothing is changed.
        DockerDriverError: the stack does not run.
    """
    api = prefect_api(settings)
    found = configs.document(api, name)
    if name == MAIN:
        raise Refused(f"pool {MAIN} is not removed: `make up` makes it anew; {SHUTDOWN} empties it")
    sessions = [one for one in living(settings)[1] if one.pool == name]
    if sessions and not yes:
        raise Refused(
            f"nothing is changed: pool {name} has {how_many(len(sessions), 'session')}; those that run live out their"
            " time, those that wait are given up: --yes shuts it down"
        )
    api.call("PATCH", f"/block_documents/{found['id']}", data={SHUTDOWN: True}, merge_existing_data=True)
    row = _row(name, {SHUTDOWN: True}, *living(settings))
    if not row["hosts"] and not row["sessions"]:
        api.call("DELETE", f"/block_documents/{found['id']}")
        row["state"] = "removed"
    row["blueprints"] = ", ".join(_blueprints_of(api, name))
    columns = {key: COLUMNS[key] for key in ("pool", "state", "hosts", "sessions")}
    show([row], columns | {"blueprints": "Blueprints that name it"}, "", as_json)
    return 0


def living(settings: ProcessSettings) -> tuple[list[Host], list[Instance]]:
    """Return the hosts that are not removed and the sessions that are not over, of all pools."""
    with records(settings) as store:
        if store is None:
            return [], []
        return store.hosts.all(states=LIVING_HOSTS), store.instances.all(states=LIVING_INSTANCES)


def _row(
    name: str, config: dict[str, object], hosts: Iterable[Host], sessions: Iterable[Instance]
) -> dict[str, object]:
    its_hosts = [host for host in hosts if host.pool == name]
    its_sessions = [session for session in sessions if session.pool == name]
    return {
        "pool": name,
        "state": _state(config),
        "hosts": len(its_hosts),
        "max_hosts": config.get("DD_MAX_HOSTS"),
        "slots": sum(host.slots for host in its_hosts),
        "used": sum(host.reserved for host in its_hosts),
        "free": sum(host.room for host in its_hosts),
        "sessions": len(its_sessions),
        "waiting": sum(one.state is InstanceState.QUEUED for one in its_sessions),
        "cloud": config.get("cloud"),
    }


def _state(config: dict[str, object]) -> str:
    if not config:
        return "its block is deleted: it goes on as it was configured last"
    return "shuts down" if config[SHUTDOWN] else "serves"


def _blueprints_of(api: "PrefectApi", pool: str) -> list[str]:
    found: list[dict[str, Any]] = api.call("GET", "/block_types/slug/blueprint/block_documents")
    return sorted(one["name"] for one in found if one.get("data", {}).get("pool") == pool)
