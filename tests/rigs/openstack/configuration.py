"""The services' configuration files, and the client's ``clouds.yaml``."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import yaml

HOST = "127.0.0.1"
# Below the range that the kernel hands out to clients (32768 and up), so that no client can take them by chance
PORTS = {"keystone": 21700, "glance": 21701, "placement": 21702, "neutron": 21703, "nova": 21704, "cinder": 21705}
RABBIT, RABBIT_PEERS, EPMD = 21710, 21711, 21712
DATABASES = ("keystone", "glance", "placement", "neutron", "nova_api", "nova_cell0", "nova_cell1", "cinder")
REGION, REGION_WITH_VOLUMES = "RegionOne", "RegionWithVolumes"  # the same services; the first lacks Cinder
BRIDGE = "ddos0"
SUBNET, GATEWAY = "10.177.0.0/24", "10.177.0.1"

Sections = dict[str, dict[str, object]]


def url(service: str) -> str:
    """The endpoint of a service."""
    path = {"keystone": "/v3", "nova": "/v2.1", "cinder": "/v3"}.get(service, "")
    return f"http://{HOST}:{PORTS[service]}{path}"


def told(address: str) -> str:
    """The service and path of a request's address, without version and query: "nova/os-keypairs/…"."""
    parts = urlsplit(address)
    service = next(name for name, port in PORTS.items() if port == parts.port)
    words = [word for word in parts.path.split("/") if word and not re.fullmatch(r"v[\d.]+", word)]
    named = words[:1] + [word if word == "detail" else "…" for word in words[1:]]
    return "/".join([service, *named])


def database_url(run: Path, database: str) -> str:
    """Where SQLAlchemy finds a database of the rig."""
    return f"mysql+pymysql://root@localhost/{database}?unix_socket={run}/socket/mysql.sock&charset=utf8mb4"


def write(run: Path, venv: Path) -> None:
    """Write every service's configuration below ``run/etc``, and ``run/clouds.yaml``."""
    for name, sections in _all(run, venv).items():
        file = run / "etc" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(_ini(sections))
    (run / "etc/nova/api-paste.ini").write_text((venv / "etc/nova/api-paste.ini").read_text())
    (run / "clouds.yaml").write_text(yaml.safe_dump(clouds()))


def clouds() -> dict:
    """What an operator has as ``clouds.yaml``: the pool's project and the administrator's, in either region."""
    pool, admin = _cloud("pool", "pool"), _cloud("admin", "admin")
    volumes = {"region_name": REGION_WITH_VOLUMES}
    everywhere = {"rig": pool, "rig-volumes": pool | volumes, "rig-admin": admin, "rig-admin-volumes": admin | volumes}
    return {"clouds": everywhere}


def _cloud(user: str, project: str) -> dict:
    auth = {"auth_url": url("keystone"), "username": user, "password": user, "project_name": project}
    domains = {"user_domain_name": "Default", "project_domain_name": "Default"}
    return {"auth": auth | domains, "region_name": REGION, "identity_api_version": 3}


def _ini(sections: Sections) -> str:
    lines = []
    for section, options in sections.items():
        lines += [f"[{section}]", *(f"{key} = {value}" for key, value in options.items()), ""]
    return "\n".join(lines)


def _all(run: Path, venv: Path) -> dict[str, Sections]:
    nova = _nova(run, venv)
    compute = {name: options for name, options in nova.items() if name not in ("database", "api_database")}
    return {
        "keystone/keystone.conf": _keystone(run),
        "glance/glance-api.conf": _glance(run, venv),
        "placement/placement.conf": _placement(run),
        "neutron/neutron.conf": _neutron(run, venv),
        "cinder/cinder.conf": _cinder(run, venv),
        "nova/nova.conf": nova,
        "nova-compute/nova.conf": compute,  # a compute that knows the database fails its own version check
    }


def _service_user() -> dict[str, object]:
    return {
        "auth_type": "password",
        "auth_url": url("keystone"),
        "username": "svc",
        "password": "svc",
        "project_name": "service",
        "user_domain_name": "Default",
        "project_domain_name": "Default",
        "region_name": REGION,
    }


def _tokens() -> dict[str, object]:
    return _service_user() | {
        "service_token_roles": "service",
        "service_token_roles_required": "true",
        "token_cache_time": 2,  # seconds that a revoked token is still taken
        "www_authenticate_uri": url("keystone"),
    }


def _rabbit() -> str:
    return f"rabbit://guest:guest@{HOST}:{RABBIT}/"


