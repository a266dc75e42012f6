"""Sending images to real engines: only what is missing travels, and what is there is what was wanted."""

import gzip
import io
import os
import signal
import tarfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blocks.engine.client import HostEngine
from blocks.images.layer_store import LayerStore
from blocks.images.push import Bandwidth, HostPush
from blocks.images.stream import Compression
from blocks.stored.authority import CertificateAuthority
from pool.errors import EngineTrouble, HostUnreachable
from pool.images.distribution import chain_ids, missing_layers
from tests.rigs.engines.cut_relay import cut_relay
from tests.rigs.engines.kept_images import forget_images, image_of, kept
from tests.rigs.engines.light_host import light_host
from tests.rigs.engines.tiny_image import TinyImage, tar_of

pytestmark = pytest.mark.contract

FRAME = 8192  # bytes of manifest, config and tar headers around the layers


@pytest.fixture(scope="module")
def authority():
    return CertificateAuthority.create("test authority")


@pytest.fixture(scope="module")
def hosts(authority):
    """Two hosts; the certificate of the second names loopback, where a relay may stand before it."""
    with light_host(authority) as first, light_host(authority, named="127.0.0.1") as second:
        yield first, second


@pytest.fixture
def engine(hosts):
    yield hosts[0].engine
    forget_images(hosts[0].engine)


@pytest.fixture
def store(tmp_path):
    return LayerStore(tmp_path / "layers")


@pytest.fixture
def keep(store, tmp_path):
    """Put an image into the store, and give the catalogue's record of it."""

    return lambda image: kept(image, store, tmp_path)


@cache
def noise(seed: int, size: int = 300_000) -> bytes:
    """A layer that does not pack."""
    return tar_of({f"noise-{seed}": os.urandom(size)})


def push(engine, store, image, **options):
    return HostPush(engine, "h-1", store, **options).push(image, [f"{image.name.partition(':')[0]}:1"])


def packed(store, *layers: bytes) -> int:
    """Bytes of these layers as they travel."""
    sizes = {image.diff_ids[0] for image in (TinyImage(layers=[layer]) for layer in layers)}
    return sum(store.packed(diff_id, Compression.GZIP).stat().st_size for diff_id in sizes)


def test_a_new_image_arrives_and_runs(engine, store, keep):
    tiny = image_of("tiny:1", noise(1))
    image = keep(tiny)
    sent = push(engine, store, image)
    assert image.id in engine.image_ids()
    assert 0 < sent.sent - packed(store, *tiny.layers) < FRAME
    assert sent.skipped == 0
    engine.try_image(image.id)


def test_what_is_there_is_not_sent(engine, store, keep):
    tiny = image_of("tiny:1", noise(1))
    push(engine, store, keep(tiny))
    again = push(engine, store, keep(tiny))
    assert (again.sent, again.skipped) == (0, packed(store, *tiny.layers))


def test_only_the_changed_top_layer_travels(engine, store, keep):
    push(engine, store, keep(image_of("tiny:1", noise(1), noise(2))))
    new = keep(image_of("tiny:2", noise(1), noise(3)))
    sent = push(engine, store, new)
    assert sent.sent < 1.2 * packed(store, noise(3))
    assert sent.skipped == packed(store, image_of("x").layers[0], noise(1))
    engine.try_image(new.id)


def test_an_image_whose_layers_are_there_under_another_costs_its_config(engine, store, keep):
    push(engine, store, keep(image_of("large:1", noise(1), noise(2))))
    image = keep(image_of("small:1", noise(1)))
    assert push(engine, store, image).sent < FRAME
    engine.try_image(image.id)


def test_three_images_share_layers_in_any_order(engine, store, keep):
    one, two, three = noise(1), noise(2), noise(3)
    base = image_of("x").layers[0]
    cases = [((one, two), (base, one, two)), ((two, one), (two, one)), ((one, three, two, one), (three, two, one))]
    for number, (extra, travels) in enumerate(cases):
        image = keep(image_of(f"shared-{number}:1", *extra))
        assert 0 < push(engine, store, image).sent - packed(store, *travels) < FRAME
        engine.try_image(image.id)


