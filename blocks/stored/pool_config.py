"""What the operator turns while a pool runs: the block ``pool-config/<pool>``.

The fields keep the names that DockerDriver's operators know from its settings file.
"""

from typing import Any, Self

from prefect.blocks.core import Block
from pydantic import ConfigDict, Field, model_validator

from blocks.field_types import Megabytes, Registry, Seconds, Texts, Timetable
from blocks.stored.bounds import cut_stored, is_reading_stored, reading_stored
from blocks.stored.pictures.kinds import picture_of_its_kind
from blocks.stored.titles import POOL, titled
from pool.errors import BadRequest
from pool.faults import Faults, read_each
from pool.images.names import read_name
from pool.images.wanted import NOT
from pool.moments import LONGEST_SPAN
from pool.origins import registry_address
from pool.settings import PoolSettings
from pool.setup_version import HostNetwork, read_address_pools, read_bridge, read_networks
from pool.timetable import read_timetable

#: What the rules and their tables can count with; far beyond what one manager can carry.
MOST_HOSTS, MOST_SLOTS = 10_000, 1_000_000
MAIN = "main"  # stands for any pool, where a configuration is looked at alone


class PoolConfig(Block):
    """Targets, limits and host settings of one pool. A change counts from the next tick of housekeeping on."""

    _block_type_name = "Pool configuration"
    _block_type_slug = "pool-config"
    _logo_url = picture_of_its_kind()
    _description = (
        "Targets, limits and host settings of one pool; a change counts from the next tick, within 30 seconds."
    )
    model_config = ConfigDict(field_title_generator=titled(POOL))

    DD_SHUTDOWN_MODE: bool = Field(
        False, description="Refuse new sessions, drain and remove every host; sessions live out their time."
    )
    DD_MAX_HOSTS: int = Field(
        4,
        ge=0,
        le=MOST_HOSTS,
        description="Never more hosts than this; one that its cloud does not delete in an hour gives its place up.",
    )
    DD_FREE_SLOT_TARGET: int = Field(4, ge=0, le=MOST_SLOTS, description="Free slots to keep in hand.")
    DD_HOST_IMAGE: str = Field("Debian-12", description="Image or snapshot that hosts boot from.")
    DD_HOST_FLAVOR_NAME_SMALL: str = Field("standard.medium", description="Flavor of a host when the pool is idle.")
    DD_HOST_FLAVOR_SLOTS_SMALL: int = Field(
        6, ge=1, le=MOST_SLOTS, description="Slots of a small host; one is about 512 MB."
    )
    DD_HOST_FLAVOR_NAME_LARGE: str = Field("standard.xlarge", description="Flavor of a host when the pool is in use.")
    DD_HOST_FLAVOR_SLOTS_LARGE: int = Field(
        24, ge=1, le=MOST_SLOTS, description="Slots of a large host; one is about 512 MB."
    )
    DD_HOST_FLAVOR_LARGE_FROM: int = Field(
        1, ge=1, le=MOST_SLOTS, description="Slots in use from which hosts are large; a rush gets large ones anyway."
    )
    DD_HOST_DATA_VOLUME_FACTOR: int = Field(
        4, ge=0, le=MOST_SLOTS, description="GB per slot for Docker's data; 0: no volume."
    )
    DD_HOST_SWAP_MB: Megabytes = Field(0, ge=0, description="Swap file of new hosts, in MB; 0: none.")
    DD_HOST_GPUS: int = Field(
        0, ge=0, le=1024, description="GPUs of every host, whatever its flavor; the image has to bring their driver."
    )
    DD_HOST_LIFETIME: Seconds = Field(14400, ge=0, le=LONGEST_SPAN, description="Seconds that a used host serves.")
    DD_HOST_LIFETIME_LOW: Seconds = Field(
        300, ge=0, le=LONGEST_SPAN, description="Seconds left below which a host is a last resort."
    )
    DD_HOST_LIFETIME_EXTRA: Seconds = Field(
        14400,
        ge=0,
        le=LONGEST_SPAN,
        description="Seconds past its lifetime that an empty host of a full pool is kept for want of other room.",
    )
    DD_MAX_HOST_ERRORS: int = Field(5, ge=0, le=MOST_SLOTS, description="Consecutive errors before a host is retired.")
    DD_MAX_SPAWNS: int = Field(
        8, ge=1, le=MOST_HOSTS, description="Hosts on their way from the cloud at the same time."
    )
    DD_STARTS_PER_HOST: int = Field(
        4, ge=0, le=MOST_SLOTS, description="Containers that start on one host at the same time; 0: no limit."
    )
    DD_TIMETABLE: Timetable = Field(
        [],
        description="Times with another target, like Mon-Fri 08:45-12:00: 60; the last that holds wins.",
    )
    DD_TIMEZONE: str = Field("UTC", description="Time zone of timetable and sessions, like Europe/Berlin.")
    DD_HOST_GRACE: Seconds = Field(
        300,
        ge=0,
        le=LONGEST_SPAN,
        description="Seconds that a single host may be out of reach before it counts as dead.",
    )
    DD_QUEUE_TIMEOUT: Seconds = Field(
        900,
        ge=0,
        le=LONGEST_SPAN,
        description="Seconds that a session waits for room before it is given up; 0: refused at once.",
    )
    DD_MAX_SESSIONS_PER_USER: int = Field(
        0, ge=0, le=MOST_SLOTS, description="Sessions that one user may have at once; 0: no limit."
    )
    DD_MAX_SESSIONS: int = Field(
        0, ge=0, le=MOST_SLOTS, description="Sessions of all users together at once, those that wait too; 0: no limit."
    )
    PLUGIN_WHITELIST: Texts = Field(
        ["DockerDriver"], description="Drivers that may provision; without DockerDriver every request is refused."
    )
    DD_IMAGES: Texts = Field(
        [],
        description="Registry references that the manager pulls, as in rocker/rstudio:4.4, beside the archives in"
        " images/.",
    )
    DD_IMAGE_NAMES: Texts = Field(
        [],
        description="Images of images/ that the pool offers: names or patterns like rocker/*; with a ! before it, one"
        " that it does not. Empty: all. What DD_IMAGES names counts as listed.",
    )
    DD_IMAGE_PUSHES: int = Field(8, ge=1, le=MOST_HOSTS, description="Hosts that get images at the same time.")
    DD_IMAGE_BANDWIDTH_MB: float = Field(
        0,
        ge=0,
        description="MB per second that images may take on the manager's link, all hosts together; 0: no limit.",
    )
    DD_IMAGE_REGISTRY: Registry = Field(
        "", description="Registry that hosts pull images from, as in registry.example:5000; empty: they are sent."
    )
    DD_IMAGE_REGISTRY_LOGIN: str = Field(
        "", description="Name of the block Registry login that it asks for, as in mine; empty: none."
    )
    DD_HOST_DISK_MARK: int = Field(
        85,
        ge=10,
        le=100,
        description="Percent of a host's disk at which it is cleaned; where that does not help, it takes no new image.",
    )
    DD_HOST_DISK_FLOOR: Megabytes = Field(
        2048, ge=0, description="MB free on a host's disk below which it takes no new session; 0: it is not looked at."
    )
    DD_HOST_DISK_LIMIT: Megabytes = Field(
        512, ge=0, description="MB free on a host's disk below which the session that wrote most is ended; 0: none is."
    )
    DD_BACKUP_WAIT: Seconds = Field(
        3600,
        ge=0,
        le=LONGEST_SPAN,
        description="Seconds that the end of a session waits for its backup; then it is ended without. 0: one try.",
    )
    DD_BACKUPS_KEPT: int = Field(
        10,
        ge=1,
        le=MOST_SLOTS,
        description="Backups that are kept of each user and blueprint, the newest ones;"
        " of each session, where it names no user.",
    )
    DD_BACKUP_DAYS: int = Field(
        365, ge=0, le=3650, description="Days after which a backup is deleted, the newest of a user as well; 0: never."
    )
    DD_BLOCKED_NETWORKS: Texts = Field(
        [],
        description="Networks that sessions may not reach, as in 10.20.0.0/16, beside the manager itself.",
    )
    DD_HOST_BRIDGE: str = Field(
        "",
        description="Address and network of the bridge that sessions are on, as in 172.17.0.1/16; empty: the engine's.",
    )
    DD_HOST_ADDRESS_POOLS: Texts = Field(
        [], description="Networks for the engine's other bridges, each with their size, as in 172.30.0.0/16:24."
    )
    cloud: str = Field(
        "local-cloud/main", pattern=r"^[a-z-]+-cloud/\S+$", description="Block that hosts come from, as kind/name."
    )

    @property
    def wanted_images(self) -> tuple[str, ...]:
        """Return the patterns of the images that the pool offers, as the rules read them; none: all."""
        chosen = any(not one.startswith(NOT) for one in self.DD_IMAGE_NAMES)
        return (*self.DD_IMAGE_NAMES, *(self.DD_IMAGES if chosen else ()))

    @model_validator(mode="before")
    @classmethod
    def _within_bounds(cls, values: Any) -> Any:
        return cut_stored(cls, values)

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        """Refuse in the form what each tick would refuse, and what no operator means. What was saved before is read."""
        if is_reading_stored():
            return self
        faults = self._faults()
        if faults:
            raise ValueError(str(faults))
        return self

    def _faults(self) -> Faults:
        faults = self._faults_of_settings()
        with faults.gathered():
            read_each(read_name, self.DD_IMAGES)
        with faults.gathered():
            registry_address(self.DD_IMAGE_REGISTRY)
        if self.DD_HOST_FLAVOR_SLOTS_LARGE < self.DD_HOST_FLAVOR_SLOTS_SMALL:
            large, small = self.DD_HOST_FLAVOR_SLOTS_LARGE, self.DD_HOST_FLAVOR_SLOTS_SMALL
            faults.note(f"the large flavor has fewer slots ({large}) than the small one ({small})")
        if self.DD_IMAGE_REGISTRY_LOGIN and not self.DD_IMAGE_REGISTRY:
            faults.note("DD_IMAGE_REGISTRY_LOGIN is a login, but DD_IMAGE_REGISTRY names no registry to log in to")
        return faults

    def _faults_of_settings(self) -> Faults:
        """Return those of what `settings` reads; what makes no sense together is not looked at where one is wrong."""
        faults = Faults()
        for read in (
            lambda: read_timetable(self.DD_TIMETABLE, self.DD_TIMEZONE),
            lambda: read_bridge(self.DD_HOST_BRIDGE),
            lambda: read_address_pools(self.DD_HOST_ADDRESS_POOLS),
            lambda: read_networks(self.DD_BLOCKED_NETWORKS),
        ):
            with faults.gathered():
                read()
        if not faults:
            try:
                self.settings(MAIN)
            except BadRequest as error:
                faults.note(str(error).removeprefix(f"pool {MAIN}: "))
        return faults

    def as_kept(self) -> dict[str, Any]:
        """Return the fields as the store keeps them, for the time when the block is gone."""
        return {name: getattr(self, name) for name in type(self).model_fields}

    @classmethod
    def of_kept(cls, values: dict[str, Any]) -> Self:
        """Make the configuration anew of what the store kept; fields that came since have their defaults."""
        with reading_stored():
            return cls(**{name: value for name, value in values.items() if name in cls.model_fields})

    def settings(self, pool: str) -> PoolSettings:
        """Return the same values as the rules see them.

        Raises:
            BadRequest: names the pool's setting that makes no sense.
        """
        return PoolSettings(
            name=pool,
            shutdown_mode=self.DD_SHUTDOWN_MODE,
            max_hosts=self.DD_MAX_HOSTS,
            free_slot_target=self.DD_FREE_SLOT_TARGET,
            slots_small=self.DD_HOST_FLAVOR_SLOTS_SMALL,
            slots_large=self.DD_HOST_FLAVOR_SLOTS_LARGE,
            large_from=self.DD_HOST_FLAVOR_LARGE_FROM,
            flavor_small=self.DD_HOST_FLAVOR_NAME_SMALL,
            flavor_large=self.DD_HOST_FLAVOR_NAME_LARGE,
            host_lifetime=self.DD_HOST_LIFETIME,
            host_lifetime_low=self.DD_HOST_LIFETIME_LOW,
            host_lifetime_extra=self.DD_HOST_LIFETIME_EXTRA,
            max_host_errors=self.DD_MAX_HOST_ERRORS,
            max_spawns=self.DD_MAX_SPAWNS,
            timetable=read_timetable(self.DD_TIMETABLE, self.DD_TIMEZONE),
            host_grace=self.DD_HOST_GRACE,
            queue_timeout=self.DD_QUEUE_TIMEOUT,
            max_sessions_per_user=self.DD_MAX_SESSIONS_PER_USER,
            max_sessions=self.DD_MAX_SESSIONS,
            plugin_whitelist=tuple(self.PLUGIN_WHITELIST),
            gpus=self.DD_HOST_GPUS,
            swap_mb=self.DD_HOST_SWAP_MB,
            disk_floor=self.DD_HOST_DISK_FLOOR,
            disk_limit=self.DD_HOST_DISK_LIMIT,
            host_network=HostNetwork(read_bridge(self.DD_HOST_BRIDGE), read_address_pools(self.DD_HOST_ADDRESS_POOLS)),
            blocked_networks=read_networks(self.DD_BLOCKED_NETWORKS),
            image_registry=self.DD_IMAGE_REGISTRY,
            backup_wait=self.DD_BACKUP_WAIT,
            backups_kept=self.DD_BACKUPS_KEPT,
            backup_days=self.DD_BACKUP_DAYS,
        )
