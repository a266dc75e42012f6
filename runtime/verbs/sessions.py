"""`dockerdriver session …`: what a platform does through Prefect's API, for an operator."""

from typing import Any

from blocks.settings import ProcessSettings
from blocks.stored.api_password import prefect_api
from pool.errors import BadRequest
from runtime.verbs.flows import LONG_SECONDS, run_and_show, run_and_tell
from runtime.verbs.reports.history import show_sessions


def start(settings: ProcessSettings, instance_id: str, blueprint: str, user: str, as_json: bool) -> int:
    """Start a session and print where it is, or its place in the queue.

    Example: dockerdriver session start ada-1 --user ada --blueprint jupyter-minimal
    """
    wanted: dict[str, Any] = {"instance_id": instance_id, "blueprint": blueprint, "user": user}
    run_and_show(prefect_api(settings), "provision-instance/on-demand", f"instance-{instance_id}", as_json, **wanted)
    return 0


def stop(settings: ProcessSettings, instance_id: str, as_json: bool) -> int:
    """End a session; one that is over already is no error.

    Example: dockerdriver session stop ada-1
    """
    run_and_tell(prefect_api(settings), "deprovision-instance/on-demand", as_json, instance_id=instance_id)
    return 0


def extend(settings: ProcessSettings, instance_id: str, minutes: int, as_json: bool) -> int:
    """Let a running session go on for at least so many minutes from now.

    Example: dockerdriver session extend ada-1 60
    """
    wanted: dict[str, Any] = {"instance_id": instance_id, "minutes": minutes}
    run_and_tell(prefect_api(settings), "extend-instance/on-demand", as_json, **wanted)
    return 0


def message(
    settings: ProcessSettings,
    said: list[str],
    host: str,
    every_session: bool,
    warning: bool,
    minutes: int,
    as_json: bool,
) -> int:
    """Show the users of a session, of a host or of all a line of text in the open page; an empty one takes it back.

    Example: dockerdriver session message ada-1 "Please save your work: the machine stops at six." --warning

    Raises:
        BadRequest: it is not said what is told, or whom.
    """
    if len(said) > 2:
        raise BadRequest("a session and a text are taken, or a text alone: put the text into quotes")
    *named, words = said
    wanted: dict[str, Any] = {"words": words, "level": "warning" if warning else "info", "minutes": minutes}
    wanted |= {"instance_id": "".join(named), "host": host, "every_session": every_session}
    run_and_tell(prefect_api(settings), "message-sessions/on-demand", as_json, **wanted)
    return 0


def move(settings: ProcessSettings, instance_id: str, to: str, reason: str, as_json: bool) -> int:
    """Move a running session to another host by its backup: what its blueprint keeps comes along, its programs end.

    Example: dockerdriver session move ada-1 --to main-07
    """
    wanted: dict[str, Any] = {"instance_id": instance_id, "host": to, "reason": reason}
    run_and_tell(prefect_api(settings), "move-instance/on-demand", as_json, LONG_SECONDS, **wanted)
    return 0


def list_(settings: ProcessSettings, user: str | None, since: str | None, failed: bool, as_json: bool) -> int:
    """List sessions, living and over, the newest request first; works while the stack is stopped, too.

    Example: dockerdriver session list --user ada --since yesterday --failed
    """
    show_sessions(settings, user, since, failed, as_json)
    return 0


def open_(settings: ProcessSettings, instance_id: str, as_json: bool) -> int:
    """Print a fresh link that opens a running session: once, and only for a short time.

    Example: xdg-open "$(dockerdriver session open ada-1 --json | jq -r .launch_url)"
    """
    run_and_show(prefect_api(settings), "issue-link/on-demand", f"link-{instance_id}", as_json, instance_id=instance_id)
    return 0
