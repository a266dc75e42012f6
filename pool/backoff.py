"""How long to wait before something that failed is tried again."""

FIRST, LONGEST = 30, 3600  # seconds


def pause(tries: int) -> float:
    """Seconds until the next try after so many failed: half a minute, then twice as long each time, an hour at most."""
    return min(FIRST * 2.0 ** min(tries, 20), LONGEST)
