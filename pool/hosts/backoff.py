"""How long to wait before something that failed is tried again."""

FIRST, LONGEST = 30, 3600  # seconds


def pause(tries: int, longest: float = LONGEST) -> float:
    """Seconds until the next try after so many failed: half a minute, then twice as long each time, up to *longest*."""
    return min(FIRST * 2.0 ** min(tries, 20), longest)
