"""Lives in which something did not hold once, by what it was: a seed, and what happened, as `--seed` prints it."""

BROKEN_ONCE: dict[str, tuple[int, list[tuple[str, dict, float]]]] = {}
