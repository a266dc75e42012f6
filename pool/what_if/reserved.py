"""Slots that are reserved for courses while a demand is lived again."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from pool.courses.course import OPTION, Course
from pool.courses.reserving import KeptRoom
from pool.records import Host, Instance
from pool.sessions.placement import reservations_at
from pool.sessions.visits import Visit
from pool.settings import PoolSettings
from pool.states import InstanceState


class ReservedSlots:
    """What courses have reserved, and how much of it their sessions hold.

    A visit has no user: it names its course itself, as a request may. The rules are shown, of each course, the slots
    that its sessions do not hold yet, and so need not see the sessions that run.
    """

    def __init__(self, courses: Iterable[Course]) -> None:
        # Sessions that were started beforehand are visits as well: none is to be started anew.
        self._courses = {one.name: replace(one, users=frozenset(), start_before=0) for one in courses}
        self._held: Counter[str] = Counter()  # slots, by course

    @property
    def unfilled(self) -> tuple[Course, ...]:
        """The courses, each with the slots that are left of those reserved."""
        return tuple(replace(one, slots=one.slots - self._held[one.name]) for one in self._courses.values())

    def session(self, session_id: str, visit: Visit, pool: str, now: datetime) -> Instance:
        """Return the session of a visit as it is requested: it names its course, where the pool has this course."""
        course = self._courses.get(visit.course)
        return Instance(
            id=session_id,
            pool=pool,
            blueprint=course.blueprint if course else "",
            user="",
            state=InstanceState.QUEUED,
            slots=visit.slots,
            route="",
            token="",
            created_at=now,
            state_since=now,
            options={OPTION: course.name} if course else {},
        )

    def take(self, session: Instance) -> None:
        """A session has its room now."""
        self._held[session.options.get(OPTION, "")] += session.slots

    def give_back(self, session: Instance) -> None:
        """A session ends."""
        self._held[session.options.get(OPTION, "")] -= session.slots

    def kept(self, hosts: Sequence[Host], settings: PoolSettings, now: datetime) -> KeptRoom | None:
        """Return the room that is kept at this moment; None: the pool has no courses."""
        if not self._courses:
            return None
        names = {host.name for host in hosts}  # each has every image
        return reservations_at(self.unfilled, lambda _: names, hosts, settings, now).kept(hosts, ())
