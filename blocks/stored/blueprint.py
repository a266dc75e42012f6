"""How a session is made: the block ``blueprint/<name>``. An operator fills its form; the next session uses it."""

from typing import Any, Literal, Self

from prefect.blocks.core import Block
from pydantic import ConfigDict, Field, field_validator, model_validator

from blocks.field_types import Megabytes, Seconds, Texts, Timetable
from blocks.stored.bounds import cut_stored, is_reading_stored
from blocks.stored.pictures.kinds import picture_of_its_kind
from blocks.stored.titles import BLUEPRINT, titled
from pool.backups.kept_paths import check_hook, check_kept
from pool.errors import BadRequest
from pool.faults import Faults
from pool.images.catalogue import split_pin
from pool.moments import LONGEST_SPAN
from pool.names import check_environment
from pool.records import BlueprintSpec, KeptWork, ProxyOptions
from pool.sessions.containers import lifts_network_limit
from pool.sessions.filling import IN_HEADER, nearly_known, unknown_names
from pool.sessions.networks import check_network, read_listed
from pool.standbys.spec import why_cold
from pool.standbys.wanted import MOST as MOST_STANDBYS
from pool.standbys.wanted import may_want_some, read_standby_timetable

SLOT_MB, MOST_SLOTS, MOST_CPUS = 512, 1_000_000, 4096
MOST_MBIT, MOST_EXTENSIONS, SHORTEST_EXTENSION = 100_000, 100, 300


