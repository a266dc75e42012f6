"""Whether sessions of a blueprint could start."""

from blocks.outside import outside
from pool.errors import Refused
from pool.records import BlueprintSpec
from pool.sessions.admission import check_admission
from pool.states import HostState
from tasks.images.versions import versions_of


def trouble_with_blueprint(name: str) -> str:
    """Say why a session of this blueprint could not start now; empty: it could, once there is room."""
    try:
        blueprint = outside().stored.blueprint(name)
        check_admission(outside().config(blueprint.pool).settings(blueprint.pool), blueprint, {})
        outside().store.images.get(blueprint.pool, blueprint.image)
        return _held_by_none(blueprint)
    except Refused as refusal:
        return str(refusal)


def _held_by_none(blueprint: BlueprintSpec) -> str:
    store = outside().store
    active = {host.name for host in store.hosts.all(blueprint.pool, [HostState.ACTIVE])}
    holders = {name for version in versions_of(blueprint) for name in store.images.hosts_with(version.id)}
    if active and not active & holders:
        return f"no active host of pool {blueprint.pool} has the image {blueprint.image} yet"
    return ""
