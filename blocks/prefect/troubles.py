"""Events of a pool's troubles, each when it begins: a tick meets the same ones every half minute."""

from collections.abc import Callable, Mapping

from prefect.events import emit_event

from pool import marks


class TroubleEvents:
    """Knows what this process has told. Another process, and this one after a start, tells what goes on once more."""

    def __init__(self, emit: Callable[..., object] = emit_event) -> None:
        self._emit = emit
        self._told: dict[str, frozenset[str]] = {}

    def tell(self, pool: str, troubles: Mapping[str, str]) -> None:
        """Emit ``dockerdriver.pool.<kind>`` for each kind of trouble that there was not at the tick before."""
        for kind in sorted(troubles.keys() - self._told.get(pool, frozenset())):
            self._emit(
                f"dockerdriver.pool.{kind}",
                resource={
                    "prefect.resource.id": f"dockerdriver.pool.{pool}",
                    "prefect.resource.name": pool,
                    marks.POOL: pool,
                },
                payload={"pool": pool, "reason": troubles[kind]},
            )
        self._told[pool] = frozenset(troubles)
