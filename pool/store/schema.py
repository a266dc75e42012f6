"""The tables, for SQLite and PostgreSQL alike. What each state means stands beside it in ``pool/states.py``.

A row of ``hosts`` is never deleted, so that a number is never given to a second machine.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    true,
)

from pool.backups.states import BackupCause, BackupFault, BackupState
from pool.changes import Noun
from pool.decisions import DecisionKind
from pool.open_pages.messages import Level, Scope
from pool.records import Fault, FlavorSize
from pool.sessions.timings import Phase
from pool.standbys.standby import StandbyState
from pool.states import EndCause, HostState, InstanceState
from pool.store.column_types import UserName, UtcDateTime, sorted_text, word_of

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

hosts = Table(
    "hosts",
    metadata,
    Column("name", String(63), primary_key=True),  # "<pool>-<number>", two digits at least
    Column("pool", String(40), nullable=False),
    Column("number", Integer, nullable=False),
    Column("state", word_of(HostState), nullable=False),
    Column("flavor", word_of(FlavorSize), nullable=False),
    Column("slots", Integer, nullable=False),
    Column("reserved", Integer, nullable=False),  # the sum of the slots of the instances that hold room here
    Column("standby", Integer, nullable=False, server_default="0"),  # likewise, of standbys
    Column("created_at", UtcDateTime, nullable=False),
    Column("state_since", UtcDateTime, nullable=False),
    Column("server_id", String(255)),
    Column("address", String(45)),  # an IPv6 address at its longest
    Column("host_key", Text),
    Column("errors", Integer, nullable=False),
    Column("last_error", Text, nullable=False),
    Column("last_error_at", UtcDateTime),
    Column("reason", Text, nullable=False),
    Column("active_at", UtcDateTime),
    Column("answered_at", UtcDateTime),
    Column("first_used_at", UtcDateTime),
    Column("idle_since", UtcDateTime),  # null: sessions hold room, or none ever did
    Column("drain_deadline", UtcDateTime),
    Column("fault", word_of(Fault)),
    Column("unreachable_since", UtcDateTime),  # no session goes there while this is set
    Column("disk_low_since", UtcDateTime),  # no session goes there while this is set
    Column("setup", String(12), nullable=False, server_default=""),  # what it was configured with last
    Column("repaired_at", UtcDateTime),  # when it was last configured again because of what was found on it
    Column("removals", Integer, nullable=False, server_default="0"),  # tries to remove its server
    Column("remove_after", UtcDateTime),  # before this there is no further try
    Column("last_port", Integer),  # of its session ports, the one that was taken last: the next one is tried next
    Column("spawned_by", String(255), unique=True),  # one flow run, one host, however often it is retried
    UniqueConstraint("pool", "number"),  # also decides between two claimers that counted the same hosts
    CheckConstraint("reserved >= 0 AND reserved <= slots", name="never_over_committed"),
    CheckConstraint("standby >= 0 AND reserved + standby <= slots", name="standbys_have_room"),
)

instances = Table(
    "instances",
    metadata,
    Column("id", String(63), primary_key=True),
    Column("pool", String(40), nullable=False),
    Column("blueprint", String(255), nullable=False),
    Column("user", UserName, nullable=False),
    Column("state", word_of(InstanceState), nullable=False, index=True),
    Column("slots", Integer, nullable=False),
    Column("route", String(64), nullable=False, unique=True),
    Column("token", String(64), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("state_since", UtcDateTime, nullable=False),
    Column("host", ForeignKey("hosts.name")),  # null unless it holds room there
    Column("port", Integer),  # null unless it holds room; a null is never equal, so only living ports must differ
    Column("gpus", Integer, nullable=False, server_default="0"),  # that it takes
    Column("gpu_ids", JSON(none_as_null=True)),  # numbers of those that it has on its host; null: it has none
    Column("last_host", String(63)),  # where it held room last: for the one who asks why
    Column("expires_at", UtcDateTime),
    Column("reason", Text, nullable=False),
    Column("end_cause", word_of(EndCause)),
    Column("idle_timeout", Integer, nullable=False, server_default="0"),  # seconds; 0: never
    Column("start_timeout", Integer, nullable=False, server_default="60"),  # seconds
    Column("extend_by", Integer, nullable=False, server_default="0"),  # seconds; 0: its user may not extend it
    Column("extensions", Integer, nullable=False, server_default="0"),  # that its user has left
    Column("options", JSON, nullable=False),
    Column("proxy", JSON, nullable=False),
    Column("keep", JSON, nullable=False, server_default="{}"),  # what of it is backed up
    Column("restored_from", String(80), nullable=False, server_default=""),  # id of the backup that it began with
    Column("standby", String(63), nullable=False, server_default=""),  # id of the one whose container it has
    Column("to_host", String(63)),  # where room is reserved for it, while it is moved there; null: it is not moved
    Column("to_port", Integer),
    Column("to_gpu_ids", JSON(none_as_null=True)),
    Column("carried", String(80), nullable=False, server_default=""),  # id of the backup that it takes along
    Column("moved_by", String(255), nullable=False, server_default=""),  # id of the flow run that moved it last
    UniqueConstraint("host", "port"),
    Index(None, "state", "state_since"),
    Index(None, "user", "created_at"),
    CheckConstraint("slots > 0", name="takes_room"),
    CheckConstraint("(host IS NULL) = (port IS NULL)", name="port_with_host"),
)

standbys = Table(
    "standbys",
    metadata,
    Column("id", String(63), primary_key=True),  # "standby.…": no request can ask for such an id
    Column("pool", String(40), nullable=False),
    Column("blueprint", String(255), nullable=False),
    Column("state", word_of(StandbyState), nullable=False),
    Column("slots", Integer, nullable=False),
    Column("route", String(64), nullable=False),  # as of an instance: the one that takes it has the same
    Column("token", String(64), nullable=False),
    Column("made_by", String(64), nullable=False),  # digest of what its container was made by
    Column("image", String(80), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("state_since", UtcDateTime, nullable=False),
    Column("host", ForeignKey("hosts.name")),  # null unless it holds room there
    Column("port", Integer),
    Column("gpus", Integer, nullable=False),
    Column("gpu_ids", JSON(none_as_null=True)),
    Column("start_timeout", Integer, nullable=False),
    Column("session", String(63), nullable=False),  # id of the instance that took it
    Column("reason", Text, nullable=False),
    UniqueConstraint("host", "port"),
    Index(None, "pool", "state"),
    CheckConstraint("slots > 0", name="takes_room"),
    CheckConstraint("(host IS NULL) = (port IS NULL)", name="port_with_host"),
)

visits = Table(
    "visits",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("pool", String(40), nullable=False),
    Column("at", UtcDateTime, nullable=False),  # when the session was requested
    Column("slots", Integer, nullable=False),
    Column("waited", Integer),  # seconds until it got the room that it kept; null: it never got any
    Column("stayed", Integer),  # seconds that it held this room; null: likewise
    Column("allowed", Integer, nullable=False, server_default="0"),  # seconds that it might have; 0: not known
    Column("course", String(255), nullable=False, server_default=""),  # that it was of; empty: of none
    Index(None, "pool", "at"),
    Index(None, "at"),  # each tick looks for those that are to be forgotten, of all pools
)

timings = Table(
    "timings",
    metadata,
    Column("instance", ForeignKey("instances.id", ondelete="CASCADE"), primary_key=True),
    Column("accepted", UtcDateTime, index=True),  # by the clock of Prefect's server; all others by the worker's
    *(Column(str(phase), UtcDateTime) for phase in Phase if phase is not Phase.ACCEPTED),
)

backups = Table(
    "backups",
    metadata,
    Column("id", String(80), primary_key=True),  # "<instance>.<number>"
    Column("instance", String(63), nullable=False),  # a backup outlives the session's record
    Column("number", Integer, nullable=False),
    Column("pool", String(40), nullable=False),
    Column("blueprint", String(255), nullable=False),
    Column("user", UserName, nullable=False),
    Column("cause", word_of(BackupCause), nullable=False),
    Column("state", word_of(BackupState), nullable=False, index=True),
    Column("begun_at", UtcDateTime, nullable=False),
    Column("state_since", UtcDateTime, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("size", BigInteger, nullable=False),  # bytes
    Column("files", Integer, nullable=False),
    Column("digest", String(64), nullable=False),  # SHA-256 of all that was written
    Column("snapshot", String(64), nullable=False),  # its name in the repository
    Column("base", String(80), nullable=False, server_default=""),  # id of the backup that it stands on; or empty
    Column("fault", word_of(BackupFault)),
    Column("reason", Text, nullable=False),
    UniqueConstraint("instance", "number"),
    Index(None, "user", "blueprint"),
)

backup_places = Table(
    "backup_places",
    metadata,
    Column("id", String(64), primary_key=True),  # SHA-256 of its location, which may hold a password
    Column("seen_at", UtcDateTime, nullable=False),  # when it was first seen to have a repository
)

pool_configs = Table(
    "pool_configs",
    metadata,
    Column("pool", String(40), primary_key=True),
    Column("config", JSON, nullable=False),  # the block pool-config/<pool> as the pool's last tick read it; no secrets
    Column("courses", JSON, nullable=False, server_default="[]"),  # of the pool, as the same tick read them
)

images = Table(
    "images",
    metadata,
    Column("pool", String(40), primary_key=True),
    Column("name", String(255), primary_key=True),
    Column("id", String(80), nullable=False),  # "sha256:…" of its config
    Column("size", BigInteger, nullable=False),  # bytes of the archive
    Column("layers", JSON, nullable=False),  # diff ids, base first
    Column("archive", String(255), nullable=False),
    Column("source", String(255), nullable=False),
    Column("layer_sizes", JSON, nullable=False, server_default="[]"),  # bytes as the manager keeps them
    Column("digest", String(80), nullable=False, server_default=""),  # of the manifest that the tag stood for
    Column("credentials", String(255), nullable=False, server_default=""),  # name of a block
    Column("looked_at", UtcDateTime),  # when its source was looked at last
    Column("read_from", String(80), nullable=False, server_default=""),
    Column("retired_at", UtcDateTime),  # null: it is offered
    Column("unwanted", Boolean, nullable=False, server_default=false()),  # by the pool's DD_IMAGE_NAMES
)

image_versions = Table(
    "image_versions",
    metadata,
    Column("pool", String(40), primary_key=True),
    Column("name", String(255), primary_key=True),
    Column("id", String(80), primary_key=True),
    Column("number", Integer, nullable=False),  # the highest of a name is its newest version
    Column("size", BigInteger, nullable=False),
    Column("layers", JSON, nullable=False),
    Column("layer_sizes", JSON, nullable=False),
    Column("digest", String(80), nullable=False),
)

host_images = Table(
    "host_images",
    metadata,
    Column("host", ForeignKey("hosts.name"), primary_key=True),
    Column("image_id", String(80), primary_key=True, index=True),
    Column("verified_at", UtcDateTime, nullable=False),  # when the host's engine was last seen to have it
)

messages = Table(
    "messages",
    metadata,
    Column("scope", word_of(Scope), primary_key=True),
    Column("subject", String(63), primary_key=True),  # a host's name or an instance's id; empty: all sessions
    Column("words", Text, nullable=False),
    Column("level", word_of(Level), nullable=False),
    Column("said_at", UtcDateTime, nullable=False),
    Column("until", UtcDateTime, nullable=False),
)

leases = Table(
    "leases",
    metadata,
    Column("name", String(255), primary_key=True),
    Column("holder", String(255), nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
)

driver_state = Table(
    "driver_state",
    metadata,
    Column("namespace", String(63), primary_key=True),
    Column("key", sorted_text(255), primary_key=True),
    Column("value", Text, nullable=False),  # JSON
    Column("version", BigInteger, nullable=False),
    Column("written_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, index=True),  # null: it stays until it is deleted
)

driver_versions = Table(
    "driver_versions",
    metadata,
    Column("namespace", String(63), primary_key=True),
    Column("last", BigInteger, nullable=False),  # version that was given in this namespace; none is given twice
)

orphans = Table(
    "strays",  # as earlier versions called it
    metadata,
    Column("pool", String(40), primary_key=True),  # whose housekeeping found it
    Column("id", String(255), primary_key=True),  # "port/3f0c…", "container/main-01/dd-alice-1"
    Column("seen_at", UtcDateTime, nullable=False),  # first
    Column("attempts", Integer, nullable=False),  # to remove it
    Column("next_at", UtcDateTime),  # before this it is not tried again
)

ticks = Table(
    "ticks",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("pool", String(40), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("left_undone", Text, nullable=False),  # of what it decided, each with the reason; empty: nothing
    Index(None, "pool", "at"),
)

decisions = Table(
    "decisions",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("tick", ForeignKey("ticks.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("kind", word_of(DecisionKind), nullable=False),
    Column("subject", String(255), nullable=False),  # a host's name, an instance's id, or the pool for a spawn
    Column("reason", Text, nullable=False),
    Column("flavor", word_of(FlavorSize)),  # of a spawn
    Column("cause", word_of(EndCause)),  # of the end of a session
    Index(None, "subject", "id"),
)

changes = Table(
    "changes",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", UtcDateTime, nullable=False),
    Column("noun", word_of(Noun), nullable=False),
    Column("subject", String(63), nullable=False),  # a host's name or an instance's id
    Column("pool", String(40), nullable=False),
    Column("state", String(24), nullable=False),  # that it went to
    Column("reason", Text, nullable=False),
    Column("host", String(63), nullable=False),  # of an instance: that it is or was on; empty: none yet
    Column("user", UserName, nullable=False, server_default=""),  # of an instance: who it is for
    Column("told", Boolean, nullable=False, index=True),  # an event was emitted for it
    Column(
        "told_platform", Boolean, nullable=False, server_default=true(), index=True
    ),  # the session's artifact has it
    Column("told_visitors", Boolean, nullable=False, server_default=true(), index=True),  # the gateway shows it
    Column("told_page", Boolean, nullable=False, server_default=true(), index=True),  # the pool page was drawn since
    Column("told_webhook", Boolean, nullable=False, server_default=true(), index=True),  # it took it, or there is none
    Index(None, "noun", "subject", "id"),
    Index(None, "pool", "at"),
)
