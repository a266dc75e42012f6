"""`dockerdriver course …`: save courses from files, look at them, start their sessions."""

import sys
from pathlib import Path

from blocks.settings import ProcessSettings
from blocks.stored.api_password import prefect_api
from pool.errors import NotFound
from runtime.verbs.flows import run_and_tell
from runtime.verbs.output import show, show_json
from runtime.verbs.saving import save_files

COLUMNS = {
    "course": "Course",
    "pool": "Pool",
    "blueprint": "Blueprint",
    "times": "Times",
    "slots": "Slots",
    "sessions": "Sessions now",
    "reserved_now": "Reserved now",
    "next_class": "Next class",
    "trouble": "Trouble",
}


def list_(settings: ProcessSettings, as_json: bool) -> int:
    """List courses: their times, the slots that are reserved for them, and how many sessions of them there are.

    Example: dockerdriver course list
    """
    show(_rows(settings), COLUMNS, "there is no course: `dockerdriver course save FILE` saves one", as_json)
    return 0


def show_(settings: ProcessSettings, name: str, as_json: bool) -> int:
    """Print all that is known of one course: its users, its times, what is reserved now, when its next class is.

    Example: dockerdriver course show bio101

    Raises:
        NotFound: there is no such course; the message lists those that exist.
    """
    rows = {row["course"]: row for row in _rows(settings)}
    if name not in rows:
        raise NotFound(f"no course is named {name!r}; known: {', '.join(map(str, rows)) or 'none'}")
    if as_json:
        show_json(rows[name])
    else:
        sys.stdout.write("".join(f"{key}: {value}\n" for key, value in rows[name].items() if value not in (None, "")))
    return 1 if rows[name]["trouble"] else 0


def save(settings: ProcessSettings, files: list[Path], replace: bool, as_json: bool) -> int:
    """Save the course of each file, a YAML or JSON object of its fields, under the file's name without its ending.

    Example: dockerdriver course save bio101.yaml

    Raises:
        BadRequest: a file holds no course, or one of that name is there; none of the files is saved.
        DockerDriverError: the stack does not run.
    """
    from blocks.stored.course import CourseBlock  # noqa: PLC0415 - Prefect takes a second to import

    return save_files(prefect_api(settings), CourseBlock, "course", files, replace, as_json)


def start(settings: ProcessSettings, name: str, as_json: bool) -> int:
    """Start a session for each user of a course, for the class that is on or for its next one.

    Example: dockerdriver course start bio101

    Raises:
        DockerDriverError: there is no such course, or it has no users; or the stack does not run.
    """
    run_and_tell(prefect_api(settings), "start-course/on-demand", as_json, course=name)
    return 0


def _rows(settings: ProcessSettings) -> list[dict[str, object]]:
    prefect_api(settings).block_names("course")  # says at once when the stack does not run
    from runtime.supervision.environment import stack_environment, take_on  # noqa: PLC0415 - Prefect imports slowly

    take_on(stack_environment(settings, settings.engine_url))
    from tasks.courses.rows import course_rows  # noqa: PLC0415 - after the environment is set

    return course_rows()
