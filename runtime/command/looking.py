"""The commands that only look: what runs, what happened, who used what, what is to come. Imports wait, as in `cli`."""

import sys
from collections.abc import Callable
from typing import Any

from blocks.settings import ProcessSettings
from pool.errors import BadRequest
from runtime.command.nouns import AS_JSON, OF_SESSIONS, OF_USAGE


def status(settings: ProcessSettings, watch: bool = False, as_json: bool = False) -> int:
    """Say what runs: processes, hosts, slots, sessions; and what is wrong.

    Example: dockerdriver status --json | jq '.hosts | length'
    """
    from runtime.command.report import show_status, watch_status  # noqa: PLC0415 - fast answers first

    watch_status(settings) if watch and not as_json else show_status(settings, as_json)
    return 0


def why(settings: ProcessSettings, noun: str, name: str, as_json: bool = False) -> int:
    """Tell what happened to a host, a session or a user's latest sessions, and why.

    Example: dockerdriver why user ada

    Raises:
        NotFound: there never was one of this name.
    """
    from runtime.verbs.reports.history import show_history  # noqa: PLC0415 - as above

    show_history(settings, noun, name, as_json)
    return 0


def sessions(settings: ProcessSettings, **wanted: Any) -> int:
    """List sessions, living and over, the newest request first, with the reason of each end.

    Example: dockerdriver sessions --user ada --since yesterday --failed
    """
    from runtime.verbs.reports.history import show_sessions  # noqa: PLC0415 - as above

    show_sessions(settings, **wanted)
    return 0


def usage(settings: ProcessSettings, **wanted: Any) -> int:
    """Say who used what for how long: sessions and hours by user, blueprint, pool or month; also as CSV.

    Example: dockerdriver usage --since 2026-10-01 --by month,blueprint --csv

    Raises:
        BadRequest: an argument makes no sense.
        DockerDriverError: the pool's database does not answer.
    """
    from runtime.verbs.reports.usage import show_usage  # noqa: PLC0415 - as above

    show_usage(settings, **wanted)
    return 0


def link(settings: ProcessSettings, instance_id: str, as_json: bool = False) -> int:
    """Print a fresh link that opens a running session: once, and only for a short time.

    Example: dockerdriver link welcome-1

    Raises:
        DockerDriverError: there is no such session, it does not run, or the stack is down.
    """
    from blocks.stored.api_password import prefect_api  # noqa: PLC0415 - as above
    from runtime.command.first_session import fresh_link  # noqa: PLC0415 - as above
    from runtime.verbs.output import show_json  # noqa: PLC0415 - as above

    url = fresh_link(prefect_api(settings), instance_id)
    show_json({"instance_id": instance_id, "launch_url": url}) if as_json else sys.stdout.write(url + "\n")
    return 0


def plan(settings: ProcessSettings, pool: str, at: str | None = None, week: bool = False, as_json: bool = False) -> int:
    """Say what the next tick of housekeeping would do, and why; or what the pool is going to want. Nothing is done.

    Example: dockerdriver plan --at 'Mon 08:40'

    Raises:
        NotFound: there is no such pool.
        BadRequest: both a moment and the week are asked for, or the moment is none.
        DockerDriverError: the stack is down, and what the next tick would do is asked.
    """
    from blocks.stored.api_password import prefect_api  # noqa: PLC0415 - as above
    from runtime.verbs.reports.plan import show_ahead, show_plan  # noqa: PLC0415 - as above

    if at and week:
        raise BadRequest("--at asks for one moment and --week for all of a week: give one of them")
    if at or week:
        show_ahead(settings, pool, at or "", as_json)
    else:
        show_plan(prefect_api(settings), pool, as_json)
    return 0


def timings(settings: ProcessSettings, hours: float, as_json: bool) -> int:
    """Say how long sessions took to start: p50, p95 and p99 of each phase, of all, by host and by blueprint.

    Example: dockerdriver timings --hours 24

    Raises:
        BadRequest: the hours are no time.
        DockerDriverError: the pool's database does not answer.
    """
    from runtime.command.timings import show_timings  # noqa: PLC0415 - as above

    show_timings(settings, hours, as_json)
    return 0


#: What argparse is told of their arguments.
COMMANDS: dict[Callable[..., int], dict[str, dict]] = {
    status: {"--watch": {"action": "store_true", "help": "again every two seconds, until Ctrl-C"}, **AS_JSON},
    link: {"instance_id": {"metavar": "SESSION", "help": "its id, as given to provision-instance"}, **AS_JSON},
    why: {
        "noun": {"choices": ("host", "session", "user"), "help": "what to tell of"},
        "name": {"help": "the host's name, as in main-07, the session's id, or the user that it is for"},
        **AS_JSON,
    },
    sessions: OF_SESSIONS,
    usage: OF_USAGE,
    plan: {
        "pool": {"nargs": "?", "default": "main", "help": "name of the pool; main when none is named"},
        "--at": {"metavar": "MOMENT", "help": "what is wanted then: 'Mon 08:40', 08:40 or 2026-12-07 08:40"},
        "--week": {"action": "store_true", "help": "what is wanted at each time within the next seven days"},
        **AS_JSON,
    },
    timings: {
        "--hours": {"type": float, "default": 24, "help": "of sessions that were accepted so lately; 24"},
        **AS_JSON,
    },
}
