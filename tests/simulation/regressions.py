"""Lives in which something did not hold once, by what it was: a seed, and what happened, as `--seed` prints it."""

BROKEN_ONCE: dict[str, tuple[int, list[tuple[str, dict, float]]]] = {
    "a session whose worker died before it got its room stayed queued for ever": (
        8,
        [
            ("use", {"which": 0}, 900),
            ("arrive", {}, 0),
            ("kill_the_warm_worker", {"after_steps": 8, "seconds": 30}, 0),
        ],
    ),
}
