"""What housekeeping decides: values with a reason, stored with the tick that made them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from textwrap import shorten

from pool.records import FlavorSize
from pool.states import EndCause

MOST_LETTERS = 500  # of what a tick left undone: thousands of things may meet one trouble


class DecisionKind(StrEnum):
    """What is to be done, and to what the decision's subject refers."""

    SPAWN = "spawn"  # pool: record a host and make its server
    WAIT = "wait"  # pool: hosts are wanted and not spawned now, and what stands in the way
    CUT_OFF = "cut-off"  # pool: many hosts are out of reach at once, and none is given up for it; said only
    CONFIGURE = "configure"  # host: run the playbook, bring the images
    RENEW = "renew-certificate"  # host: give its engine a fresh certificate; its sessions go on
    DRAIN = "drain"  # host: no new sessions from now on
    RETURN = "return"  # host, draining: put it back into service, what it drained for is over
    LET_GO = "let-go"  # host, empty: drain it because of its age or because it is not needed, unless a session came
    FAIL_HOST = "fail-host"  # host: give it up
    REMOVE = "remove"  # host: move it to removing and ask the cloud to delete its server (again)
    CONFIRM_GONE = "confirm-gone"  # host: move it from removing to removed, the cloud no longer lists its server
    DELETE_SERVER = "delete-server"  # host, long removed: its server came back late; ask the cloud to delete it
    EXPIRE = "expire"  # instance: its time is over, deprovision it
    END_DRAINED = "end-drained"  # instance: the drain of its host has a deadline, and it is over; deprovision it
    END_IDLE = "end-idle"  # instance: idle for longer than its blueprint allows, deprovision it
    BACK_UP = "back-up"  # instance: its blueprint says that it is time; it goes on meanwhile
    CLEAN_UP = "clean-up"  # instance: starting or stopping, and no flow run works on it; deprovision it
    LOST_CONTAINER = "lost-container"  # instance: its container ended or is gone; take the rest away, move it to failed
    SHUT_DOWN = "shut-down"  # instance: its user ended it from inside; deprovision it
    START_AGAIN = "start-again"  # instance: its container stopped when its host rebooted; start it
    OUT_OF_MEMORY = "out-of-memory"  # instance: a process in it was killed for memory; said only
    FILLS_DISK = "fills-disk"  # instance: it wrote most on a host whose disk is nearly full; said only
    END_WRITER = "end-writer"  # instance: the same, and hardly anything is left; deprovision it
    REPORT = "report"  # an orphan, by its id: our mark is on it, and no living record names it; nothing is done
    REMOVE_CONTAINER = "remove-container"  # an orphan container, by its id: remove it
    REMOVE_PART = "remove-part"  # an orphan in the cloud, by its id: remove it
    START = "start"  # instance: it has room, and no flow run starts it; have one do so
    START_STANDBY = "start-standby"  # "<host>/<blueprint>": record a standby there, and have a flow run start it
    ASK_STANDBY = "ask-standby"  # standby: it starts for long; ask again for its flow run, which is begun but once
    START_CLASS = "start-class"  # course: ask for the sessions of its users, before its class
    END_STANDBY = "end-standby"  # standby: remove its container, give its room back; unless a session has taken it
    MOVE_OFF = "move-off"  # instance: the drain of its host is nearly over; have a flow run move it to another host
    MOVE_ON = "move-on"  # instance: it is moved to another host, and no flow run does so; have one go on
    GIVE_UP = "give-up"  # instance, queued: it waits in vain; move it to failed
    FAIL_INSTANCE = "fail-instance"  # instance: its host is lost; take its route away and move it to failed


@dataclass(frozen=True)
class Decision:
    """One thing to do, and why."""

    kind: DecisionKind
    subject: str
    reason: str  # a sentence for the operator, without the subject
    flavor: FlavorSize | None = None  # of a spawn
    cause: EndCause | None = None  # of the end of a session


@dataclass(frozen=True)
class RecordedDecision:
    """A decision together with the tick that made it."""

    decision: Decision
    tick: int
    pool: str
    at: datetime


@dataclass(frozen=True)
class LeftUndone:
    """What a tick decided and did not get done."""

    at: datetime
    what: str  # each decision with what stood in its way

    def __str__(self) -> str:
        """For the operator, who finds all of it in the table of the tick."""
        return f"the tick at {self.at:%H:%M:%S} UTC left undone: {shorten(self.what, MOST_LETTERS, placeholder=' …')}"


def without_repeats(recorded: Iterable[RecordedDecision]) -> list[RecordedDecision]:
    """Drop repeated reasons to wait, or to give up no host: a pool records one at every tick."""
    said, kept = set(), []
    for one in recorded:
        again = one.decision.kind in (DecisionKind.WAIT, DecisionKind.CUT_OFF) and one.decision in said
        said.add(one.decision)
        if not again:
            kept.append(one)
    return kept
