"""What the forms of blocks call their fields, as people say it, with the unit."""

from collections.abc import Callable, Mapping

from pydantic.fields import ComputedFieldInfo, FieldInfo

BY_NAME = ("DD_", "PLUGIN_")  # fields that operators also set by their names


def titled(titles: Mapping[str, str]) -> Callable[[str, FieldInfo | ComputedFieldInfo], str]:
    """Return what gives each field its title; one that operators set by name has that name behind it."""

    def title_of(name: str, _field: FieldInfo | ComputedFieldInfo) -> str:
        title = titles.get(name, name)  # a test finds a field without one; no process may end for it
        return f"{title} ({name})" if name.startswith(BY_NAME) and name in titles else title

    return title_of


POOL = {
    "DD_SHUTDOWN_MODE": "Shutdown mode",
    "DD_MAX_HOSTS": "Most hosts",
    "DD_FREE_SLOT_TARGET": "Free slots to keep in hand",
    "DD_HOST_IMAGE": "Image that hosts boot from",
    "DD_HOST_FLAVOR_NAME_SMALL": "Small host: flavor",
    "DD_HOST_FLAVOR_SLOTS_SMALL": "Small host: slots",
    "DD_HOST_FLAVOR_NAME_LARGE": "Large host: flavor",
    "DD_HOST_FLAVOR_SLOTS_LARGE": "Large host: slots",
    "DD_HOST_FLAVOR_LARGE_FROM": "Large hosts from so many slots in use",
    "DD_HOST_DATA_VOLUME_FACTOR": "Data volume, in GB per slot",
    "DD_HOST_SWAP_MB": "Swap file of a host, in MB",
    "DD_HOST_GPUS": "GPUs of a host",
    "DD_HOST_LIFETIME": "Lifetime of a host, in seconds",
    "DD_HOST_LIFETIME_LOW": "Last resort below, in seconds left",
    "DD_HOST_LIFETIME_EXTRA": "Longest stay past the lifetime, in seconds",
    "DD_MAX_HOST_ERRORS": "Most errors in a row",
    "DD_MAX_SPAWNS": "Most hosts on their way at once",
    "DD_STARTS_PER_HOST": "Most starts on a host at once",
    "DD_TIMETABLE": "Timetable of targets",
    "DD_TIMEZONE": "Time zone of timetable and sessions",
    "DD_HOST_GRACE": "Grace time out of reach, in seconds",
    "DD_QUEUE_TIMEOUT": "Longest wait for room, in seconds",
    "DD_MAX_SESSIONS_PER_USER": "Most sessions of one user",
    "DD_MAX_SESSIONS": "Most sessions",
    "PLUGIN_WHITELIST": "Drivers that may provision",
    "DD_IMAGES": "Images to pull",
    "DD_IMAGE_NAMES": "Images on offer",
    "DD_IMAGE_PUSHES": "Hosts that get images at once",
    "DD_IMAGE_BANDWIDTH_MB": "Bandwidth of images, in MB per second",
    "DD_IMAGE_REGISTRY": "Registry that hosts pull from",
    "DD_IMAGE_REGISTRY_LOGIN": "Login of that registry",
    "DD_HOST_DISK_MARK": "Clean a disk from, in percent",
    "DD_HOST_DISK_FLOOR": "No new session below, in MB of disk",
    "DD_HOST_DISK_LIMIT": "End the largest writer below, in MB of disk",
    "DD_BACKUP_WAIT": "Longest wait for a backup, in seconds",
    "DD_BACKUPS_KEPT": "Backups kept of each user and blueprint",
    "DD_BACKUP_DAYS": "Age at which a backup goes, in days",
    "DD_BLOCKED_NETWORKS": "Networks out of bounds for sessions",
    "DD_HOST_BRIDGE": "Bridge of sessions on a host",
    "DD_HOST_ADDRESS_POOLS": "Networks of the engine's other bridges",
    "cloud": "Cloud that hosts come from",
}
BLUEPRINT = {
    "keep": "Folders whose work is kept",
    "keep_without": "What is left out of that",
    "keep_limit_mb": "Most that is kept, in MB",
    "keep_every": "Time between backups, in seconds",
    "keep_comes_back": "It comes back by itself",
    "keep_before": "Command before a backup",
    "keep_before_seconds": "Longest time of that command, in seconds",
    "image": "Image",
    "image_digest": "Version of the image",
    "port": "Port in the container",
    "pool": "Pool",
    "command": "Launch command",
    "environment": "Environment",
    "memory_mb": "Memory, in MB",
    "memory_swap_mb": "Swap, in MB",
    "cpus": "CPUs",
    "shm_mb": "Shared memory, in MB",
    "network_mbit": "Network rate, in Mbit per second",
    "network": "Network outside",
    "network_list": "What is open with a list",
    "slots": "Slots",
    "gpus": "GPUs",
    "lifetime": "Lifetime, in seconds",
    "idle_timeout": "Idle limit, in seconds",
    "extend_by": "Extension by the user, in seconds",
    "extensions": "Extensions by the user",
    "max_sessions_per_user": "Most sessions of one user",
    "max_sessions": "Most sessions",
    "standby": "Containers that stand by",
    "standby_timetable": "Times with more or fewer of them",
    "standby_by_demand": "Most of them by demand",
    "standby_frozen": "They stand by frozen",
    "standby_warm_up": "Seconds until they are frozen",
    "ready_path": "Path that answers once it is up",
    "start_timeout": "Longest start, in seconds",
    "capabilities": "Linux capabilities",
    "container_user": "User in the container",
    "disk_mb": "Disk that it may write, in MB",
    "read_only": "Files of the image cannot be changed",
    "pids_limit": "Most processes",
    "open_files": "Most open files of a process",
    "stop_seconds": "Longest end, in seconds",
    "init": "Run below an init",
    "strip_prefix": "Strip the address prefix",
    "rewrite_redirects": "Rewrite redirects",
    "max_upload_mb": "Largest upload, in MB",
    "sign_in": "Sign-in",
    "auth_header": "Authorization header",
}
COURSE = {
    "blueprint": "Blueprint",
    "times": "Times of its class",
    "slots": "Reserved slots",
    "users": "Users",
    "reserve_before": "Reserved before the class, in minutes",
    "start_before": "Sessions start before the class, in minutes",
    "files": "Files in courses/",
    "files_at": "Folder of the files in its sessions",
}
AUTHORITY = {
    "certificate": "Certificate",
    "private_key": "Private key",
    "next_certificate": "Next certificate",
    "next_private_key": "Next private key",
    "previous_certificate": "Previous certificate",
}
HOST_LOGIN = {
    "user": "User on the hosts",
    "private_key": "Private key",
    "public_key": "Public key",
    "next_private_key": "Next private key",
    "next_public_key": "Next public key",
    "previous_public_key": "Previous public key",
}
LINK_KEYS = {
    "current": "Current key",
    "previous": "Previous key",
    "next": "Next key",
    "promoted_at": "Current since",
    "link_seconds": "Lifetime of a link, in seconds",
}
