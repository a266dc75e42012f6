"""A course: the block ``course/<name>``. Who teaches, or an operator, fills its form; the next tick plans for it."""

from typing import Any, Self

from prefect.blocks.core import Block
from pydantic import ConfigDict, Field, field_validator, model_validator

from blocks.field_types import Texts, Times
from blocks.stored.bounds import cut_stored
from blocks.stored.pictures.kinds import picture_of_its_kind
from blocks.stored.titles import COURSE, titled
from pool.courses.course import Course
from pool.courses.files import check_files_at, check_files_name
from pool.faults import Faults, read_each
from pool.names import check_user, one_spelling
from pool.records import BlueprintSpec
from pool.sessions.requests import MOST_SESSIONS
from pool.timetable import read_times

MOST_SLOTS, DAY_MINUTES, MINUTE = 1_000_000, 1440, 60


class CourseBlock(Block):
    """One course, and what is reserved for it."""

    _block_type_name = "Course"
    _block_type_slug = "course"
    _logo_url = picture_of_its_kind()
    _description = (
        "Slots that are reserved for a group of users at the times of their class, sessions that are started before it,"
        " and files that these have."
    )
    model_config = ConfigDict(field_title_generator=titled(COURSE))

    blueprint: str = Field(
        description="Blueprint that its sessions are made by, as in jupyter-minimal; slots are reserved in its pool."
    )
    times: Times = Field(
        description="When its class is, in the pool's time zone (DD_TIMEZONE): Mon,Wed 09:00-11:00, one time each."
    )
    slots: int = Field(ge=1, le=MOST_SLOTS, description="Slots that are reserved for its sessions, all together.")
    users: Texts = Field(
        [],
        description="Its members, as platforms call them, as in ada. Their sessions of this blueprint are the"
        " course's, and no"
        " other user may name it. Empty: every request that names it in its option course.",
    )
    reserve_before: int = Field(
        15,
        ge=0,
        le=DAY_MINUTES,
        description="Minutes before the class from which on its slots are reserved; as early as sessions start.",
    )
    start_before: int = Field(
        0,
        ge=0,
        le=DAY_MINUTES,
        description="Minutes before the class at which a session is started for each of its members; 0: none is.",
    )
    files: str = Field(
        "",
        description="Name of a folder or tar archive in courses/ on the manager, as in bio101; its sessions have what"
        " is in it, for"
        " reading. Empty: none.",
    )
    files_at: str = Field("/course", description="Folder in the session that they are in, by its whole path.")

    @model_validator(mode="before")
    @classmethod
    def _within_bounds(cls, values: Any) -> Any:
        return cut_stored(cls, values)

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        """Refuse in the form what no course can mean."""
        faults = Faults()
        with faults.gathered():
            read_times(self.times, "UTC")
        with faults.gathered():
            read_each(lambda user: check_user(one_spelling(user)), self.users)
        with faults.gathered():
            check_files_name(self.files)
        with faults.gathered():
            check_files_at(self.files_at)
        if self.start_before and not self.users:
            faults.note("it has no users: for whom sessions are to be started before the class is not known")
        if faults:
            raise ValueError(str(faults))
        return self

    @field_validator("times")
    @classmethod
    def _has_a_time(cls, value: list[str]) -> list[str]:
        if not value:
            raise ValueError("a course has one time at least, as in 'Mon 09:00-11:00'")
        return value

    @field_validator("users")
    @classmethod
    def _are_not_too_many(cls, value: list[str]) -> list[str]:
        if len(value) > MOST_SESSIONS:
            raise ValueError(f"a course has {MOST_SESSIONS} users at the most, not {len(value)}")
        return value

    def course(self, name: str, made_by: BlueprintSpec, timezone: str) -> Course:
        """Return the same values as the rules and tasks see them.

        Args:
            name: of the block.
            made_by: its blueprint.
            timezone: of that blueprint's pool, in which its times are meant.
        """
        return Course(
            name=name,
            pool=made_by.pool,
            blueprint=made_by.name,
            needs=made_by.slots,
            slots=self.slots,
            times=read_times(self.times, timezone),
            users=frozenset(map(one_spelling, self.users)),
            reserve_before=max(self.reserve_before, self.start_before) * MINUTE,  # what is started has room
            start_before=self.start_before * MINUTE,
            files=self.files,
            files_at=self.files_at,
        )
