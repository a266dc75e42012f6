"""`dockerdriver plan`: what the next tick would do, and why."""

from typing import TYPE_CHECKING

from runtime.verbs.output import show

if TYPE_CHECKING:
    from blocks.prefect.api import PrefectApi

PLAN_SECONDS = 150


def show_plan(api: "PrefectApi", pool: str, as_json: bool = False) -> None:
    """Print what the next tick of a pool would do, and why.

    Raises:
        DockerDriverError: there is no such pool, or the stack does not run.
    """
    api.run_to_its_end("plan/on-demand", PLAN_SECONDS, pool=pool)
    columns = {"what": "What", "of": "Of", "why": "Why"}
    show(api.table(f"plan-{pool}"), columns, f"nothing: pool {pool} is as it should be", as_json)