def _keystone(run: Path) -> Sections:
    keys: dict[str, object] = {"key_repository": f"{run}/keep/fernet"}
    return {
        "database": {"connection": database_url(run, "keystone")},
        "token": {"provider": "fernet"},
        "fernet_tokens": keys,
        "fernet_receipts": keys,
        "credential": {"key_repository": f"{run}/keep/credential"},
        "cache": {"enabled": "true", "backend": "oslo_cache.dict"},
    }


def _glance(run: Path, venv: Path) -> Sections:
    return {
        "DEFAULT": {
            "enabled_backends": "file:file",
            "use_keystone_limits": "false",
            "worker_self_reference_url": url("glance"),
        },
        "database": {"connection": database_url(run, "glance")},
        "glance_store": {"default_backend": "file"},
        "file": {"filesystem_store_datadir": f"{run}/keep/images"},
        "os_glance_staging_store": {"filesystem_store_datadir": f"{run}/staging"},
        "os_glance_tasks_store": {"filesystem_store_datadir": f"{run}/tasks"},
        "paste_deploy": {"flavor": "keystone", "config_file": f"{venv}/etc/glance/glance-api-paste.ini"},
        "oslo_concurrency": {"lock_path": f"{run}/lock"},
        "keystone_authtoken": _tokens(),
    }


def _placement(run: Path) -> Sections:
    return {
        "placement_database": {"connection": database_url(run, "placement")},
        "api": {"auth_strategy": "keystone"},
        "keystone_authtoken": _tokens(),
    }


def _neutron(run: Path, venv: Path) -> Sections:
    return {
        "DEFAULT": {
            "core_plugin": "ml2",
            "service_plugins": "router",
            "transport_url": _rabbit(),
            "auth_strategy": "keystone",
            "api_paste_config": f"{venv}/etc/neutron/api-paste.ini",
            "state_path": f"{run}/neutron",
            "dhcp_agent_notification": "false",
            "rpc_workers": 0,
        },
        "database": {"connection": database_url(run, "neutron")},
        "oslo_concurrency": {"lock_path": f"{run}/lock"},
        "nova": _service_user(),
        "placement": _service_user(),
        "keystone_authtoken": _tokens(),
        "ml2": {
            "type_drivers": "flat,local",
            "tenant_network_types": "local",
            "mechanism_drivers": "bridge_binding",
            "extension_drivers": "port_security",
        },
        "ml2_type_flat": {"flat_networks": "*"},
    }


def _cinder(run: Path, venv: Path) -> Sections:
    return {
        "DEFAULT": {
            "host": "rig",
            "my_ip": HOST,
            "transport_url": _rabbit(),
            "auth_strategy": "keystone",
            "api_paste_config": f"{venv}/etc/cinder/api-paste.ini",
            "resource_query_filters_file": f"{venv}/etc/cinder/resource_filters.json",
            "state_path": f"{run}/cinder",
            "enabled_backends": "paper",
            "default_volume_type": "standard",
            "glance_api_servers": url("glance"),
        },
        "paper": {"volume_driver": "paper_volumes.PaperVolumes", "volume_backend_name": "paper"},
        "database": {"connection": database_url(run, "cinder")},
        "oslo_concurrency": {"lock_path": f"{run}/lock"},
        "nova": _service_user(),
        "service_user": _service_user() | {"send_service_user_token": "true"},
        "keystone_authtoken": _tokens(),
    }


def _nova(run: Path, venv: Path) -> Sections:
    return {
        "DEFAULT": {
            "host": "rig",
            "my_ip": HOST,
            "state_path": f"{run}/keep/nova",
            "transport_url": _rabbit(),
            "compute_driver": "host_driver.HostDriver",
            "sync_power_state_interval": 10,
            "report_interval": 5,
            "max_concurrent_builds": 4,
        },
        "api": {"auth_strategy": "keystone"},
        "api_database": {"connection": database_url(run, "nova_api")},
        "database": {"connection": database_url(run, "nova_cell1")},
        "wsgi": {"api_paste_config": f"{venv}/etc/nova/api-paste.ini"},
        "oslo_concurrency": {"lock_path": f"{run}/lock"},
        "vnc": {"enabled": "false"},
        "conductor": {"workers": 1},
        "scheduler": {"workers": 1, "discover_hosts_in_cells_interval": -1},
        "quota": {"instances": 10, "cores": 40, "ram": 102400},
        "glance": _service_user(),
        "placement": _service_user(),
        "neutron": _service_user(),
        "cinder": _service_user() | {"os_region_name": REGION_WITH_VOLUMES},
        "service_user": _service_user() | {"send_service_user_token": "true"},
        "keystone_authtoken": _tokens(),
    }
