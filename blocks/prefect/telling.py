"""How Prefect's server takes answers to platforms: each by few statements, and those of one moment by one request.

A change to its own functions, as in `sparing`; and one path more beside its own.
"""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Body, Depends, HTTPException, status
from prefect.server import models
from prefect.server.api import artifacts as artifacts_api
from prefect.server.database import PrefectDBInterface, provide_database_interface
from prefect.server.models import artifacts
from prefect.server.schemas.actions import ArtifactCreate
from prefect.server.schemas.core import Artifact
from prefect.types._datetime import now
from sqlalchemy.ext.asyncio import AsyncSession

from blocks.prefect.answers import ANSWER_OF, MOST_TOGETHER, TOGETHER

#: Of an artifact that is the newest of its key, what the one before it does not keep.
_FIRST_WRITTEN = {"key", "created"}


def take_answers_together() -> None:
    """Have this process's Prefect server do both; before its application is made."""
    write_answers_in_two_statements()
    path = TOGETHER.removeprefix(artifacts_api.router.prefix)
    add = artifacts_api.router.post(path, status_code=status.HTTP_204_NO_CONTENT, include_in_schema=False)
    add(create_answers)


def write_answers_in_two_statements() -> None:
    """Have an answer to a platform be written, and the newest of its key, without looks at both and an event after it.

    The event said less than that of the session's change, which the answer tells of. A run's result is written in the
    same way, all other artifacts as by Prefect.
    """
    known: Any = artifacts.create_artifact

    async def create_artifact(session: AsyncSession, artifact: Artifact) -> Any:
        if artifact.key is not None and not is_answer(artifact):
            return await known(session=session, artifact=artifact)
        return (await write_together(session, [artifact]))[0]

    setattr(models.artifacts, "create_artifact", create_artifact)  # noqa: B010 - a function of Prefect's own


async def create_answers(
    answers: Annotated[list[ArtifactCreate], Body(max_length=MOST_TOGETHER)],
    db: Annotated[PrefectDBInterface, Depends(provide_database_interface)],
) -> None:
    """Write all of these answers, or none of them.

    Raises:
        HTTPException: one of them is no answer to a platform.
    """
    made = [Artifact(**answer.model_dump()) for answer in answers]
    if others := [one.key for one in made if not is_answer(one)]:
        raise HTTPException(status.HTTP_409_CONFLICT, f"no answers to platforms: {others}")
    async with db.session_context(begin_transaction=True) as session:
        await write_together(session, made)


def is_answer(artifact: Artifact) -> bool:
    """Whether platforms read it of a session."""
    return artifact.key is not None and artifact.key.startswith(ANSWER_OF)


async def write_together(session: AsyncSession, made: Sequence[Artifact]) -> list[Artifact]:
    """Write artifacts, and those with a key as the newest of it; as they are written.

    In the order of their keys: two transactions that write the newest of the same keys wait for each other one way.
    """
    moment, db = now("UTC"), provide_database_interface()
    moments = {"created": moment, "updated": moment}
    rows = [one.model_dump_for_orm(exclude={*moments}) | moments for one in sorted(made, key=lambda one: one.key or "")]
    if newest := [_as_newest(row) for row in rows if row["key"] is not None]:
        insert = db.queries.insert(db.ArtifactCollection)
        changed = {name: insert.excluded[name] for name in newest[0].keys() - _FIRST_WRITTEN}
        key = db.orm.artifact_collection_unique_upsert_columns
        written = insert.on_conflict_do_update(index_elements=key, set_=changed)
        await session.execute(written.execution_options(dml_strategy="raw"), newest)
    await session.execute(db.queries.insert(db.Artifact).execution_options(dml_strategy="raw"), rows)
    return [one.model_copy(update=moments) for one in made]


def _as_newest(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "id"} | {"latest_id": row["id"]}
