"""Which hosts, small and large, hold a demand: the cheapest that are enough, within the places and the quota."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pool.records import FlavorSize, Headroom
from pool.settings import PoolSettings

WINDOW = 4  # numbers of large hosts below the highest that are tried: with fewer of them, more hosts are needed


class Room:
    """Free slots by host, as sizes: which host has them does not matter to how many more are needed."""

    def __init__(self, sizes: Iterable[int]) -> None:
        self._sizes = Counter(sizes)

    @property
    def slots(self) -> int:
        """All free slots."""
        return sum(size * count for size, count in self._sizes.items())

    def add(self, size: int) -> None:
        """One more host with so much room."""
        self._sizes[size] += 1

    def take(self, slots: int) -> bool:
        """Put a session where it fits most tightly, or say that it fits nowhere."""
        fitting = min((size for size, count in self._sizes.items() if count and size >= slots), default=None)
        if fitting is None:
            return False
        self._sizes[fitting] -= 1
        self._sizes[fitting - slots] += 1
        return True


@dataclass(frozen=True)
class Demand:
    """What the room that is there, or on its way, does not hold."""

    waiting: tuple[int, ...]  # slots of each session that fits nowhere, in the order of the queue
    free: int  # free slots that are lacking; negative: so many are left over
    rush: bool = False  # more sessions wait, also for hosts on their way, than a small host holds


@dataclass(frozen=True)
class Quota:
    """What the cloud allows: so many hosts of a size if all were of it. Several sizes share it in proportion."""

    headroom: Mapping[FlavorSize, Headroom]
    asked: tuple[FlavorSize, ...] = ()  # sizes of hosts that will take of it, and that the cloud does not count yet

    def left(self, size: FlavorSize, others: Iterable[FlavorSize] = ()) -> int | None:
        """How many hosts of the size are allowed beside others; None: not known to be limited."""
        if size not in self.headroom:
            return None
        taken = Counter([*self.asked, *others])
        if any(not self.headroom[one].hosts for one in taken if one in self.headroom):
            return 0
        most = self.headroom[size].hosts
        used = sum(-(-count * most // self.headroom[one].hosts) for one, count in taken.items() if one in self.headroom)
        return max(0, most - used)


@dataclass(frozen=True)
class Mix:
    """So many hosts of each size, and what they do not hold."""

    small: int
    large: int
    unplaced: int  # slots of the sessions that still fit nowhere
    lacking: int  # free slots that are still lacking

    @property
    def shortage(self) -> tuple[int, int]:
        """What it does not hold: sessions count before free slots."""
        return self.unplaced, self.lacking

    @property
    def sizes(self) -> list[FlavorSize]:
        """The hosts, the large ones first: they hold the most."""
        return [FlavorSize.LARGE] * self.large + [FlavorSize.SMALL] * self.small


def best_mix(demand: Demand, usual: FlavorSize, settings: PoolSettings, places: int, quota: Quota) -> Mix:
    """Choose the hosts that hold the whole demand; where that cannot be, those that hold the most of it.

    Of several that do, in a pool that is not in use, the cheapest: the fewest slots, and then the fewest hosts. In a
    rush the fewest hosts, and then the fewest slots: more users may come, and places are scarce. In a pool that is in
    use, large ones, which its next sessions will fill.

    Args:
        demand: what has no room yet.
        usual: the size that the pool's state asks for.
        settings: of the pool.
        places: how many more hosts the pool may have.
        quota: what the cloud allows.
    """
    wanted = _hosts_of_one_size(demand, settings.slots_large)
    most = _least(wanted, places, quota.left(FlavorSize.LARGE))
    mixes = [_filled(demand, large, settings, places, quota) for large in range(max(0, most - WINDOW), most + 1)]

    def price(mix: Mix) -> tuple[int, ...]:
        slots, hosts = mix.small * settings.slots_small + mix.large * settings.slots_large, mix.small + mix.large
        if usual is FlavorSize.LARGE:
            return (*mix.shortage, mix.small, slots)
        return (*mix.shortage, hosts, slots) if demand.rush else (*mix.shortage, slots, hosts)

    return min(mixes, key=price)


def _hosts_of_one_size(demand: Demand, size: int) -> int:
    """How many hosts of this size hold the demand; a session that is larger than them does not count."""
    room, hosts = Room([]), 0
    for slots in demand.waiting:
        if slots <= size and not room.take(slots):
            room.add(size)
            room.take(slots)
            hosts += 1
    return hosts + max(0, -(-(demand.free - room.slots) // size))


def _filled(demand: Demand, large: int, settings: PoolSettings, places: int, quota: Quota) -> Mix:
    """So many large hosts, and as many small ones as are needed beside them and allowed."""
    allowed = quota.left(FlavorSize.SMALL, [FlavorSize.LARGE] * large)
    most, small, unplaced = _least(places - large, places, allowed), 0, 0
    room = Room([settings.slots_large] * large)
    for slots in demand.waiting:
        if room.take(slots):
            continue
        if small < most and slots <= settings.slots_small:
            small += 1
            room.add(settings.slots_small)
            room.take(slots)
        else:
            unplaced += slots
    lacking = max(0, demand.free - room.slots)
    more = min(most - small, -(-lacking // settings.slots_small))
    return Mix(small + more, large, unplaced, max(0, lacking - more * settings.slots_small))


def _least(*limits: int | None) -> int:
    return max(0, min(limit for limit in limits if limit is not None))


def mixed(sizes: Sequence[FlavorSize]) -> str:
    """As in "1 small and 3 large"."""
    counts = Counter(sizes)
    return " and ".join(f"{counts[size]} {size}" for size in FlavorSize if counts[size])
