"""Metrics in Prometheus's format, on loopback: what SQL holds of the pools, and what the gateway saw."""

import threading
from collections.abc import Iterable, Iterator
from datetime import timedelta

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from blocks.outside import log, now, outside
from pool.errors import DockerDriverError, GatewayTrouble
from pool.reports.measures import PREFIX, Measure, PoolRecords, buckets, launches, measures_of
from pool.reports.start_counts import LONGEST_START, Kind, StartCounts
from pool.settings import PoolSettings
from pool.states import LIVING_INSTANCES

ADDRESS, DAY = "127.0.0.1", timedelta(days=1)


def serve_metrics() -> None:
    """Answer on ``DD_METRICS_PORT``, where one is set; that the port is taken is said in the log, and ends nothing."""
    port = outside().settings.metrics_port
    if not port:
        return
    registry = CollectorRegistry()
    registry.register(PoolCollector())
    try:
        start_http_server(port, ADDRESS, registry)
    except OSError as error:
        log().error("no metrics are served on %s:%s: %s", ADDRESS, port, error)


class PoolCollector(Collector):
    """Reads what there is, each time it is asked; a database or gateway that is away is a number, too."""

    def __init__(self) -> None:
        self._starts = StartCounts(now())
        self._knows_kinds = False
        self._counting = threading.Lock()  # two may ask at once, and each start counts once

    def describe(self) -> Iterable[Metric]:
        """Return nothing: what there is to measure is known when it is read."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Read everything once."""
        try:
            outside().store.check_current()  # tables of another version would end the scrape with a traceback
            pools = [_read(name) for name in sorted({*outside().store.hosts.pools()})]
            starts = self._count_starts()
        except DockerDriverError as error:
            log().error("no metrics of the pools: %s", error)
            yield GaugeMetricFamily(f"{PREFIX}database_up", "Whether the pool's database answers.", 0)
        else:
            yield GaugeMetricFamily(f"{PREFIX}database_up", "Whether the pool's database answers.", 1)
            yield from _families([one for pool in pools for one in measures_of(pool, now())])
            yield _launch_histogram(pools)
            yield starts
        yield from _families(gateway_measures())

    def _count_starts(self) -> HistogramMetricFamily:
        """Count the starts that were told since the last time, of all workers: it is SQL that says so."""
        with self._counting:
            moment, since = now(), self._starts.looks_from
            if not self._knows_kinds:
                self._starts.expect(outside().store.timings.since(since - LONGEST_START))
                self._knows_kinds = True
            self._starts.count(outside().store.timings.told_since(since, since - LONGEST_START), moment)
            return _start_histogram(self._starts)


def gateway_measures() -> list[Measure]:
    """Return what the gateway saw; that it does not answer, where it does not."""
    try:
        seen = outside().gateway.activity().routes.values()
    except GatewayTrouble:
        return [Measure("gateway_up", "Whether the gateway answers.", 0, {})]
    return [
        Measure("gateway_up", "Whether the gateway answers.", 1, {}),
        Measure("gateway_routes_used", "Routes that were used since the gateway started.", len(seen), {}),
        Measure("gateway_websockets", "Open websockets.", sum(one.websockets for one in seen), {}),
        Measure("gateway_cut_off", "Answers that were not let through.", sum(one.cut_off for one in seen), {}),
    ]


def _read(pool: str) -> PoolRecords:
    store, kept = outside().store, outside().store.configs.last(pool) or {}
    return PoolRecords(
        pool,
        store.hosts.recent(pool, now()),
        store.instances.all(pool, LIVING_INSTANCES),
        store.instances.failures(pool, now() - DAY),
        store.images.offered(pool),
        int(kept.get("DD_MAX_HOSTS", PoolSettings().max_hosts)),
        store.ticks.left_undone(pool, now()) is not None,
    )


def _families(measures: Iterable[Measure]) -> Iterator[GaugeMetricFamily]:
    """Group numbers of one name, as the format wants them."""
    by_name: dict[str, GaugeMetricFamily] = {}
    for one in measures:
        names = list(one.labels)
        family = by_name.setdefault(one.name, GaugeMetricFamily(f"{PREFIX}{one.name}", one.help, labels=names))
        family.add_metric([one.labels[name] for name in names], one.value)
    yield from by_name.values()


def _launch_histogram(pools: Iterable[PoolRecords]) -> HistogramMetricFamily:
    text = "Seconds from a host's record to its first moment in service, of the hosts on record."
    family = HistogramMetricFamily(f"{PREFIX}launch_seconds", text, labels=["pool"])
    for pool in pools:
        taken = launches(pool.hosts)
        family.add_metric([pool.name], buckets(taken), sum(taken))
    return family


def _start_histogram(starts: StartCounts) -> HistogramMetricFamily:
    text = "Seconds that sessions took to a phase of their start from the one before; whole: from accepted to routed."
    name = f"{PREFIX}session_start_seconds"
    family = HistogramMetricFamily(name, text, labels=[*Kind._fields, "phase"])
    for kind, phase, counted, total in starts.histograms():
        family.add_metric([*kind, phase], counted, total)
    return family
