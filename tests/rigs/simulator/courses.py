"""A course in a simulated installation: its classes, its users, and that what is reserved for it is kept."""

from collections.abc import Mapping
from datetime import timedelta

from blocks.stored.blueprint import Blueprint
from blocks.stored.course import CourseBlock
from pool.courses.course import OPTION, Course, missing_sessions
from pool.hosts.lifetime import takes_sessions
from pool.records import Instance
from pool.states import HOLDING_ROOM, LIVING_INSTANCES, HostState
from tests.rigs.simulator.world import World

NAME = "bio101"
MEMBERS = ("ben", "cyn", "dov")
LASTS = timedelta(hours=1)


class CourseWorld(World):
    """A world with one course at the most, whose times, slots and members change."""

    def hold_class(self, minutes: int, slots: int, members: int, start_before: int, blueprint: str = "small") -> None:
        """The operator saves the course: its class begins in so many minutes, and lasts an hour.

        Without members, its users name it in their requests, and none is started beforehand.
        """
        begin = self.clock.now() + timedelta(minutes=minutes)
        self.stored[CourseBlock][NAME] = CourseBlock(
            blueprint=blueprint,
            times=[f"{begin:%a %H:%M}-{begin + LASTS:%H:%M}"],
            slots=slots,
            users=list(MEMBERS[:members]),
            start_before=start_before if members else 0,
        )

    def call_off_class(self) -> None:
        """The operator deletes the course."""
        self.stored[CourseBlock].clear()

    def attend(self, which: int, twice: bool = False) -> None:
        """A user of the course asks for a session: a member, or, where it has none, a user whose request names it."""
        for block in self.stored[CourseBlock].values():
            session = f"s-{len(self.sessions)}"
            self.sessions.append(session)
            user = block.users[which % len(block.users)] if block.users else "eve"
            request = {"instance_id": session, "blueprint": block.blueprint, "user": user}
            request |= {} if block.users else {"options": {OPTION: NAME}}
            for _ in range(2 if twice else 1):
                self.prefect.start("provision-instance/on-demand", request)

    def leave_class(self, which: int) -> None:
        """A member ends a session, one that was started beforehand, too."""
        theirs = [one.id for one in self.store.instances.all(states=LIVING_INSTANCES) if one.user in MEMBERS]
        if theirs:
            session = theirs[which % len(theirs)]
            self.prefect.start("deprovision-instance/on-demand", {"instance_id": session})

    # What is watched

    def courses(self) -> list[Course]:
        """The courses as the rules see them."""
        made_by, zone = self.stored[Blueprint], self.config.DD_TIMEZONE
        blocks = self.stored[CourseBlock].items()
        return [block.course(name, made_by[block.blueprint].spec(name=block.blueprint), zone) for name, block in blocks]

    def reserved_now(self) -> dict[str, int]:
        """By course whose slots are reserved now: how many more of its sessions would find room."""
        now, settings = self.clock.now(), self.config.settings("main")
        reserving = [course for course in self.courses() if course.reserves(now, now)]
        if not reserving:
            return {}
        missing = missing_sessions(reserving, self.store.instances.all(states=HOLDING_ROOM))
        active = self.store.hosts.all(states={HostState.ACTIVE})
        serving = [host for host in active if takes_sessions(host, settings, now)]
        return {one.name: min(missing[one.name], sum(host.free // one.needs for host in serving)) for one in reserving}

    def check_reserved(self, taken: Instance, before: Mapping[str, int]) -> None:
        """1: a session that is given room takes none that is reserved for a course that it is not of."""
        left = self.reserved_now()
        for course in self.courses():
            if left.get(course.name, 0) < before.get(course.name, 0) and not course.has(taken):
                self.broken.add(f"1: {taken.id} has room on {taken.host} that was reserved for course {course.name}")
