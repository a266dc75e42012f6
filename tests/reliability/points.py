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


class Scene(StrEnum):
    """What the pool and the session are like, where they are not as plain as can be."""

    PLAIN = ""
    KEPT = "of a session that keeps its work"
    MOVING = "of a session that moves"
    BURST = "in a burst, with standbys"
    STANDBYS = "with standbys"
    TOGETHER = "of sessions that are asked for together"
    FROZEN = "with frozen standbys"


#: Between the worker's Pending and the flow's first line; no task of the product, but what the hooks call this moment.
TAKE = "take"
#: What the worker does for several runs together before one of them begins; no task of the product either.
AHEAD = "ahead"


@dataclass(frozen=True)
class Point:
    """One moment of one pipeline, and the victim."""

    pipeline: str  # the flow's name
    step: str  # the task's function, or TAKE
    when: str  # "before" it begins, or "after" it has ended
    victim: Victim = Victim.WORKER
    scene: Scene = Scene.PLAIN

    @property
    def about(self) -> str:
        """The pipeline, and what it is about."""
        return f"{self.pipeline} {self.scene}".strip()

    def __str__(self) -> str:
        return f"{self.about}: {self.when} {self.step}: {self.victim}"


def _at(
    pipeline: str, when: str, *steps: str, victim: Victim = Victim.WORKER, scene: Scene = Scene.PLAIN
) -> list[Point]:
    return [Point(pipeline, step, when, victim, scene) for step in steps]


PROVISION = "provision-instance"
END = "deprovision-instance"
TICK = "housekeep"
SPAWN = "spawn-host"
CONFIGURE = "configure-host"
DISTRIBUTE = "distribute-images"
MOVE = "move-instance"
BACK_UP = "backup-instance"
RESTORE = "restore-files"
STAND_BY = "start-standby"

WORK_IS_KEPT = [
    *_at(END, "before", "stop_container", "begin_backup", "write_backup", "remove_container", scene=Scene.KEPT),
    *_at(END, "after", "write_backup", "verify_backup", scene=Scene.KEPT),
    *_at(END, "before", "verify_backup", victim=Victim.SERVER, scene=Scene.KEPT),
    *_at(END, "before", "verify_backup", victim=Victim.POOL_DATABASE, scene=Scene.KEPT),
    *_at(END, "before", "write_backup", victim=Victim.ENGINE, scene=Scene.KEPT),
    *_at(END, "after", "write_backup", victim=Victim.POWER, scene=Scene.KEPT),
    *_at(PROVISION, "before", "fill_container", "start_container", "begin_to_run", scene=Scene.KEPT),
    *_at(PROVISION, "after", "fill_container", scene=Scene.KEPT),
    *_at(PROVISION, "after", "fill_container", victim=Victim.POWER, scene=Scene.KEPT),
    *_at(BACK_UP, "before", "begin_backup", "write_backup", "verify_backup", scene=Scene.KEPT),
    *_at(BACK_UP, "after", "verify_backup", scene=Scene.KEPT),
    *_at(RESTORE, "before", "put_beside", scene=Scene.KEPT),
    *_at(RESTORE, "after", "put_beside", scene=Scene.KEPT),
]
SESSIONS_MOVE = [
    *_at(MOVE, "before", "begin_backup", "set_out", "withdraw_route", "stop_container", scene=Scene.MOVING),
    *_at(MOVE, "before", "note_carried", "remove_container", "hand_over", scene=Scene.MOVING),
    *_at(MOVE, "after", "hand_over", scene=Scene.MOVING),
    *_at(PROVISION, "before", "fill_container", "begin_to_run", scene=Scene.MOVING),
    *_at(PROVISION, "after", "fill_container", scene=Scene.MOVING),
    *_at(MOVE, "before", "note_carried", victim=Victim.SERVER, scene=Scene.MOVING),
    *_at(MOVE, "before", "hand_over", victim=Victim.POOL_DATABASE, scene=Scene.MOVING),
]
IN_A_BURST = [
    *_at(PROVISION, "after", "record_ahead", "begin_to_run", scene=Scene.BURST),
    *_at(PROVISION, "after", "record_ahead", victim=Victim.SERVER, scene=Scene.BURST),
    *_at(PROVISION, "before", "publish_route", victim=Victim.SERVER, scene=Scene.BURST),
    *_at(PROVISION, "after", "record_ahead", victim=Victim.POOL_DATABASE, scene=Scene.BURST),
    *_at(PROVISION, "before", "begin_to_run", victim=Victim.PREFECT_DATABASE, scene=Scene.BURST),
    *_at(STAND_BY, "before", "make_ready", victim=Victim.SERVER, scene=Scene.BURST),
]
STANDBYS_STAND_BY = [
    *_at(PROVISION, "before", "record_ahead", "begin_to_run", "publish_route", scene=Scene.STANDBYS),
    *_at(PROVISION, "after", TAKE, "record_ahead", "begin_to_run", "publish_route", scene=Scene.STANDBYS),
    *_at(END, "before", "remove_container", scene=Scene.STANDBYS),
    *_at(TICK, "before", "begin_standby", scene=Scene.STANDBYS),
    *_at(TICK, "after", "begin_standby", scene=Scene.STANDBYS),
    *_at(STAND_BY, "before", "start_container", "wait_until_ready", "make_ready", scene=Scene.STANDBYS),
    *_at(STAND_BY, "after", "start_container", "make_ready", scene=Scene.STANDBYS),
    *_at(PROVISION, "after", "record_ahead", victim=Victim.POWER, scene=Scene.STANDBYS),
    *_at(STAND_BY, "before", "make_ready", victim=Victim.POOL_DATABASE, scene=Scene.STANDBYS),
]
ASKED_TOGETHER = [
    *_at(PROVISION, "before", AHEAD, scene=Scene.TOGETHER),
    *_at(PROVISION, "after", AHEAD, scene=Scene.TOGETHER),
    *_at(PROVISION, "after", AHEAD, victim=Victim.SERVER, scene=Scene.TOGETHER),
    *_at(PROVISION, "before", AHEAD, victim=Victim.POOL_DATABASE, scene=Scene.TOGETHER),
    *_at(PROVISION, "after", AHEAD, victim=Victim.POWER, scene=Scene.TOGETHER),
]
STANDBYS_ARE_FROZEN = [
    *_at(STAND_BY, "before", "freeze_container", "make_ready", scene=Scene.FROZEN),
    *_at(STAND_BY, "after", "freeze_container", scene=Scene.FROZEN),
    *_at(PROVISION, "before", "thaw_container", "begin_to_run", scene=Scene.FROZEN),
    *_at(PROVISION, "after", "thaw_container", scene=Scene.FROZEN),
    *_at(PROVISION, "before", "thaw_container", victim=Victim.ENGINE, scene=Scene.FROZEN),
    *_at(PROVISION, "after", "record_ahead", victim=Victim.POWER, scene=Scene.FROZEN),
]

