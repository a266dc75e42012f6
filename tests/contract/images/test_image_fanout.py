"""One image to four hosts at once: whatever befalls one of them holds up none, and each gets just what it lacks."""

import asyncio
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from blocks.engine.client import HostEngine
from blocks.images.layer_store import LayerStore
from blocks.images.push import Bandwidth, HostPush
from blocks.images.stream import Compression
from blocks.outside import standing_in
from blocks.stored.authority import CertificateAuthority
from blocks.system_clock import SystemClock
from pool.errors import HostUnreachable
from pool.images.distribution import DistributionTally
from pool.store.pool_store import PoolStore
from tasks.images.delivery import Distribution, place_to_send
from tests.rigs.engines.cut_relay import cut_relay
from tests.rigs.engines.kept_images import forget_images, image_of, kept
from tests.rigs.engines.light_host import light_host
from tests.rigs.engines.tiny_image import busybox_image, tar_of
from tests.rigs.fakes import fake_outside

pytestmark = pytest.mark.contract

HOSTS = 4
FRAME = 8192  # bytes of manifest, config and tar headers around the layers
LARGE = tar_of({"large": os.urandom(4_000_000)})
ONE, TWO, THREE = (tar_of({f"layer-{number}": os.urandom(200_000)}) for number in range(3))


@pytest.fixture(scope="module")
def hosts():
    """Four hosts; the certificate of the second names loopback, where a relay may stand before it."""
    authority = CertificateAuthority.create("test authority")
    with ExitStack() as stack:
        named = ["", "127.0.0.1", "", ""]
        yield [stack.enter_context(light_host(authority, named=name)) for name in named]


@pytest.fixture
def engines(hosts):
    """Their engines, by the sockets that they have on this machine, too."""
    engines = [HostEngine.local(f"unix://{host.root}/docker.sock") for host in hosts]
    yield engines
    for engine in engines:
        forget_images(engine)


@pytest.fixture
def store(tmp_path):
    return LayerStore(tmp_path / "layers")


@pytest.fixture
def keep(store, tmp_path):
    return lambda name, *extra: kept(image_of(name, *extra), store, tmp_path)


def push(engine, store, image, **options):
    return HostPush(engine, "main-01", store, **options).push(image, [image.name]).sent


def packed(store, layers) -> int:
    return sum(store.packed(diff_id, Compression.GZIP).stat().st_size for diff_id in layers)


def test_a_cut_a_power_failure_and_a_frozen_engine_hold_up_no_other_host(hosts, engines, store, keep):
    image, loading = keep("lab:1", LARGE), threading.Event()
    with cut_relay((hosts[1].address, 2376)) as relay, ThreadPoolExecutor(HOSTS) as pool:
        cut = HostEngine.connect("127.0.0.1", hosts[1].identity, host="main-02", port=relay.port)
        relay.cut_after = packed(store, image.layers) // 2
        hosts[3].engine.ping()
        signal_engine(hosts[3], signal.SIGSTOP)
        slow = {"bandwidth": Bandwidth(4), "on_bytes": lambda _: loading.set()}
        halved, failing, frozen = (
            pool.submit(push, cut, store, image),
            pool.submit(push, hosts[2].engine, store, image, **slow),
            pool.submit(push, hosts[3].engine, store, image),
        )
        assert loading.wait(60)
        hosts[2].cut_power()
        push(hosts[0].engine, store, image)
        assert image.id in engines[0].image_ids()
        for broken in (halved, failing):
            with pytest.raises(HostUnreachable):
                broken.result(120)
        assert not frozen.done()
        relay.cut_after = None
        hosts[2].start()
        signal_engine(hosts[3], signal.SIGCONT)
        for engine in (cut, hosts[2].engine):
            push(engine, store, image)
        frozen.result(120)
    for engine in engines:
        engine.try_image(image.id)


def signal_engine(host, number):
    children = Path(f"/proc/{host._process.pid}/task/{host._process.pid}/children").read_text()
    os.kill(int(children), number)


def test_hosts_that_have_different_images_get_different_parts_of_one(engines, store, keep):
    base = busybox_image("x", ("true",)).diff_ids[0]
    wanted = keep("wanted:1", ONE, TWO)
    there = [None, keep("base:1"), keep("larger:1", ONE, TWO, THREE), keep("other:1", TWO)]
    with ThreadPoolExecutor(HOSTS) as pool:
        list(pool.map(lambda engine, image: image and push(engine, store, image), engines, there))
        sent = list(pool.map(lambda engine: push(engine, store, wanted), engines))
    travels = [wanted.layers, set(wanted.layers) - {base}, (), set(wanted.layers) - {base}]
    for engine, size, layers in zip(engines, sent, travels, strict=True):
        assert 0 <= size - packed(store, layers) < FRAME
        engine.try_image(wanted.id)


def test_three_images_share_layers_in_any_order_on_every_host(engines, store, keep):
    three = [keep("a:1", ONE, TWO), keep("b:1", TWO, ONE), keep("c:1", ONE, THREE, TWO)]
    orders = [(0, 1, 2), (2, 1, 0), (1, 0, 2), (2, 0, 1)]

    def send(engine, order):
        return sum(push(engine, store, three[number]) for number in order)

    with ThreadPoolExecutor(HOSTS) as pool:
        sent = list(pool.map(send, engines, orders))
    base, one, two, three_alone = (packed(store, [layer]) for layer in (*three[0].layers, three[2].layers[2]))
    once_above_each_parent = base + one + two + two + one + three_alone + two  # a and c begin with the same layer
    assert all(0 < size - once_above_each_parent < 3 * FRAME for size in sent)
    for engine, order in zip(engines, orders, strict=True):
        assert {image.id for image in three} <= engine.image_ids()
        engine.try_image(three[order[-1]].id)


@pytest.fixture
def records(tmp_path):
    """A database of the test's own, where the leases are."""
    records = PoolStore.open(f"sqlite:///{tmp_path / 'pool.sqlite'}")
    records.upgrade()
    with standing_in(fake_outside(store=records, clock=SystemClock())):
        yield records
    records.close()


def test_two_distributions_at_once_keep_to_one_limit_and_send_everything_once(engines, store, keep, records):
    image, places = keep("lab:1", LARGE), ["place 1", "place 2"]
    sending, most, sent = 0, 0, []

    async def send(number: int, ours: Distribution) -> None:
        nonlocal sending, most
        async with place_to_send(f"main-{number}", ours):
            sending, most = sending + 1, max(most, sending + 1)
            sent.append(await asyncio.to_thread(push, engines[number], store, image))
            sending -= 1

    async def both() -> None:
        two = [Distribution(Bandwidth(), DistributionTally(), places) for _ in range(2)]
        await asyncio.gather(*(send(number, ours) for ours in two for number in range(HOSTS)))

    asyncio.run(both())
    assert most == 2
    assert sorted(size > 4_000_000 for size in sent) == [False] * HOSTS + [True] * HOSTS
    assert all(image.id in engine.image_ids() for engine in engines)


def test_two_distributions_share_the_bandwidth_by_the_places_that_they_hold(records):
    two = [Distribution(Bandwidth(8), DistributionTally(), ["place 1", "place 2", "place 3"]) for _ in range(2)]

    async def both() -> None:
        async with place_to_send("main-1", two[0]), place_to_send("main-2", two[1]), place_to_send("main-3", two[1]):
            while [round(one.bandwidth.megabytes_per_second, 1) for one in two] != [2.7, 5.3]:
                await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(both(), 60))