def test_it_has_its_name_on_the_host(engine, store, keep):
    image = keep(image_of("team/tiny:4"))
    HostPush(engine, "h-1", store).push(image, ["team/tiny:4", "team/tiny:latest"])
    with engine.client("look") as client:
        assert set(client.inspect_image(image.id)["RepoTags"]) == {"team/tiny:4", "team/tiny:latest"}


def test_a_connection_cut_at_half_leaves_nothing_and_the_next_try_sends_all(hosts, store, keep):
    image = keep(image_of("tiny:1", noise(1, 4_000_000)))
    with cut_relay((hosts[1].address, 2376)) as relay:
        engine = HostEngine.connect("127.0.0.1", hosts[1].identity, host="h-2", port=relay.port)
        relay.cut_after = 2_000_000
        with pytest.raises(HostUnreachable, match="host h-2: the engine could not load an image"):
            push(engine, store, image)
        relay.cut_after = None
        assert relay.cuts == 1
        assert engine.image_ids() == set()
        assert push(engine, store, image).sent > 4_000_000
        engine.try_image(image.id)
        forget_images(engine)


def test_an_engine_that_restarts_while_loading_gets_it_afterwards(hosts, engine, store, keep):
    image, half = keep(image_of("tiny:1", noise(1, 4_000_000))), threading.Event()
    slow = {"bandwidth": Bandwidth(4), "on_bytes": lambda _: half.set()}
    with ThreadPoolExecutor(1) as pool:
        pushing = pool.submit(push, engine, store, image, **slow)
        assert half.wait(30)
        hosts[0].cut_power()
        with pytest.raises(HostUnreachable):
            pushing.result()
    hosts[0].start()
    push(engine, store, image)
    engine.try_image(image.id)


def test_two_distributions_at_once_take_turns_and_the_second_sends_nothing(engine, store, keep):
    image = keep(image_of("tiny:1", noise(1, 2_000_000)))

    def in_turn(_):
        with store.exclusive("host-h-1"):
            return push(engine, store, image).sent

    with ThreadPoolExecutor(2) as pool:
        first, second = sorted(pool.map(in_turn, range(2)))
    assert (first, second > 2_000_000) == (0, True)


def test_two_managers_that_send_the_same_at_once_both_succeed(engine, store, keep):
    images = [keep(image_of(f"tiny-{top}:1", noise(1, 2_000_000), noise(top))) for top in (2, 3)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda image: push(engine, store, image), images * 2))
    assert {image.id for image in images} <= engine.image_ids()
    for image in images:
        engine.try_image(image.id)


def test_a_host_that_stands_still_holds_up_none(hosts, store, keep):
    image = keep(image_of("tiny:1", noise(1, 2_000_000)))
    with cut_relay((hosts[1].address, 2376)) as relay, ThreadPoolExecutor(2) as pool:
        still = HostEngine.connect("127.0.0.1", hosts[1].identity, host="h-2", port=relay.port)
        still.ping()
        signal_engine(hosts[1], signal.SIGSTOP)
        waiting = pool.submit(push, still, store, image)
        push(hosts[0].engine, store, image)
        assert image.id in hosts[0].engine.image_ids()
        assert not waiting.done()
        signal_engine(hosts[1], signal.SIGCONT)
        assert waiting.result(60).sent > 2_000_000
        forget_images(still)
    forget_images(hosts[0].engine)


def signal_engine(host, number):
    children = Path(f"/proc/{host._process.pid}/task/{host._process.pid}/children").read_text()
    os.kill(int(children), number)


class WholeOnly(HostEngine):
    """An engine that refuses an archive without the layers that it has, as one with containerd's image store does."""

    loads: list[int]
    layers: int  # of a whole archive

    def load(self, archive):
        data = b"".join(archive)
        self.loads.append(len(data))
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            layers = [name for name in tar.getnames() if name.endswith("layer.tar")]
        if len(layers) < self.layers:
            raise EngineTrouble("host h-1: the engine refused to load an image: content digest: not found")
        return super().load([data])


