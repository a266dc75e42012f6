"""Start the sessions of a course now, one for each of its users, whatever the time."""

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.steps.forms import CourseName
from flows.steps.outcome import pipeline
from pool.moments import minute
from pool.printable import how_many
from tasks.base import now, run_parameters
from tasks.courses.courses import coming_start
from tasks.runs import trigger


def run_name() -> str:
    """What the UI calls a run."""
    return f"start course {run_parameters()['course']}"


@flow(name="start-course", flow_run_name=run_name)
@pipeline
async def start_course(course: CourseName) -> State:
    """Ask for a session for each user of a course: for the class that is on, or for its next one.

    Housekeeping does the same `start_before` minutes before a class. The sessions of one class have one id each,
    whichever of the two asks: asked twice, each user has one session.

    Args:
        course: Name of the course, as of its block.
    """
    start = await coming_start(course)
    await trigger("provision-instances/on-demand", start.request, key=start.key_at(now()))
    asked = how_many(len(start.sessions), "session is", "sessions are")
    return Completed(message=f"{asked} asked for, of the class at {minute(start.begins)}")
