"""Where it is struck: the step boundaries of every pipeline, and who dies there."""

from dataclasses import dataclass
from enum import StrEnum


class Victim(StrEnum):
    """What is killed, always with SIGKILL, or what comes nearest to it."""

    WORKER = "the process that runs the flow"
    SERVER = "Prefect's server"
    GATEWAY = "the gateway (nginx, all of it)"
    ENGINE = "the Docker engine of the session's host"
    HOST = "the session's host"
    REBOOT = "the session's host, which starts again"
    DATABASE = "every connection to the pool's database"


@dataclass(frozen=True)
class Point:
    """One moment of one pipeline, and the victim."""

    pipeline: str  # the flow's name
    step: str  # the task's function
    when: str  # "before" it begins, or "after" it has ended
    victim: Victim = Victim.WORKER

    def __str__(self) -> str:
        return f"{self.pipeline}: {self.when} {self.step}: {self.victim}"


def _at(pipeline: str, when: str, *steps: str, victim: Victim = Victim.WORKER) -> list[Point]:
    return [Point(pipeline, step, when, victim) for step in steps]


PROVISION = "provision-instance"
END = "deprovision-instance"
TICK = "housekeep"
SPAWN = "spawn-host"
CONFIGURE = "configure-host"
DISTRIBUTE = "distribute-images"

POINTS = [
    # The flow's own process dies, at each boundary.
    *_at(PROVISION, "before", "record_instance", "give_out_room", "start_container", "wait_until_ready"),
    *_at(PROVISION, "before", "publish_route"),
    *_at(PROVISION, "after", "record_instance", "give_out_room", "start_container", "publish_route"),
    *_at(END, "before", "withdraw_route", "remove_container"),
    *_at(END, "after", "withdraw_route", "remove_container"),
    *_at(TICK, "before", "observe", "record_tick", "remove_container"),
    *_at(TICK, "after", "record_tick", "remove_container"),
    *_at(SPAWN, "after", "claim_host", "create_server"),
    *_at(SPAWN, "before", "create_server", "trigger"),
    *_at(CONFIGURE, "before", "apply_playbook", "send_images", "check_host"),
    *_at(DISTRIBUTE, "before", "send_images"),
    # The others die under it.
    *_at(PROVISION, "before", "start_container", victim=Victim.SERVER),
    *_at(PROVISION, "before", "publish_route", victim=Victim.GATEWAY),
    *_at(PROVISION, "before", "start_container", victim=Victim.ENGINE),
    *_at(PROVISION, "after", "start_container", victim=Victim.ENGINE),
    *_at(PROVISION, "before", "wait_until_ready", victim=Victim.DATABASE),
    *_at(END, "before", "remove_container", victim=Victim.ENGINE),
    *_at(END, "before", "withdraw_route", victim=Victim.GATEWAY),
    *_at(END, "before", "remove_container", victim=Victim.DATABASE),
    *_at(TICK, "before", "observe", victim=Victim.SERVER),
    *_at(TICK, "before", "observe", victim=Victim.DATABASE),
    *_at(PROVISION, "after", "start_container", victim=Victim.REBOOT),
    *_at(PROVISION, "after", "start_container", victim=Victim.HOST),
]
