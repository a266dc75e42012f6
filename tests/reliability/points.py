"""Where it is struck: the step boundaries of every pipeline, and who dies there."""

from dataclasses import dataclass
from enum import StrEnum


class Victim(StrEnum):
    """What is killed, always with SIGKILL, or what comes nearest to it."""

    WORKER = "the process that runs the flow"
    SERVER = "Prefect's server"
    SERVER_AWAY = "Prefect's server, away for 30 s"
    GATEWAY = "the gateway (nginx, all of it)"
    ENGINE = "the Docker engine of the session's host"
    HOST = "the session's host"
    REBOOT = "the session's host, which starts again"
    CONNECTIONS = "every connection to the pool's database"
    POOL_DATABASE = "the pool's PostgreSQL, away for 10 s"
    POOL_DATABASE_LONG = "the pool's PostgreSQL, away for 60 s"
    PREFECT_DATABASE = "Prefect's PostgreSQL, away for 10 s"
    PREFECT_DATABASE_LONG = "Prefect's PostgreSQL, away for 60 s"
    POWER = "every process of the machine, then `make up`"


#: Seconds that what was killed is kept down; the others come back by themselves, as fast as they can.
AWAY = {
    Victim.SERVER_AWAY: 30,
    Victim.POOL_DATABASE: 10,
    Victim.POOL_DATABASE_LONG: 60,
    Victim.PREFECT_DATABASE: 10,
    Victim.PREFECT_DATABASE_LONG: 60,
    Victim.POWER: 0,
}
ON_THE_HOST = {Victim.ENGINE, Victim.HOST, Victim.REBOOT}

#: Between the worker's Pending and the flow's first line; no task of the product, but what the hooks call this moment.
TAKE = "take"


@dataclass(frozen=True)
class Point:
    """One moment of one pipeline, and the victim."""

    pipeline: str  # the flow's name
    step: str  # the task's function, or TAKE
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
    *_at(PROVISION, "after", TAKE, "record_instance", "give_out_room", "start_container", "wait_until_ready"),
    *_at(PROVISION, "after", "begin_to_run", "publish_route"),
    *_at(PROVISION, "before", "record_instance", "give_out_room", "start_container", "wait_until_ready"),
    *_at(PROVISION, "before", "begin_to_run", "publish_route"),
    *_at(END, "after", TAKE, "withdraw_route", "remove_container", "move_instance"),
    *_at(END, "before", "move_instance", "withdraw_route", "remove_container"),
    *_at(TICK, "after", TAKE, "observe", "record_tick", "remove_container"),
    *_at(TICK, "before", "observe", "record_tick", "remove_container"),
    # Others die under it, and come back at once.
    *_at(PROVISION, "before", "record_instance", "start_container", victim=Victim.SERVER),
    *_at(END, "before", "withdraw_route", victim=Victim.SERVER),
    *_at(TICK, "before", "observe", victim=Victim.SERVER),
    *_at(PROVISION, "before", "publish_route", victim=Victim.GATEWAY),
    *_at(END, "before", "withdraw_route", victim=Victim.GATEWAY),
    *_at(TICK, "before", "observe", victim=Victim.GATEWAY),
    *_at(PROVISION, "before", "wait_until_ready", victim=Victim.CONNECTIONS),
    *_at(END, "before", "remove_container", victim=Victim.CONNECTIONS),
    *_at(TICK, "before", "observe", victim=Victim.CONNECTIONS),
    # They are away for some time.
    *_at(PROVISION, "after", TAKE, victim=Victim.SERVER_AWAY),
    *_at(END, "before", "remove_container", victim=Victim.SERVER_AWAY),
    *_at(TICK, "after", "record_tick", victim=Victim.SERVER_AWAY),
    *_at(PROVISION, "before", "record_instance", victim=Victim.POOL_DATABASE),
    *_at(END, "before", "remove_container", victim=Victim.POOL_DATABASE),
    *_at(TICK, "before", "record_tick", victim=Victim.POOL_DATABASE),
    *_at(PROVISION, "before", "publish_route", victim=Victim.POOL_DATABASE_LONG),
    *_at(PROVISION, "before", "start_container", victim=Victim.PREFECT_DATABASE),
    *_at(END, "before", "withdraw_route", victim=Victim.PREFECT_DATABASE),
    *_at(TICK, "before", "observe", victim=Victim.PREFECT_DATABASE),
    *_at(PROVISION, "after", "record_instance", victim=Victim.PREFECT_DATABASE_LONG),
    *_at(PROVISION, "after", "start_container", victim=Victim.POWER),
    *_at(END, "after", "withdraw_route", victim=Victim.POWER),
    *_at(TICK, "after", "record_tick", victim=Victim.POWER),
    # What is about images and hosts takes a minute each; the struck hosts are replaced.
    *_at(DISTRIBUTE, "before", "send_images"),
    *_at(DISTRIBUTE, "after", "send_images"),
    *_at(SPAWN, "after", "claim_host", "create_server"),
    *_at(SPAWN, "before", "create_server", "trigger"),
    *_at(SPAWN, "after", "create_server", victim=Victim.SERVER),
    *_at(CONFIGURE, "before", "apply_playbook", "check_escapes", "send_images", "check_host"),
    *_at(CONFIGURE, "before", "check_host", victim=Victim.POOL_DATABASE),
    *_at(PROVISION, "before", "start_container", victim=Victim.ENGINE),
    *_at(PROVISION, "after", "start_container", victim=Victim.ENGINE),
    *_at(END, "before", "remove_container", victim=Victim.ENGINE),
    *_at(PROVISION, "after", "start_container", victim=Victim.REBOOT),
    *_at(PROVISION, "after", "start_container", victim=Victim.HOST),
]
