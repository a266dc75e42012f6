"""What standbys of a blueprint are made of now, and which blueprints and requests are started cold."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from pool.records import BlueprintSpec
from pool.standbys.wanted import Wanted, may_want_some, wanted_at
from pool.timetable import Entry

#: What is known of a session only when it is asked for.
OF_THE_REQUEST = ("user", "instance_id")
#: Of a blueprint, what says how many stand by, and nothing of what a session has.
NO_PART_OF_IT = ("standby_timetable", "standby_by_demand", "standby_warm_up")


@dataclass(frozen=True)
class StandbySpec:
    """By what the standbys of one blueprint are made."""

    blueprint: BlueprintSpec
    digest: str  # of all that shapes the container but its image; a standby by another one is outdated
    images: Mapping[str, str]  # id of the version that a session would run on a host, by the host's name
    timetable: tuple[Entry, ...] = ()  # times with another number of them
    demand: int = 0  # how many earlier weeks ask for at this time

    @property
    def may_want_some(self) -> bool:
        """Whether there is a moment at which some are to stand by."""
        return may_want_some(self.blueprint) and not why_cold(self.blueprint)

    def wanted_at(self, now: datetime) -> Wanted:
        """How many are to stand by, and by what."""
        return wanted_at(self.blueprint, self.timetable, self.demand, now) if self.may_want_some else Wanted(0)


def digest_of(blueprint: BlueprintSpec, timezone: str) -> str:
    """Return what a standby is made by, as a digest: another one where anything but the number of standbys changed."""
    values = asdict(blueprint) | {"standby": 0, "timezone": timezone}
    for name in NO_PART_OF_IT:
        del values[name]
    if not blueprint.standby_frozen:  # those from before there was this setting are what they were
        del values["standby_frozen"]
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:32]


def why_cold(blueprint: BlueprintSpec) -> str:
    """Return why a container of the blueprint must know its session when it starts; empty: it need not.

    A route, a token and a uid of its own it has as a standby, and its session takes them over.
    """
    return next(_reasons(blueprint), "")


def _reasons(blueprint: BlueprintSpec) -> Iterator[str]:
    texts = {"command": blueprint.command, "environment": tuple(blueprint.environment.values())}
    for place, words in texts.items():
        for name in OF_THE_REQUEST:
            if any(f"{{{name}}}" in word for word in words):
                yield f"its {place} names {{{name}}}, which is not known before a session is asked for"
    if blueprint.keep.paths:
        yield "what its user left in earlier sessions is brought back before it starts (keep)"


def may_have_standby(blueprint: BlueprintSpec, options: Mapping[str, Any]) -> bool:
    """Whether a request by the blueprint may be given a standby; it is started cold with what only its container has.

    That is an environment of its own, or secrets.
    """
    has_own = options.get("environment") or options.get("secrets")
    return may_want_some(blueprint) and not has_own and not why_cold(blueprint)
