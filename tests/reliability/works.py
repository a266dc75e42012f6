"""The pipelines that are struck: how a run of each is begun, what becomes of what it is about, how it is cleaned up."""

from collections.abc import Callable
from uuid import uuid4

from pool.records import Host, Instance
from pool.states import HostState
from pool.store.pool_store import PoolStore
from tests.reliability.accepted import Age, Request
from tests.reliability.judging import Judgement
from tests.reliability.points import CONFIGURE, DISTRIBUTE, END, PROVISION, SPAWN, TICK
from tests.reliability.tiny_stack import BLUEPRINT
from tests.rigs.stacks.stack import Stack
from tests.rigs.waiting import until


class Work:
    """One run of a pipeline: what it is about, how it is begun, what became of it, how it is cleaned up."""

    deployment = ""
    settle_seconds = 60  # for ticks to set right what is left once all requests have ended

    def __init__(self, stack: Stack, store: PoolStore) -> None:
        self._stack, self._store = stack, store
        self.session = ""  # that it is about, if it is about one
        self.prepare()

    @property
    def struck(self) -> str:
        """The session whose run alone is struck; empty: the run of any."""
        return self.session

    @property
    def host(self) -> str:
        """Name of the host that what it is about is on; empty: none in particular."""
        found = [i for i in self._store.instances.all("main") if i.id == self.session]
        return (found[0].host or "") if found else ""

    def prepare(self) -> None:
        """What must be there before."""

    def parameters(self) -> dict:
        """Of the run."""
        return {}

    def begin(self) -> list[Request]:
        """Trigger it; nothing waits for its end. What a platform asked for by that."""
        self._stack.trigger(self.deployment, **self.parameters())
        return []

    def became(self) -> str:
        """What became of the thing, in a few words."""
        return ""

    def judge(self, found: Judgement) -> None:
        """Add what can be seen to be wrong by what it is about; also asked again, after some time."""

    def clean_up(self) -> None:
        """Have the next point find the pool as this one did."""


class OnASession(Work):
    def prepare(self) -> None:
        self.session = f"struck-{uuid4().hex[:8]}"

    def parameters(self) -> dict:
        return {"instance_id": self.session}

    @property
    def instance(self) -> Instance | None:
        """The session's record; None: there is none."""
        return next((one for one in self._store.instances.all("main") if one.id == self.session), None)

    def became(self) -> str:
        return f"session {self.instance.state}" if self.instance else "session never recorded"


class _Provision(OnASession):
    deployment = "provision-instance/on-demand"

    def parameters(self) -> dict:
        return super().parameters() | {"blueprint": BLUEPRINT}

    def begin(self) -> list[Request]:
        return [Request(Age.STRUCK, self.session, self._stack.trigger(self.deployment, **self.parameters()))]


class _Deprovision(OnASession):
    deployment = "deprovision-instance/on-demand"

    def prepare(self) -> None:
        super().prepare()
        self._stack.provision(self.session, blueprint=BLUEPRINT)

    def begin(self) -> list[Request]:
        run = self._stack.trigger(self.deployment, **self.parameters())
        return [Request(Age.STRUCK, self.session, run, ends=True)]


class _Tick(OnASession):
    """A tick that has something to end."""

    deployment = "housekeep/scheduled"

    def prepare(self) -> None:
        super().prepare()
        self._stack.provision(self.session, blueprint=BLUEPRINT, options={"lifetime": 1})

    @property
    def struck(self) -> str:
        return ""

    def parameters(self) -> dict:
        return {}


class _Spawn(Work):
    deployment = "spawn-host/on-demand"

    def prepare(self) -> None:
        self._before = {host.name for host in self._store.hosts.all("main")}

    def _new(self) -> list[Host]:
        return [host for host in self._store.hosts.all("main") if host.name not in self._before]

    def became(self) -> str:
        return ", ".join(f"host {host.state}" for host in self._new()) or "host never recorded"

    def clean_up(self) -> None:
        """Hosts that are too many would fill the machine."""
        on_their_way = (HostState.SPAWNING, HostState.CONFIGURING)
        until(lambda: not any(h.state in on_their_way for h in self._new()), "the new hosts have arrived", 300)
        for host in self._new():
            if host.state is HostState.ACTIVE and not host.reserved:
                self._stack.run("drain-host/on-demand", host=host.name)


class _Configure(_Spawn):
    """A new host, struck while it is configured."""


class _Distribute(Work):
    deployment = "distribute-images/on-demand"

    def became(self) -> str:
        return "images on every host"


#: By the pipeline. Those of the other scenes are in `scenes`.
PLAIN: dict[str, Callable[[Stack, PoolStore], Work]] = {
    PROVISION: _Provision,
    END: _Deprovision,
    TICK: _Tick,
    SPAWN: _Spawn,
    CONFIGURE: _Configure,
    DISTRIBUTE: _Distribute,
}
