"""What an operator turns while a pool runs, as the rules see it.

The block ``pool-config/<name>`` shows the same values in a form, under the ``DD_…`` names that operators know.
"""

from dataclasses import dataclass

from pool.errors import BadRequest
from pool.faults import Faults
from pool.records import FlavorSize
from pool.setup_version import OF_THE_ENGINE, HostNetwork, setup_version
from pool.timetable import Entry


@dataclass(frozen=True)
class PoolSettings:
    """Targets and limits of one pool; the defaults are the design's."""

    name: str = "main"
    shutdown_mode: bool = False
    max_hosts: int = 4
    free_slot_target: int = 4
    slots_small: int = 6
    slots_large: int = 24
    large_from: int = 1  # slots in use from which a pool that is in use gets large hosts; a rush gets them anyway
    flavor_small: str = "standard.medium"
    flavor_large: str = "standard.xlarge"
    host_lifetime: int = 14400  # seconds that a used host serves
    host_lifetime_low: int = 300  # seconds left below which a host takes new sessions as a last resort only
    host_lifetime_extra: int = 14400  # seconds past it that an empty host is kept in a full pool: the hard limit
    max_host_errors: int = 5
    max_spawns: int = 8  # hosts on the way from the cloud at once
    timetable: tuple[Entry, ...] = ()  # times with another target; the last that holds wins
    max_sessions_per_user: int = 0  # at once; 0: no limit
    max_sessions: int = 0  # of all users together, at once; 0: no limit
    plugin_whitelist: tuple[str, ...] = ("DockerDriver",)
    blocked_networks: tuple[str, ...] = ()  # that sessions may not reach, beside the manager and other hosts
    gpus: int = 0  # of every host
    swap_mb: int = 0  # of every host; 0: it has none
    host_network: HostNetwork = OF_THE_ENGINE  # of hosts that are made from now on
    disk_floor: int = 2048  # MB free on a host's disk below which it takes no new session; 0: it is not looked at
    disk_limit: int = 512  # MB free below which the session that wrote most there is ended; 0: none is
    image_registry: str = ""  # that hosts pull images from; empty: images are sent
    backup_wait: int = 3600  # seconds that the end of a session waits for its backup; 0: one try
    backups_kept: int = 10  # of each user and blueprint
    backup_days: int = 365  # after which a backup is deleted; 0: never
    # Seconds in a state after which a thing that no flow run works on is dealt with. The runs are looked for before the
    # records, so that no run can be about to begin: what is waited for are clocks of two machines that differ.
    spawn_timeout: int = 20  # of a spawning host, until it is given up
    configure_timeout: int = 1800  # of a configuring host, which is configured anew until then
    host_grace: int = 300  # seconds that a host may be out of reach before it is counted dead
    queue_timeout: int = 900  # seconds that a session waits for room; 0: it is refused at once
    start_timeout: int = 300  # of a starting session, which is started anew until then
    stop_timeout: int = 20  # of a stopping session, until its end is gone on with

    def __post_init__(self) -> None:
        """Refuse settings under which no host would ever take a session, while more and more were spawned.

        Raises:
            BadRequest: names the pool and all such settings.
        """
        faults = Faults()
        if min(self.slots_small, self.slots_large) < 1:
            faults.note("a host must have at least 1 slot, small or large")
        if self.host_lifetime <= self.host_lifetime_low:
            faults.note(
                f"a host's lifetime ({self.host_lifetime} s) must be longer than"
                f" DD_HOST_LIFETIME_LOW ({self.host_lifetime_low} s)"
            )
        if 0 < self.disk_floor < self.disk_limit:
            faults.note(
                f"DD_HOST_DISK_LIMIT ({self.disk_limit} MB) must not be more than"
                f" DD_HOST_DISK_FLOOR ({self.disk_floor} MB)"
            )
        if faults:
            raise BadRequest(f"pool {self.name}: {faults}")

    @property
    def largest(self) -> int:
        """Slots of the largest host that the pool can have."""
        return max(self.slots_small, self.slots_large)

    @property
    def setup_version(self) -> str:
        """Return what hosts are configured with, as a digest; one with another digest is configured again."""
        return setup_version(self.blocked_networks, self.image_registry, self.gpus)

    def slots_of(self, flavor: FlavorSize) -> int:
        """Slots that a host of this size offers."""
        return self.slots_small if flavor is FlavorSize.SMALL else self.slots_large

    def cloud_flavor_of(self, flavor: FlavorSize) -> str:
        """Return the cloud's own name for this size."""
        return self.flavor_small if flavor is FlavorSize.SMALL else self.flavor_large
