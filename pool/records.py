"""What is remembered: plain frozen records that the store reads and writes and the rules reason about.

Times are aware ``datetime`` values in UTC. Sizes are bytes unless the name says MB. Nothing here has behaviour beyond
small derived facts.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from pool.errors import HostUnreachable, NotFound
from pool.states import ENDED, EndCause, HostState, InstanceState

#: Of a host's address, one for each session on it; gateway and firewalls let no other through.
SESSION_PORTS = range(20000, 21000)


class FlavorSize(StrEnum):
    """The two sizes of host that a pool spawns (ramp-up: small when idle, large when in use)."""

    SMALL = "small"
    LARGE = "large"


class Fault(StrEnum):
    """What of a host's beginning went wrong: the pool's next launches depend on it."""

    REFUSED = "refused"  # the cloud would not make it: asking again soon will not help
    LAUNCH = "launch"  # the cloud could not make it, or what it made never answered ssh
    CONFIGURING = "configuring"  # playbook, images or self-test failed


@dataclass(frozen=True)
class Host:
    """One machine of a pool."""

    name: str
    pool: str
    state: HostState
    flavor: FlavorSize
    slots: int
    reserved: int  # slots that instances hold
    created_at: datetime
    state_since: datetime
    server_id: str | None = None
    address: str | None = None  # IPv4 or IPv6, no port
    host_key: str | None = None  # "ssh-ed25519 AAAA…": what the first ssh connection must meet
    errors: int = 0  # consecutive; a success sets it back to 0
    last_error: str = ""  # what the last one was, also after a success
    last_error_at: datetime | None = None
    reason: str = ""  # why it is in its state
    active_at: datetime | None = None
    answered_at: datetime | None = None  # when it first answered ssh
    first_used_at: datetime | None = None
    idle_since: datetime | None = None  # when its last session left; None: it has some, or never had any
    drain_deadline: datetime | None = None  # of a draining host: when the sessions that are left are ended
    fault: Fault | None = None  # of a failed beginning, until the operator forgives it
    unreachable_since: datetime | None = None  # its engine does not answer since then; None: it answered last
    setup: str = ""  # what it was configured with last, see pool/setup_version.py; empty: it was not yet
    disk_low_since: datetime | None = None  # its disk has had too little room since then; None: it had enough last
    repaired_at: datetime | None = None  # when it was last configured again because of what was found on it
    removals: int = 0  # tries to remove its server
    remove_after: datetime | None = None  # before this there is no further try
    spawned_by: str | None = None  # id of the flow run that spawned it: a retried run finds its host again
    standby: int = 0  # slots that standbys hold; they are free, for standbys make way

    @property
    def free(self) -> int:
        """Slots that no session holds."""
        return self.slots - self.reserved

    @property
    def is_fit(self) -> bool:
        """Whether it is in reach and has room on its disk."""
        return self.unreachable_since is None and self.disk_low_since is None

    @property
    def room(self) -> int:
        """Free slots that a session could have now: none out of service, out of reach, or where its disk is full."""
        return self.free if self.is_fit and self.state is HostState.ACTIVE else 0

    def get_address(self) -> str:
        """Return its IPv4 or IPv6 address.

        Raises:
            HostUnreachable: it has none yet.
        """
        if self.address is None:
            raise HostUnreachable(f"host {self.name} has no address yet")
        return self.address

    def get_host_key(self) -> str:
        """Return the key that a first ssh connection must meet.

        Raises:
            HostUnreachable: its key is not known yet.
        """
        if self.host_key is None:
            raise HostUnreachable(f"the host key of {self.name} is not known yet")
        return self.host_key

    @property
    def becomes_image(self) -> bool:
        """Whether it was made to become a host image: it has no slots, so that no session ever gets onto it."""
        return not self.slots


@dataclass(frozen=True)
class ProxyOptions:
    """How the gateway talks to a session."""

    strip_prefix: bool = False  # True: the session sees "/", not "/notebooks/<route>/" (RStudio)
    rewrite_redirects: bool = False  # True: Location and cookie paths of the session get the prefix back
    max_upload_mb: int = 0  # 0: no limit
    sign_in: str = "link"  # as in Route
    auth_header: str = ""  # sent to the session with "{token}" and "{user}" filled in; empty: none


@dataclass(frozen=True)
class KeptWork:
    """What of a session is backed up, and brought back into its user's next session of the blueprint."""

    paths: tuple[str, ...] = ()  # absolute, in the container; empty: nothing is kept
    without: tuple[str, ...] = ()  # patterns of names or paths that are left out, as in "*.tmp" or ".cache"
    limit_mb: int = 0  # more is not backed up; 0: no limit
    every: int = 0  # seconds between backups of a session that runs; 0: only when it ends
    before: tuple[str, ...] = ()  # command that is run in a running session before it is backed up; empty: none
    before_seconds: int = 60  # that it may take
    comes_back: bool = True  # in its user's next session whose request does not say otherwise
    stop_seconds: int = 10  # that its program has to end, before it is backed up for the last time


