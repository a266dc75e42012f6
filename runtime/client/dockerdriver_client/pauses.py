"""How long to wait before the next try, and before the next look."""

from dataclasses import dataclass

#: After so many, the pause is the longest in any case; beyond, a power of it is no number any more.
_MOST_GROWN = 40


@dataclass(frozen=True)
class Pauses:
    """Pauses that grow, each shortened by chance to no less than half, so that many clients do not come at once.

    Args:
        first: seconds, of the first.
        growth: of each by the one before.
        longest: seconds, at the most.
    """

    first: float = 0.5
    growth: float = 2.0
    longest: float = 15.0

    def after(self, tries: int, chance: float) -> float:
        """Return how many seconds to wait after so many tries, 1 for the first; *chance* is from 0 to 1."""
        full = min(self.longest, self.first * self.growth ** min(tries - 1, _MOST_GROWN))
        return full * (0.5 + chance / 2)


#: Before the same request again, where the server was busy or away.
RETRIES = Pauses()
#: Before another look at what is waited for.
LOOKS = Pauses(first=0.4, growth=1.5, longest=10.0)
#: The same while events are heard, which end the pause.
CHECKS = Pauses(first=20.0, growth=1.5, longest=60.0)
