"""Tasks for requests: read the blueprint, admit and record the sessions that are asked for."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from types import MappingProxyType
from typing import Any

from blocks.outside import now, outside
from blocks.prefect.answers import ANSWER_OF
from pool.errors import Refused
from pool.names import check_instance_id, check_user, one_spelling
from pool.records import BlueprintSpec, Instance
from pool.sessions.admission import check_admission
from pool.sessions.limits import limits_of
from pool.sessions.requests import check_not_over, check_same_request, read_wanted
from pool.settings import PoolSettings
from tasks.base import accepted_at, look_up, pool_task, sql_step
from tasks.courses.courses import course_troubles
from tasks.images.versions import versions_of
from tasks.sessions.secrets import look_for_secrets
from tasks.sessions.standbys import standbys_for


@look_up()
def read_blueprint(name: str) -> BlueprintSpec:
    """Read the blueprint of this name, as it is now.

    Raises:
        NotFound: no blueprint has this name; the message lists those that exist.
    """
    return outside().stored.blueprint(name)


@look_up()
def find_request(instance_id: str, blueprint: str, user: str, options: dict) -> Instance | None:
    """Find the session of a request that was recorded already: earlier, or together with others before its run began.

    Such a session needs no blueprint here: it goes on, or has ended, whatever became of its blueprint since.

    Raises:
        BadRequest: the id is not of the form it must have.
        Refused: the id is another request's.
    """
    return _found(instance_id, blueprint, user, options)


def _found(instance_id: str, blueprint: str, user: str, options: dict) -> Instance | None:
    check_instance_id(instance_id)
    user = one_spelling(user)
    check_user(user)
    outside().prefect.show_on_own_page([ANSWER_OF + instance_id])
    known = outside().store.instances.find(instance_id)
    if known is not None:
        check_same_request(known, blueprint, user, options)
    return known


@sql_step()
def record_instance(
    instance_id: str, blueprint: str, user: str, options: dict
) -> tuple[Instance, BlueprintSpec | None]:
    """Record the request before anything is done about it; the same request gives the same instance.

    Returns:
        The instance; and its blueprint, if it was recorded just now.

    Raises:
        BadRequest: the id is not of the form it must have, or an option is unknown.
        Refused: the id is another request's; or the pool takes no sessions (shutdown mode, whitelist).
        TooManySessions: the user, or all users together, have as many sessions as a limit allows.
        NotFound: there is no such blueprint or course, or the pool does not offer its image.
    """
    user = one_spelling(user)
    known = _found(instance_id, blueprint, user, options)
    recipe: BlueprintSpec | None = None
    if known is None:
        recipe = outside().stored.blueprint(blueprint)
        settings = _admit(recipe, options)
        if trouble := course_troubles(recipe, options, [user]):
            raise Refused(trouble[user])
        look_for_secrets(recipe, options)
        standbys, limits = standbys_for(recipe, options, settings, [user]), limits_of(settings, recipe, user)
        request = outside().store.instances.request
        known, _ = request(instance_id, recipe, user, options, now(), limits, accepted_at(), standbys)
        check_same_request(known, blueprint, user, options)  # another run of the id may have been faster
    return known, recipe


@pool_task(task_run_name="record sessions · {blueprint}")
def record_instances(sessions: list[Any], blueprint: str, options: dict) -> tuple[list[Instance], dict[str, str]]:
    """Record several requests in one transaction, before anything is done about one; known ones are found again.

    Returns:
        The instances; and why others were refused, by their ids.

    Raises:
        BadRequest: the list, or an option, is not of the form it must have.
        Refused: the pool takes no sessions (shutdown mode, whitelist). None was recorded.
        NotFound: there is no such blueprint or course, or the pool does not offer its image.
    """
    return _record_all(sessions, blueprint, options, accepted_at())


@look_up()
def record_ahead(
    sessions: list[Any], blueprint: str, options: dict, accepted: Mapping[str, datetime], runs: Mapping[str, str]
) -> list[Instance]:
    """Record requests together, in one transaction, whose runs were found and have not begun.

    Each run then finds its session, as one does that is asked for twice. What is refused is left to its own run, which
    says why.

    Args:
        sessions: their ids and users, as `record_instances` takes them.
        blueprint: name of the blueprint of all of them.
        options: of each of them.
        accepted: by session, when Prefect's API took the request for it.
        runs: by session, the id of the flow run that asks for it.

    Raises:
        Refused: none was recorded.
    """
    for instance_id, run in runs.items():
        outside().prefect.show_on_own_page([ANSWER_OF + instance_id], run)
    return _record_all(sessions, blueprint, options, None, accepted)[0]


def _record_all(
    sessions: list[Any],
    blueprint: str,
    options: dict,
    accepted: datetime | None,
    of_each: Mapping[str, datetime] = MappingProxyType({}),
) -> tuple[list[Instance], dict[str, str]]:
    read, refused = read_wanted(sessions)
    wanted = [replace(one, accepted=of_each.get(one.instance_id)) for one in read]
    outside().prefect.show_on_own_page(ANSWER_OF + one.instance_id for one in wanted)
    known = outside().store.instances.named([one.instance_id for one in wanted])
    if new := [one for one in wanted if one.instance_id not in known]:
        recipe = outside().stored.blueprint(blueprint)
        settings, users = _admit(recipe, options), {one.user for one in new}
        look_for_secrets(recipe, options, len(new))
        troubles = course_troubles(recipe, options, users)
        refused |= {one.instance_id: troubles[one.user] for one in new if one.user in troubles}
        new = [one for one in new if one.user not in troubles]
        standbys, limits = standbys_for(recipe, options, settings, users), partial(limits_of, settings, recipe)
        request = outside().store.instances.request_all
        made, over = request(new, recipe, options, now(), limits, accepted, standbys)
        known |= {one.id: one for one in made}
        refused |= over
    for one in wanted:
        try:
            if one.instance_id in known:
                check_same_request(known[one.instance_id], blueprint, one.user, options)
                check_not_over(known[one.instance_id])
        except Refused as refusal:
            refused[one.instance_id] = str(refusal)
    return [known[one.instance_id] for one in wanted if one.instance_id not in refused], refused


def _admit(blueprint: BlueprintSpec, options: dict) -> PoolSettings:
    """Refuse what the pool does not take; return its settings, by which the rest is decided."""
    settings = outside().config(blueprint.pool).settings(blueprint.pool)
    check_admission(settings, blueprint, options)
    outside().store.images.get(blueprint.pool, blueprint.image)
    versions_of(blueprint)
    return settings