@dataclass(frozen=True)
class BlueprintSpec:
    """How a session is made. The block ``blueprint/<name>`` is its form."""

    name: str
    pool: str
    image: str  # a name of the catalogue, e.g. "jupyter-minimal" or "rocker/rstudio:4.4"
    port: int  # that the notebook listens on inside the container
    command: tuple[str, ...] = ()  # names in braces are filled in; empty: the image's own
    environment: dict[str, str] = field(default_factory=dict)  # likewise
    memory_mb: int = 512
    memory_swap_mb: int = 0  # of swap, beside its memory; 0: none
    cpus: float = 0  # that it may use at once; 0: no limit
    slots: int = 1
    gpus: int = 0  # of its host, that no other session has
    lifetime: int = 3600  # seconds from running to expired
    idle_timeout: int = 0  # seconds without use after which it is ended; 0: never
    extend_by: int = 0  # seconds that its user may let it go on for, shortly before its end; 0: not at all
    extensions: int = 0  # how often
    ready_path: str = ""  # below the base URL; asked until it answers below 500
    start_timeout: int = 60  # seconds from container start to the first answer
    capabilities: tuple[str, ...] = ()  # that the image needs; all others are dropped
    container_user: str = ""  # "uid:gid", or "session:gid" for a uid of each session's own; empty: the image's own
    pids_limit: int = 512
    init: bool = True  # the engine's init reaps zombies; False for images that bring their own (s6)
    disk_mb: int = 10240  # that it may write, where its host's storage can limit it; 0: no limit
    shm_mb: int = 0  # of /dev/shm, which counts as memory; 0: half of it
    network_mbit: int = 0  # per second that it may send, and as much that it may receive; 0: no limit
    network: str = "open"  # what it may open connections to beside: "open", "closed" or "list"
    network_list: tuple[str, ...] = ()  # with "list": networks and addresses, as in "10.20.0.0/16" and "192.0.2.7:443"
    open_files: int = 0  # that a process may have; 0: the engine's own limit
    read_only: bool = False  # its image's files cannot be changed; it writes into memory alone
    max_sessions_per_user: int = 0  # by this blueprint, at once; 0: no limit
    max_sessions: int = 0  # likewise, of all users together
    standby: int = 0  # containers that are started ahead of their sessions
    standby_timetable: tuple[str, ...] = ()  # times with another number of them, as the operator wrote them
    standby_by_demand: int = 0  # more of them where earlier weeks ask for more, at most so many; 0: none
    standby_frozen: bool = False  # once they answer, they get no processor time until a session has them
    standby_warm_up: int = 5  # seconds that they run on before that
    image_digest: str = ""  # "sha256:…" of the version to run: its id, or its manifest's; empty: the newest
    proxy: ProxyOptions = ProxyOptions()
    keep: KeptWork = KeptWork()


@dataclass(frozen=True)
class Placement:
    """Where an instance holds room."""

    host: str  # its name
    port: int  # on the host's address; no other instance has it
    gpus: tuple[int, ...] = ()  # numbers of the host's GPUs; no other instance has them


@dataclass(frozen=True)
class Instance:
    """One user's session."""

    id: str
    pool: str
    blueprint: str
    user: str
    state: InstanceState
    slots: int
    route: str  # the unguessable id in /notebooks/<route>/
    token: str = field(repr=False)  # the session's own secret; known to SQL, the gateway and the container only
    created_at: datetime
    state_since: datetime
    placement: Placement | None = None  # while it holds room
    gpus: int = 0  # as in BlueprintSpec
    last_host: str | None = None  # where it held room before it gave it back
    expires_at: datetime | None = None
    idle_timeout: int = 0  # as in BlueprintSpec
    start_timeout: int = 60  # likewise
    extend_by: int = 0  # likewise
    extensions: int = 0  # that its user has left
    reason: str = ""
    end_cause: EndCause | None = None  # once it is ended, or is being ended
    options: dict[str, Any] = field(default_factory=dict)
    proxy: ProxyOptions = ProxyOptions()
    keep: KeptWork = KeptWork()  # as its blueprint said when it was asked for
    restored_from: str = ""  # id of the backup that it began with; empty: with nothing
    standby: str = ""  # id of the standby whose container it has; empty: its container was made for it
    target: Placement | None = None  # room that is reserved for it on the host that it is moved to
    carried: str = ""  # id of the backup that it takes to another host, until it runs there; its work is in that alone
    moved_by: str = ""  # id of the flow run that moved it last: a retried run does not move it again

    @property
    def host(self) -> str | None:
        """Name of the host that it holds room on."""
        return self.placement.host if self.placement else None

    @property
    def port(self) -> int | None:
        """The port on its host."""
        return self.placement.port if self.placement else None

    def get_placement(self) -> Placement:
        """Return where it holds room.

        Raises:
            NotFound: it holds room nowhere.
        """
        if self.placement is None:
            raise NotFound(f"instance {self.id} holds no room on any host")
        return self.placement

    @property
    def made_as(self) -> str:
        """The id that its container was made under, and carries in its label: its own, or that of a standby."""
        return self.standby or self.id

    @property
    def container(self) -> str:
        """The container's name on its host."""
        return f"dd-{self.made_as}"

    @property
    def ended_at(self) -> datetime | None:
        """When it ended; None: it has not."""
        return self.state_since if self.state in ENDED else None

    @property
    def base_url(self) -> str:
        """The path that the gateway serves it under, with a slash at both ends."""
        return f"/notebooks/{self.route}/"