class Blueprint(Block):
    """One kind of notebook session."""

    _block_type_name = "Blueprint"
    _block_type_slug = "blueprint"
    _logo_url = picture_of_its_kind()
    _description = (
        "How a session is made: image, command, memory, slots, times, sign-in. The next session uses what is saved."
    )
    model_config = ConfigDict(field_title_generator=titled(BLUEPRINT))

    image: str = Field(description="Name in the image catalogue, e.g. jupyter-minimal or rocker/rstudio:4.4.")
    image_digest: str = Field(
        "",
        pattern=r"^(sha256:[0-9a-f]{64})?$",
        description="Version of the image to run: its id or its registry's digest, as in sha256:3fa9…; empty: the"
        " newest that hosts have.",
    )
    port: int = Field(ge=1, le=65535, description="Port that the notebook listens on inside its container.")
    pool: str = Field("main", description="Pool whose hosts run it.")
    command: list[str] = Field(
        [],
        description="Launch command, one word each, as in jupyter, lab and --port={port}; {base_url}, {port}, {user},"
        " {instance_id}, {timezone} and {token}"
        " are filled in, all other braces stay. Empty: the image's own. Every account of the host, and of the manager"
        " where hosts are its containers, can read it: give a token, and with sign_in open {base_url}, in the"
        " environment instead.",
    )
    environment: dict[str, str] = Field(
        {},
        description="Environment of the session, as in R_LIBS: /opt/R; {base_url}, {port}, {user}, {instance_id},"
        " {timezone} and {token} are"
        " filled in. MEM_LIMIT (bytes), the pool's TZ and, with cpus, CPU_LIMIT, OMP_NUM_THREADS and the like are there"
        " unless they are set here.",
    )
    memory_mb: Megabytes = Field(SLOT_MB, ge=64, le=MOST_SLOTS * SLOT_MB, description="Memory limit, in MB.")
    memory_swap_mb: Megabytes = Field(
        0,
        ge=0,
        le=MOST_SLOTS * SLOT_MB,
        description="Swap that a session may use beside its memory, in MB; its pool's hosts must have as much"
        " (DD_HOST_SWAP_MB). 0: none.",
    )
    cpus: float = Field(
        0,
        ge=0,
        le=MOST_CPUS,
        description="CPUs that a session may use at once, like 0.5 or 2; it is told, and begins so many threads."
        " 0: no limit.",
    )
    shm_mb: Megabytes = Field(
        0,
        ge=0,
        le=MOST_SLOTS * SLOT_MB,
        description="Size of /dev/shm, in MB; what is in it counts as memory. 0: half of the memory.",
    )
    network_mbit: int = Field(
        0,
        ge=0,
        le=MOST_MBIT,
        description="Mbit per second that a session may send, and as much that it may receive; what goes to its browser"
        " counts. 0: no limit.",
    )
    network: Literal["open", "closed", "list"] = Field(
        "open",
        description="What a session may open connections to, beside what none may (its host, the manager, other"
        " sessions, the cloud's metadata, DD_BLOCKED_NETWORKS). open: the rest; closed: nothing, name servers neither;"
        " list: network_list and the name servers of its host. It is reached through the gateway in each case.",
    )
    network_list: Texts = Field(
        [],
        description="With network: list, networks and addresses of IPv4, also with a TCP port, as in 10.20.0.0/16 or"
        " 192.0.2.7:443.",
    )
    slots: int = Field(
        1, ge=1, le=MOST_SLOTS, description="Room that a session takes on its host; one slot is about 512 MB."
    )
    gpus: int = Field(
        0,
        ge=0,
        le=1024,
        description="GPUs of its host that a session has for itself (DD_HOST_GPUS); its slots must be in proportion.",
    )
    lifetime: Seconds = Field(3600, ge=60, le=LONGEST_SPAN, description="Seconds until a session expires.")
    idle_timeout: Seconds = Field(
        0,
        ge=0,
        le=LONGEST_SPAN,
        description="Seconds without a request or any traffic from a browser until a session ends; 0: never.",
    )
    extend_by: Seconds = Field(
        0,
        ge=0,
        le=LONGEST_SPAN,
        description="Seconds that a user may let a session go on for, by a button in the open page that is there"
        " shortly before its end; 300 at least. 0: no button.",
    )
    extensions: int = Field(1, ge=0, le=MOST_EXTENSIONS, description="How often a user may do so, in each session.")
    max_sessions_per_user: int = Field(
        0, ge=0, le=MOST_SLOTS, description="Sessions by this blueprint that one user may have at once; 0: no limit."
    )
    max_sessions: int = Field(
        0, ge=0, le=MOST_SLOTS, description="Sessions by this blueprint at once, of all users; 0: no limit."
    )
    standby: int = Field(
        0,
        ge=0,
        le=MOST_STANDBYS,
        description="Containers that are started ahead in free room, so that a session begins at once; they make way"
        " for a session that needs the room. 0: each is started when it is asked for.",
    )
    standby_timetable: Timetable = Field(
        [],
        description="Times with another number of them, in the pool's time zone, like Mon-Fri 08:00-18:00: 10; the last"
        " that holds wins. At all other times: standby.",
    )
    standby_by_demand: int = Field(
        0,
        ge=0,
        le=MOST_STANDBYS,
        description="More of them where more sessions came at once at this time of the week, in two of the last four"
        " weeks at least; at most so many. 0: never more.",
    )
    standby_frozen: bool = Field(
        False,
        description="They are frozen once they answer, and cost no processor time; a session that is given one has it"
        " go on. Not for a program that ends itself after a time without use.",
    )
    standby_warm_up: Seconds = Field(
        5, ge=0, le=60, description="Seconds that one runs on after it answers, before it is frozen."
    )
    ready_path: str = Field(
        "", description="Path below the base URL that answers once the notebook is up, as in api/status."
    )
    start_timeout: Seconds = Field(60, ge=1, le=3600, description="Seconds that a session may take to answer.")
    capabilities: list[str] = Field(
        [], description="Linux capabilities that the image needs, as in CAP_SETUID; all others are dropped."
    )
    container_user: str = Field(
        "",
        description="User that runs it, as uid:gid, like 1000:100; session:gid is a uid of its own for each session,"
        " where the image"
        " works with any. Empty: the image's own.",
    )
    disk_mb: Megabytes = Field(
        10240, ge=0, description="MB that a session may write, where its host's storage can limit it; 0: no limit."
    )
    read_only: bool = Field(
        False,
        description="Nothing of its image's files can be changed: it writes to /tmp, /var/tmp and /run alone, which"
        " count as memory and are gone with it. Not with keep, secrets, or files of a course.",
    )
    pids_limit: int = Field(512, ge=16, le=4_194_304, description="Processes and threads that a session may have.")
    open_files: int = Field(
        16_384,
        ge=0,
        le=1_048_576,
        description="Files and connections that each of its processes may have open; 0: the engine's own limit.",
    )
    keep: Texts = Field(
        [],
        description="Folders or files that are backed up when a session ends and come back in its user's next one, by"
        " their whole paths, as in /home/jovyan. Empty: nothing is kept.",
    )
    keep_without: Texts = Field(
        [],
        description="Patterns of what is left out of it, as in .cache, *.tmp or project/build.",
    )
    keep_limit_mb: Megabytes = Field(
        2048, ge=0, description="MB above which a session is not backed up, and that is told; 0: no limit."
    )
    keep_every: Seconds = Field(
        0, ge=0, le=LONGEST_SPAN, description="Seconds between backups of a session that runs; 0: only when it ends."
    )
    keep_comes_back: bool = Field(
        True,
        description="Whether a session begins with its user's newest backup where its request does not say (option"
        " restore: newest, none or a backup). Off: with nothing.",
    )
    keep_before: list[str] = Field(
        [],
        description="Command that is run inside a session that runs, by its own user, before it is backed up, one word"
        " each, as in /usr/local/bin/dump: it has a database write a dump, or all that it holds. Nothing is filled"
        " in. Empty: none.",
    )
    keep_before_seconds: Seconds = Field(
        60, ge=1, le=600, description="Seconds that it may take; then the backup is made without, and that is told."
    )
    stop_seconds: Seconds = Field(
        10,
        ge=1,
        le=600,
        description="Seconds that the program of a session with keep has to write what it holds and end, before its"
        " last backup; then it is killed.",
    )
    init: bool = Field(
        True, description="Run the command below a small init that reaps; off for images with their own."
    )
    strip_prefix: bool = Field(False, description="The session sees / instead of its long address (RStudio).")
    rewrite_redirects: bool = Field(False, description="Give redirects and cookie paths of the session the prefix.")
    max_upload_mb: Megabytes = Field(0, ge=0, le=1_000_000, description="Largest request body, in MB; 0: no limit.")
    sign_in: Literal["link", "open"] = Field(
        "link",
        description="link: only a browser that came by a launch link is in; open: the URL is enough.",
    )
    auth_header: str = Field(
        "",
        description="Authorization header that the gateway sends to the session, as in token {token}; {token} and"
        " {user} are filled in.",
    )

    @model_validator(mode="before")
    @classmethod
    def _within_bounds(cls, values: Any) -> Any:
        return cut_stored(cls, values)

    @field_validator("image")
    @classmethod
    def _names_an_image(cls, value: str) -> str:
        try:
            split_pin(value)
        except BadRequest as error:
            raise ValueError(str(error)) from None
        return value

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        """Refuse what no session can be made of; in a form, which reads nothing saved, also what no operator means."""
        faults = Faults()
        with faults.gathered():
            check_kept(self.keep, self.keep_without)
        with faults.gathered():
            check_hook(self.keep_before)
        with faults.gathered():
            read_listed(self.network_list)
        if not is_reading_stored():
            self._note_contradictions(faults)
            self._note_what_cannot_be_read(faults)
            self._note_standbys_in_vain(faults)
        if faults:
            raise ValueError(str(faults))
        return self

    def _note_contradictions(self, faults: Faults) -> None:
        if self.shm_mb > self.memory_mb:
            faults.note(f"shared memory ({self.shm_mb} MB) counts as memory, of which there are {self.memory_mb} MB")
        if self.network_mbit and (way := lifts_network_limit(self.capabilities)):
            faults.note(f"with the capability {way} a session could lift its own limit of the network")
        if self.read_only and self.keep:
            faults.note("with read_only there is nothing to keep: a session writes into memory alone")
        if self.idle_timeout > self.lifetime:
            faults.note(
                f"the idle limit ({self.idle_timeout} s) is never reached: a session lives for {self.lifetime} s"
            )
        if 0 < self.extend_by < SHORTEST_EXTENSION:
            seen = f"an extension of {self.extend_by} s ends before its user sees it"
            faults.note(f"{seen}: {SHORTEST_EXTENSION} s at least")

    def _note_what_cannot_be_read(self, faults: Faults) -> None:
        for text in (*self.command, *self.environment.values()):
            for name, near in nearly_known(text):
                faults.note(f"{{{name}}} is not filled in; {{{near}}} is")
        with faults.gathered():
            read_standby_timetable(self.standby_timetable, "UTC")
        with faults.gathered():
            check_network(self.network, read_listed(self.network_list))

    def _note_standbys_in_vain(self, faults: Faults) -> None:
        """Note standbys that could never be given to a session; looked at where nothing else is wrong."""
        if not faults and may_want_some(self.spec("")) and (why := why_cold(self.spec(""))):
            faults.note(f"its sessions cannot stand by: {why}; {_none_of_them(self)}")

    @field_validator("auth_header")
    @classmethod
    def _can_be_filled_in(cls, value: str) -> str:
        if unknown := unknown_names(value, IN_HEADER):
            are = "are" if unknown[1:] else "is"
            found = ", ".join(f"{{{name}}}" for name in unknown)
            raise ValueError(f"{found} {are} not filled into this header; {{token}} and {{user}} are")
        if not value.isprintable():
            raise ValueError("a header is one line of printable characters")
        return value

    @field_validator("environment")
    @classmethod
    def _are_variables(cls, value: dict[str, str]) -> dict[str, str]:
        try:
            check_environment(value, "environment")
        except BadRequest as error:
            raise ValueError(str(error)) from None
        return value

    def spec(self, name: str) -> BlueprintSpec:
        """Return the same values as the rules and tasks see them."""
        values = self.model_dump(include=set(BlueprintSpec.__dataclass_fields__))
        proxy = self.model_dump(include=set(ProxyOptions.__dataclass_fields__))
        values |= {"command": tuple(self.command), "capabilities": tuple(self.capabilities)}
        values |= {"standby_timetable": tuple(self.standby_timetable)}
        image, pinned = split_pin(self.image)
        values |= {"image": image, "image_digest": pinned or self.image_digest}
        values |= {"network_list": read_listed(self.network_list)}
        return BlueprintSpec(name=name, proxy=ProxyOptions(**proxy), **values | {"keep": self._kept_work()})

    def _kept_work(self) -> KeptWork:
        return KeptWork(
            tuple(self.keep),
            tuple(self.keep_without),
            self.keep_limit_mb,
            self.keep_every,
            tuple(self.keep_before),
            self.keep_before_seconds,
            self.keep_comes_back,
            self.stop_seconds,
        )


def _none_of_them(blueprint: Blueprint) -> str:
    """Say what must be changed for no standby to be wanted."""
    empty = {"standby": 0, "standby_timetable": "nothing", "standby_by_demand": 0}
    return "set " + " and ".join(f"{name} to {value}" for name, value in empty.items() if getattr(blueprint, name))
