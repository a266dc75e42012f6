"""What the cloud holds before any test: databases, which are kept, and in them users, endpoints, flavors, a network."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import openstack
from openstack.block_storage.v3._proxy import Proxy

from tests.rigs.openstack.configuration import (
    DATABASES,
    GATEWAY,
    REGION,
    REGION_WITH_VOLUMES,
    SUBNET,
    database_url,
    url,
)
from tests.rigs.openstack.processes import Processes

ENDPOINTS = (
    ("compute", "nova"),
    ("image", "glance"),
    ("network", "neutron"),
    ("placement", "placement"),
    ("block-storage", "cinder"),
)
MANAGE = Path(__file__).parent / "plugins" / "manage.py"
IMAGES = ("Debian-12", "bare")  # the second is what the suite of all clouds asks for, as is the flavor "small"
SECURITY_GROUPS = ("pb_server", "monitoring")
#: name, cores, MB, GB. What the driver makes of the names is told in plugins/host_driver.py.
FLAVORS = (
    ("standard.medium", 2, 4096, 10),
    ("standard.xlarge", 4, 8192, 20),
    ("small", 1, 1024, 1),
    ("rig.tiny", 1, 512, 1),
    ("rig.too-large", 1, 512, 10**6),
    ("rig.over-quota", 41, 512, 1),
    ("rig.fails", 1, 512, 1),
    ("rig.never-ready", 1, 512, 1),
    ("rig.undying", 1, 512, 1),
)


def make_databases(processes: Processes, run: Path) -> None:
    """Create every database with its schema, and the administrator. All services at once: each keeps one core busy."""
    mariadb = ("mariadb", "--no-defaults", "-uroot", f"--socket={run}/socket/mysql.sock", "-e")
    create = "".join(f"CREATE DATABASE {name} CHARACTER SET utf8mb4;" for name in DATABASES)
    processes.finish("mariadb-create", (*mariadb, create))
    with ThreadPoolExecutor() as pool:
        jobs = [
            pool.submit(processes.finish, f"{name}-sync", ("python", MANAGE, module, json.dumps(commands)))
            for name, (module, commands) in _migrations(run).items()
        ]
        for job in jobs:
            job.result()


def _migrations(run: Path) -> dict[str, tuple[str, list[tuple[str, ...]]]]:
    """By service: the module of its commands, and those that make its tables."""
    etc = run / "etc"
    keystone = ("keystone-manage", f"--config-dir={etc}/keystone")
    keys = ("--keystone-user=root", "--keystone-group=root")
    nova = ("nova-manage", f"--config-dir={etc}/nova")
    reach = [f"--bootstrap-{kind}-url={url('keystone')}" for kind in ("admin", "internal", "public")]
    of_keystone = [
        (*keystone, "db_sync"),
        (*keystone, "fernet_setup", *keys),
        (*keystone, "credential_setup", *keys),
        (*keystone, "bootstrap", "--bootstrap-password=admin", f"--bootstrap-region-id={REGION}", *reach),
    ]
    of_nova = [
        (*nova, "api_db", "sync"),
        (*nova, "cell_v2", "map_cell0", f"--database_connection={database_url(run, 'nova_cell0')}"),
        (*nova, "cell_v2", "create_cell", "--name=cell1"),
        (*nova, "db", "sync"),
    ]
    neutron = ("neutron-db-manage", f"--config-file={etc}/neutron/neutron.conf", "upgrade", "head")
    return {
        "keystone": ("keystone.cmd.manage", of_keystone),
        "glance": ("glance.cmd.manage", [("glance-manage", f"--config-dir={etc}/glance", "db_sync")]),
        "placement": (
            "placement.cmd.manage",
            [("placement-manage", f"--config-dir={etc}/placement", "db", "sync")],
        ),
        "neutron": ("neutron.db.migration.cli", [neutron]),
        "nova": ("nova.cmd.manage", of_nova),
    }


def make_identity(admin: openstack.connection.Connection) -> None:
    """The services' own user, the pool's project and user, and the catalogue. Keystone alone must run."""
    identity: Any = admin.identity  # of version 3: its types allow for the one before
    roles = {role.name: role for role in identity.roles()}
    roles["service"] = roles.get("service") or identity.create_role(name="service")
    for user, project, granted in (("svc", "service", ("admin", "service")), ("pool", "pool", ("member", "reader"))):
        made_project = identity.create_project(name=project, domain_id="default")
        made = identity.create_user(name=user, password=user, domain_id="default")
        for role in granted:
            identity.assign_project_role_to_user(made_project, made, roles[role])
    identity.create_region(id=REGION_WITH_VOLUMES)
    for kind, name in ENDPOINTS:
        service = identity.create_service(type=kind, name=name)
        for region in (REGION_WITH_VOLUMES,) if name == "cinder" else (REGION, REGION_WITH_VOLUMES):
            for interface in ("public", "internal", "admin"):
                identity.create_endpoint(service_id=service.id, interface=interface, region_id=region, url=url(name))


def make_volume_type(volumes: Proxy) -> None:
    """The type that DD_HOST_DATA_VOLUME_TYPE names by default."""
    volumes.create_type(name="standard")


def make_resources(admin: openstack.connection.Connection, pool: openstack.connection.Connection) -> None:
    """What the operator's project offers: an image, flavors, a network, an external network and the master's group."""
    kind: dict[str, Any] = {"disk_format": "raw", "container_format": "bare", "visibility": "public"}
    for name in IMAGES:
        admin.image.create_image(name=name, data=b"the driver boots the host image", **kind)
    for name, cores, memory, disk in FLAVORS:
        admin.compute.create_flavor(name=name, vcpus=cores, ram=memory, disk=disk)
    flat = {"provider_network_type": "flat"}
    theirs = {"project_id": pool.current_project_id}
    net = admin.network.create_network(name="pool-net", provider_physical_network="inside", **flat, **theirs)
    fixed = {"ip_version": 4, "is_dhcp_enabled": False}
    admin.network.create_subnet(network_id=net.id, cidr=SUBNET, gateway_ip=GATEWAY, **fixed, **theirs)
    public = admin.network.create_network(
        name="public", is_router_external=True, provider_physical_network="outside", **flat
    )
    admin.network.create_subnet(network_id=public.id, cidr="10.178.0.0/24", **fixed)
    for name in SECURITY_GROUPS:
        pool.network.create_security_group(name=name)
