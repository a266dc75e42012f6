"""The life cycles of hosts and sessions, each as one dict of the moves that it allows.

Every state stands in its dict, and a state that allows no move is final. The store applies a move as one guarded write,
so a refused move changes nothing.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from pool.errors import RefusedMove


class HostState(StrEnum):
    """Where a host is in its life."""

    SPAWNING = "spawning"  # recorded; the cloud is asked, or is about to be asked, for the server
    CONFIGURING = "configuring"  # ssh answers; the playbook runs, the images arrive
    ACTIVE = "active"  # takes sessions
    DRAINING = "draining"  # keeps its sessions and takes no new ones
    FAILED = "failed"  # given up, with a reason; its server may still exist
    REMOVING = "removing"  # out of service for good; the cloud was asked, or is about to be, to delete the server
    REMOVED = "removed"  # the cloud says that the server is gone


class InstanceState(StrEnum):
    """Where a session is in its life."""

    QUEUED = "queued"  # known, holds no room
    STARTING = "starting"  # holds room on a host; its container may exist
    RUNNING = "running"  # answers, and its route is published
    MOVING = "moving"  # on its way to another host: its program is ended, its work backed up; holds room on both hosts
    STOPPING = "stopping"  # its route and container are being removed; still holds room
    DELETED = "deleted"  # nothing of it exists
    FAILED = "failed"  # ended with a reason; nothing of it exists


class EndCause(StrEnum):
    """Why a session ended: a fact, from which what people read is made. The record's reason has the details."""

    REQUESTED = "requested"  # deprovision-instance
    SHUT_DOWN_INSIDE = "shut-down-inside"  # by its user, in the notebook
    EXPIRED = "expired"  # its time was over
    IDLE = "idle"  # for longer than its blueprint allows
    DRAINED = "drained"  # its host's drain had a deadline
    HOST_LOST = "host-lost"  # its host failed
    HOST_REBOOTED = "host-rebooted"  # and its container did not start again
    CONTAINER_REMOVED = "container-removed"  # by another than DockerDriver
    PROGRAM_ENDED = "program-ended"  # its container ended by itself
    OUT_OF_MEMORY = "out-of-memory"  # its container was killed for memory
    DISK_FILLED = "disk-filled"  # it wrote most on a host whose disk was full but for a last reserve
    POOL_SHUT_DOWN = "pool-shut-down"  # the pool is in shutdown mode
    NO_ROOM = "no-room"  # none became free in its time
    NOT_STARTED = "not-started"  # it never answered


#: Causes by which a session ends as failed: it did not end because its user, its platform or its time limit said so.
FAILURES = frozenset(
    {
        EndCause.HOST_LOST,
        EndCause.HOST_REBOOTED,
        EndCause.CONTAINER_REMOVED,
        EndCause.PROGRAM_ENDED,
        EndCause.OUT_OF_MEMORY,
        EndCause.POOL_SHUT_DOWN,
        EndCause.NO_ROOM,
        EndCause.NOT_STARTED,
    }
)

#: A state of one of the two life cycles.
State = TypeVar("State", HostState, InstanceState)

HOST_MOVES: Mapping[HostState, frozenset[HostState]] = {
    HostState.SPAWNING: frozenset({HostState.CONFIGURING, HostState.FAILED}),
    HostState.CONFIGURING: frozenset({HostState.ACTIVE, HostState.DRAINING, HostState.FAILED}),
    HostState.ACTIVE: frozenset({HostState.DRAINING, HostState.FAILED}),
    HostState.DRAINING: frozenset({HostState.ACTIVE, HostState.REMOVING, HostState.FAILED}),
    HostState.FAILED: frozenset({HostState.REMOVING}),
    HostState.REMOVING: frozenset({HostState.REMOVED}),
    HostState.REMOVED: frozenset(),
}

INSTANCE_MOVES: Mapping[InstanceState, frozenset[InstanceState]] = {
    InstanceState.QUEUED: frozenset({InstanceState.STARTING, InstanceState.STOPPING, InstanceState.FAILED}),
    InstanceState.STARTING: frozenset(
        {InstanceState.RUNNING, InstanceState.QUEUED, InstanceState.STOPPING, InstanceState.FAILED}
    ),
    InstanceState.RUNNING: frozenset({InstanceState.MOVING, InstanceState.STOPPING, InstanceState.FAILED}),
    InstanceState.MOVING: frozenset(
        {
            InstanceState.RUNNING,  # it goes on where it was
            InstanceState.STARTING,  # on the other host
            InstanceState.QUEUED,  # the other host serves no more
            InstanceState.STOPPING,
            InstanceState.FAILED,
        }
    ),
    InstanceState.STOPPING: frozenset({InstanceState.DELETED, InstanceState.FAILED}),
    InstanceState.DELETED: frozenset(),
    InstanceState.FAILED: frozenset(),
}

#: States in which a host counts against ``DD_MAX_HOSTS``: a server of it exists or may come to exist.
LIVING_HOSTS = frozenset(HostState) - {HostState.REMOVED}
#: States of a host that no session can be on yet, and that will take some.
ON_THEIR_WAY = frozenset({HostState.SPAWNING, HostState.CONFIGURING})
#: States in which an instance holds slots on its host.
HOLDING_ROOM = frozenset({InstanceState.STARTING, InstanceState.RUNNING, InstanceState.MOVING, InstanceState.STOPPING})
#: States from which an instance never moves again.
ENDED = frozenset({InstanceState.DELETED, InstanceState.FAILED})
#: States of a session that was asked for and does not run yet.
BEGINNING = frozenset({InstanceState.QUEUED, InstanceState.STARTING})
#: All that have not ended.
LIVING_INSTANCES = frozenset(InstanceState) - ENDED


def check_host_move(name: str, current: HostState, to: HostState) -> None:
    """Refuse a move that the host's life cycle does not allow.

    Raises:
        RefusedMove: "host h-07 cannot go from draining to active".
    """
    if to not in HOST_MOVES[current]:
        raise RefusedMove(f"host {name} cannot go from {current} to {to}")


def check_instance_move(instance_id: str, current: InstanceState, to: InstanceState) -> None:
    """Refuse a move that the instance's life cycle does not allow.

    Raises:
        RefusedMove: "instance alice-1 cannot go from deleted to running".
    """
    if to not in INSTANCE_MOVES[current]:
        raise RefusedMove(f"instance {instance_id} cannot go from {current} to {to}")


def states_that_may_become(to: State) -> frozenset[State]:
    """All states from which a move to *to* is allowed: the guard of the store's write."""
    moves = HOST_MOVES if isinstance(to, HostState) else INSTANCE_MOVES
    return frozenset(state for state, targets in moves.items() if to in targets)
