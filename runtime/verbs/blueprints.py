"""`dockerdriver blueprint check`: whether sessions of a blueprint could start, before a user finds that out."""

from blocks.settings import ProcessSettings
from blocks.stored.api_password import prefect_api
from pool.errors import NotFound
from runtime.verbs.output import show


def check(settings: ProcessSettings, name: str | None, as_json: bool) -> int:
    """Look whether sessions of a blueprint, or of all, could start: its pool, its image, its room; status 1 if not.

    Example: dockerdriver blueprint check jupyter-minimal

    Raises:
        NotFound: there is no such blueprint; the message lists those that exist.
        DockerDriverError: the stack does not run.
    """
    known = prefect_api(settings).block_names("blueprint")
    if name and name not in known:
        raise NotFound(f"no blueprint is named {name!r}; known: {', '.join(known) or 'none'}")
    from runtime.supervision.environment import stack_environment, take_on  # noqa: PLC0415 - Prefect imports slowly

    take_on(stack_environment(settings, settings.engine_url))
    from tasks.sessions.blueprints import trouble_with_blueprint  # noqa: PLC0415 - after the environment is set

    rows = [{"blueprint": one, "trouble": trouble_with_blueprint(one)} for one in ([name] if name else known)]
    told = [row | {"trouble": row["trouble"] or "ok"} for row in rows]
    show(rows if as_json else told, {"blueprint": "Blueprint", "trouble": "Trouble"}, "there is no blueprint", as_json)
    return 1 if any(row["trouble"] for row in rows) else 0
