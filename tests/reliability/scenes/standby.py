"""Sessions that take a standby, and standbys that are begun, while all of them are struck."""

from pool.standbys.standby import StandbyState
from pool.states import InstanceState
from tests.reliability.accepted import Age, Request
from tests.reliability.in_flight import ask_to_end
from tests.reliability.judging import Judgement
from tests.reliability.scenes.rules import standbys_missing
from tests.reliability.tiny_stack import TINY
from tests.reliability.works import OnASession
from tests.rigs.waiting import until

STANDING = "tiny-standing"
WANTED = 2
READY_SECONDS = 120


class WithStandbys(OnASession):
    """A blueprint whose standbys are ready."""

    #: Where a tick died between a standby's record and its run, the record ends after `longest_start`.
    settle_seconds = 360
    frozen = False

    def prepare(self) -> None:
        super().prepare()
        self._stand_by(WANTED)
        until(lambda: not self._missing(), f"{WANTED} standbys are ready", READY_SECONDS, meanwhile=self._tick)

    def _stand_by(self, wanted: int) -> None:
        frozen = {"standby_frozen": self.frozen, "standby_warm_up": 1}
        self._stack.save_blueprint(STANDING, **TINY, standby=wanted, **frozen)

    def _missing(self) -> list[str]:
        return standbys_missing(STANDING, WANTED, self._store.standbys.all("main"))

    def _tick(self) -> None:
        self._stack.run("housekeep/scheduled", seconds=150)

    def _start(self) -> str:
        return self._stack.trigger("provision-instance/on-demand", instance_id=self.session, blueprint=STANDING)

    def became(self) -> str:
        taken = " with a standby" if self.instance and self.instance.standby else ""
        return super().became() + taken

    def judge(self, found: Judgement) -> None:
        found.standbys_missing += self._missing()

    def clean_up(self) -> None:
        """The other points have no standbys."""
        self._stand_by(0)
        if self.instance and self.instance.state is InstanceState.RUNNING:
            ask_to_end(self._stack, self.session)
        until(lambda: not self._store.standbys.all("main"), "no standby is left", READY_SECONDS, meanwhile=self._tick)


class Provision(WithStandbys):
    """A session takes one, and another takes its place."""

    deployment = "provision-instance/on-demand"

    def begin(self) -> list[Request]:
        return [Request(Age.STRUCK, self.session, self._start())]


class End(WithStandbys):
    """A session that took one ends."""

    deployment = "deprovision-instance/on-demand"

    def prepare(self) -> None:
        super().prepare()
        state, message = self._stack.finish(self._start())
        assert (state, bool(self.instance and self.instance.standby)) == ("COMPLETED", True), message
        until(lambda: not self._missing(), "the standbys are ready again", READY_SECONDS, meanwhile=self._tick)

    def begin(self) -> list[Request]:
        return [ask_to_end(self._stack, self.session, Age.STRUCK)]


class Begin(WithStandbys):
    """One was taken, and the run that begins another is struck: a tick, or the run that it asks for."""

    @property
    def struck(self) -> str:
        return ""

    def begin(self) -> list[Request]:
        requests = [Request(Age.STRUCK, self.session, self._start())]
        until(self._is_taken, "a session takes a standby", READY_SECONDS)
        self._stack.trigger("housekeep/scheduled")
        return requests

    def _is_taken(self) -> bool:
        return sum(one.state is StandbyState.READY for one in self._store.standbys.all("main")) < WANTED


class ProvisionFrozen(Provision):
    """A session has one that was frozen go on."""

    frozen = True


class BeginFrozen(Begin):
    """The one that is begun is to be frozen."""

    frozen = True