POINTS = [
    # The flow's own process dies, at each boundary.
    *_at(PROVISION, "after", TAKE, "record_ahead", "give_out_room", "start_container", "wait_until_ready"),
    *_at(PROVISION, "after", "begin_to_run", "publish_route"),
    *_at(PROVISION, "before", "record_ahead", "give_out_room", "start_container", "wait_until_ready"),
    *_at(PROVISION, "before", "begin_to_run", "publish_route"),
    *_at(END, "after", TAKE, "withdraw_route", "remove_container", "move_instance"),
    *_at(END, "before", "move_instance", "withdraw_route", "remove_container"),
    *_at(TICK, "after", TAKE, "observe", "record_tick", "remove_container"),
    *_at(TICK, "before", "observe", "record_tick", "remove_container"),
    # Others die under it, and come back at once.
    *_at(PROVISION, "before", "record_ahead", "start_container", victim=Victim.SERVER),
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
    *_at(PROVISION, "before", "record_ahead", victim=Victim.POOL_DATABASE),
    *_at(END, "before", "remove_container", victim=Victim.POOL_DATABASE),
    *_at(TICK, "before", "record_tick", victim=Victim.POOL_DATABASE),
    *_at(PROVISION, "before", "publish_route", victim=Victim.POOL_DATABASE_LONG),
    *_at(PROVISION, "before", "start_container", victim=Victim.PREFECT_DATABASE),
    *_at(END, "before", "withdraw_route", victim=Victim.PREFECT_DATABASE),
    *_at(TICK, "before", "observe", victim=Victim.PREFECT_DATABASE),
    *_at(PROVISION, "after", "record_ahead", victim=Victim.PREFECT_DATABASE_LONG),
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
    *WORK_IS_KEPT,
    *SESSIONS_MOVE,
    *IN_A_BURST,
    *STANDBYS_STAND_BY,
    *ASKED_TOGETHER,
    *STANDBYS_ARE_FROZEN,
]