@dataclass(frozen=True)
class Image:
    """One image that a pool offers."""

    pool: str
    name: str  # what blueprints call it: the archive's tag without ":latest"
    id: str  # "sha256:…", digest of its config
    size: int  # bytes of the archive
    layers: tuple[str, ...] = ()  # diff ids, base first
    archive: str = ""  # file name below images/; empty once it is gone
    source: str = "archive"  # or "engine", or the registry reference that the manager pulls
    layer_sizes: tuple[int, ...] = ()  # bytes of each layer as the manager keeps it
    digest: str = ""  # "sha256:…" of the manifest that the registry's tag stood for when it was looked at last
    credentials: str = ""  # name of the block registry-login/<name> that its registry asks for
    looked_at: datetime | None = None  # when its source was looked at last
    read_from: str = ""  # size and time of change of the archive, as it was read
    retired_at: datetime | None = None  # when it was retired; None: it is offered
    unwanted: bool = False  # it is in images/, and the pool does not want it: not offered until it does


@dataclass(frozen=True)
class Route:
    """One entry of the gateway's table."""

    id: str
    address: str
    port: int
    token_header: str = field(default="", repr=False)  # Authorization header that the session gets; secret
    strip_prefix: bool = False
    rewrite_redirects: bool = False
    max_upload_mb: int = 0
    sign_in: str = "link"  # "link": only a browser that came by a launch link is in; "open": who has the URL
    ends_at: int = 0  # seconds since 1970, when it ends; 0: not known. What follows is told the page that is open
    ends_because: str = ""  # "expired" or "drained"
    idle_timeout: int = 0  # as in BlueprintSpec
    extend_by: int = 0  # likewise
    extend_from: int = 0  # seconds since 1970, from when on its user may extend it; 0: it cannot be extended
    message: str = ""  # what an operator tells its user; empty: nothing
    message_level: str = ""  # "info" or "warning"
    message_until: int = 0  # seconds since 1970; it is shown no longer


@dataclass(frozen=True)
class Notice:
    """What the gateway shows at the address of a session that does not answer yet, or no more."""

    id: str  # the route's: secret
    page: str  # "queued", "starting", "moving" or "ended"
    words: str  # a sentence for the visitor, who is told no host and no address
    at: float  # seconds since 1970: when it was asked for, when its move began or went on, or when it ended
    position: int = 0  # of a queued one: 1 is the next to get a place; 0: not known
    estimate_seconds: int = 0  # of a queued one: until it gets its place; 0: not known


@dataclass(frozen=True)
class Headroom:
    """How many more hosts of one flavor the cloud allows, known before it is asked for them."""

    hosts: int
    because: str  # what bounds it, in the cloud's terms: "10 of 10 instances are in use"


@dataclass(frozen=True)
class ContainerSpec:
    """A container as a host's engine is asked to make it."""

    name: str
    image: str  # id: "sha256:…"
    port: int  # inside
    host_port: int  # on the host's address
    memory_mb: int
    swap_mb: int = 0  # beside its memory; 0: none
    cpus: float = 0  # as in BlueprintSpec
    gpus: tuple[int, ...] = ()  # numbers of the host's
    command: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    capabilities: tuple[str, ...] = ()
    user: str = ""
    pids_limit: int = 512
    init: bool = True  # as in BlueprintSpec
    disk_mb: int = 0  # as in BlueprintSpec
    shm_mb: int = 64  # of /dev/shm
    network_mbit: int = 0  # as in BlueprintSpec
    network: str = "open"  # as in BlueprintSpec
    network_list: tuple[str, ...] = ()  # as in BlueprintSpec
    open_files: int = 0  # as in BlueprintSpec
    read_only: bool = False  # as in BlueprintSpec