def test_an_engine_that_takes_no_partial_archive_gets_the_whole_and_that_is_remembered(hosts, engine, store, keep):
    whole = WholeOnly(engine._connections, hosts[0].address)
    whole.loads, whole.layers = [], 3
    pushing = HostPush(whole, "h-1", store)
    for top in (2, 3, 4):
        image = keep(image_of(f"tiny-{top}:1", noise(1), noise(top)))
        pushing.push(image, [f"tiny-{top}:1"])
        engine.try_image(image.id)
    assert [size > 900_000 for size in whole.loads] == [True, False, True, True]


def test_a_base_that_went_away_after_it_was_seen_is_sent_too(hosts, engine, store, keep):
    image = keep(image_of("tiny:1", noise(1), noise(2)))

    class Forgetful(HostEngine):
        def chains(self):
            return set(chain_ids(image.layers)[:2])

    push(Forgetful(engine._connections, hosts[0].address), store, image)
    engine.try_image(image.id)


def test_another_image_than_the_catalogue_names_is_trouble(engine, store, keep, tmp_path):
    image = keep(image_of("tiny:1"))
    config = tmp_path / "layers" / f"{image.id[7:]}.json"
    config.write_bytes(config.read_bytes() + b" ")
    with pytest.raises(EngineTrouble, match="host h-1: image tiny:1 was sent but is not there as sha256:"):
        push(engine, store, image)


def test_a_layer_that_was_swapped_in_the_store_is_refused_by_the_engine(engine, store, keep):
    tiny = image_of("tiny:1", noise(1))
    image = keep(tiny)
    store.packed(image.layers[1], Compression.GZIP).write_bytes(gzip.compress(tar_of({"mallory": b""})))
    with pytest.raises(EngineTrouble, match="invalid diffID"):
        push(engine, store, image)
    assert image.id not in engine.image_ids()


def test_the_bandwidth_is_shared_by_all_pushes(hosts, store, keep):
    image, limit = keep(image_of("tiny:1", noise(1, 1_500_000))), Bandwidth(2)
    start = time.monotonic()
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda host: push(local(host), store, image, bandwidth=limit), hosts)
    assert time.monotonic() - start > (first.sent + second.sent) / 2e6 - 0.3
    for host in hosts:
        forget_images(local(host))


def local(host):
    return HostEngine.local(f"unix://{host.root}/docker.sock")


def test_while_it_sends_no_file_is_open_but_a_layer_of_the_store(engine, store, keep, tmp_path):
    image, before, seen = keep(image_of("tiny:1", noise(1))), open_files(), set()
    push(engine, store, image, on_bytes=lambda _: seen.update(open_files() - before))
    assert {path for path in seen if path.startswith(str(tmp_path))}
    on_disk = {path for path in seen if path.startswith("/") and not path.startswith("/memfd:")}
    assert {Path(path).parent for path in on_disk} <= {tmp_path / "layers", tmp_path / "layers" / "locks"}


def open_files() -> set[str]:
    links = Path("/proc/self/fd").iterdir()
    return {str(link.readlink()) for link in links if link.is_symlink()}


TOPS = st.lists(st.lists(st.integers(1, 4), max_size=3), min_size=1, max_size=3)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(there=TOPS, wanted=TOPS)
def test_whatever_is_there_what_travels_is_what_is_missing(engine, store, keep, there, wanted):
    try:
        for number, tops in enumerate(there + wanted):
            tiny = image_of(f"any-{number}:1", *(noise(10 + top, 50_000) for top in tops))
            image, present = keep(tiny), engine.chains()
            missing = () if image.id in engine.image_ids() else missing_layers(image.layers, present)
            sent = push(engine, store, image).sent
            travels = [layer for layer, diff_id in zip(tiny.layers, tiny.diff_ids, strict=True) if diff_id in missing]
            assert 0 <= sent - packed(store, *travels) < FRAME
            assert set(chain_ids(image.layers)) <= engine.chains()
    finally:
        forget_images(engine)
