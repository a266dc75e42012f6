"""The commands `dockerdriver what-if` and `advise`."""

from collections.abc import Callable
from pathlib import Path

from blocks.settings import ProcessSettings
from pool.moments import Period
from pool.what_if.classes import Supposed
from runtime.command.files import named_here

_CLASS = "add a class that never was, on each such day; also 60@Mon09:00-10:15"
_COURSE = "try a course that never was: the users of such a class, with slots reserved for them"
_PAST: dict[str, dict] = {
    "--pool": {"default": "main", "help": "name of the pool; main"},
    "--since": {"default": "14d", "help": "when it begins: 14d or 12h ago, or a date; 14d"},
    "--until": {"default": "", "help": "when it ends: a time ago, or a date; now"},
    "--json": {"action": "store_true", "dest": "as_json", "help": "print the figures as JSON"},
}


def what_if(
    settings: ProcessSettings,
    settings_turned: list[str],
    pool: str,
    since: str,
    until: str,
    as_json: bool,
    classes: list[str],
    courses: list[str],
    without_courses: bool,
    plot: Path | None,
) -> int:
    """Replay what the pool had to serve, under today's settings and under those given; compare waits and host-hours.

    Example: dockerdriver what-if DD_FREE_SLOT_TARGET=10 --since 7d

    Raises:
        DockerDriverError: there is nothing to replay, or a setting, a time, a class or a course cannot be read.
    """
    from runtime.command.foresight_report import show_what_if  # noqa: PLC0415 - Prefect takes a second to import

    supposed = Supposed(classes, courses, without_courses)
    show_what_if(settings, pool, Period(since, until), settings_turned, supposed, as_json, plot)
    return 0


def advise(settings: ProcessSettings, wait_p95: str, pool: str, since: str, until: str, as_json: bool) -> int:
    """Search the target, timetable and flavors that keep a wait for the fewest host-hours, and say why.

    Example: dockerdriver advise --wait-p95 5s

    Raises:
        DockerDriverError: there is nothing to replay, or a time cannot be read.
    """
    from runtime.command.foresight_report import show_advice  # noqa: PLC0415 - Prefect takes a second to import

    show_advice(settings, pool, Period(since, until), wait_p95, as_json)
    return 0


#: What argparse is told of their arguments.
COMMANDS: dict[Callable[..., int], dict[str, dict]] = {
    what_if: {
        "settings_turned": {"nargs": "*", "metavar": "SETTING=VALUE", "help": "as in DD_FREE_SLOT_TARGET=10"},
        **_PAST,
        "--class": {"action": "append", "default": [], "dest": "classes", "metavar": "60@Mon09:00", "help": _CLASS},
        "--course": {"action": "append", "default": [], "dest": "courses", "metavar": "60@Mon09:00", "help": _COURSE},
        "--without-courses": {"action": "store_true", "help": "try it without slots reserved for the pool's courses"},
        "--plot": {"type": named_here, "metavar": "FILE.svg", "help": "draw demand, room and queue over the days"},
    },
    advise: {
        "--wait-p95": {"default": "5s", "help": "what 95 of 100 sessions may wait at most; 5s"},
        **_PAST,
    },
}
