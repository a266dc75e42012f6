"""What a pool offers: when an archive is news, which version a session runs, where it goes."""

import asyncio
import os
from dataclasses import replace
from types import SimpleNamespace

import pytest

from blocks.engine.of_host import Engines
from blocks.images.folder import ImageFolder
from blocks.images.layer_store import LayerStore
from blocks.outside import standing_in
from blocks.stored.pool_config import PoolConfig
from pool.errors import BadRequest, NotFound
from pool.images.catalogue import as_offered, folder_is_news, lacking, split_pin, usable_versions
from pool.records import Image
from pool.sessions.placement import newest_version_first
from pool.states import HostState
from tasks.images import catalogue, delivery
from tests.rigs.engines.tiny_image import TinyImage
from tests.rigs.fakes import FakeBlocks, ScriptedTasks, fake_outside
from tests.rigs.pool_data import NOW, a_host, claim, claim_active
from tests.rigs.present import present
from tests.rigs.services.databases import new_store

pytestmark = pytest.mark.unit

LAB = Image("main", "lab", "sha256:" + "a" * 64, 1, archive="lab.tar", read_from="1-1")
NEWER = replace(LAB, id="sha256:" + "b" * 64, digest="sha256:" + "d" * 64, read_from="2-2")


def test_an_archive_without_a_record_is_offered():
    assert as_offered(LAB, None) == LAB


def test_a_new_version_is_offered_and_where_it_comes_from_is_kept():
    pulled = replace(LAB, source="lab:4", credentials="mine", looked_at=NOW, digest="sha256:c")
    assert as_offered(NEWER, pulled) == replace(NEWER, source="lab:4", credentials="mine", looked_at=NOW, digest="")
    assert present(as_offered(LAB, pulled)).digest == "sha256:c"


def test_what_was_retired_stays_so_until_it_is_another_version_or_came_back():
    retired = replace(LAB, retired_at=NOW)
    assert as_offered(LAB, retired) is None
    assert present(as_offered(NEWER, retired)).retired_at is None
    assert as_offered(LAB, replace(retired, archive="")) == LAB


def test_an_archive_of_another_file_forgets_where_the_name_came_from():
    other = replace(NEWER, archive="other.tar")
    assert as_offered(other, replace(LAB, source="lab:4")) == other


def test_a_pin_follows_the_name():
    assert split_pin("rocker/rstudio:4.4") == ("rocker/rstudio:4.4", "")
    assert split_pin(f"lab@{LAB.id}") == ("lab", LAB.id)
    with pytest.raises(BadRequest, match="image lab@4: after the @ there must be a digest"):
        split_pin("lab@4")


def test_a_session_runs_the_newest_version_or_the_one_before():
    versions = [NEWER, LAB, replace(LAB, id="sha256:old")]
    assert usable_versions("lab", versions) == [NEWER, LAB]


@pytest.mark.parametrize("pin", [NEWER.id, NEWER.digest])
def test_a_pinned_session_runs_its_version_alone(pin):
    assert usable_versions("lab", [LAB, NEWER], pin) == [NEWER]


def test_a_pin_that_no_version_has_is_refused_with_those_that_there_are():
    with pytest.raises(NotFound, match="image lab has no version sha256:eeeeeeeeeeee; known: sha256:aaaaaaaaaaaa"):
        usable_versions("lab", [LAB], "sha256:" + "e" * 64)


@pytest.mark.parametrize(
    ("stamps", "news"),
    [
        ({"lab.tar": "1-1"}, False),
        ({"lab.tar": "2-1"}, True),
        ({}, True),
        ({"lab.tar": "1-1", "new.tar": "1-1"}, True),
    ],
    ids=["the same", "changed", "gone", "a new one"],
)
def test_an_archive_that_comes_goes_or_changes_is_news(stamps, news):
    assert folder_is_news(stamps, [LAB, replace(LAB, name="gone", archive="")]) is news


def test_hosts_that_lack_an_offered_image_are_named():
    held = {"main-01": {LAB.id, NEWER.id, "sha256:more"}, "main-02": {LAB.id}}
    assert lacking([LAB, NEWER], ["main-01", "main-02", "main-03"], held) == ["main-02", "main-03"]
    assert lacking([], ["main-01"], {}) == []


def test_a_host_with_the_new_version_is_preferred_and_one_with_the_old_serves():
    hosts = [a_host(f"main-0{number}") for number in (1, 2, 3, 4)]
    ranked = newest_version_first(hosts, [{"main-03", "main-04"}, {"main-02", "main-03"}])
    assert [host.name for host in ranked] == ["main-03", "main-04", "main-02"]
    ranked = newest_version_first(hosts, [{"main-03", "main-04"}, {"main-02"}], avoid=["main-03"])
    assert [host.name for host in ranked] == ["main-04", "main-02", "main-03"]


@pytest.mark.parametrize(
    ("stamps", "under_way", "answers", "asked"),
    [
        ({"lab.tar": "1-1"}, [], False, []),
        ({"lab.tar": "2-2"}, [], True, ["runs_under_way"]),
        ({"lab.tar": "2-2"}, [1], False, ["runs_under_way"]),
    ],
    ids=["nothing is new", "an archive is new", "a distribution is under way"],
)
def test_prefect_is_asked_for_distributions_only_where_there_is_a_reason_for_one(
    tmp_path, stamps, under_way, answers, asked
):
    store, tasks = new_store(tmp_path), ScriptedTasks(runs_under_way=under_way)
    store.images.put(LAB)
    store.images.mark(claim_active(store).name, LAB.id, NOW)
    folder = SimpleNamespace(stamps=lambda: stamps)
    with standing_in(fake_outside(store=store, images=folder, prefect=tasks)):
        assert bool(asyncio.run(catalogue.why_distribute.fn("main"))) is answers
    assert tasks.names == asked
    store.close()


@pytest.fixture
def two_pools(tmp_path):
    """Two archives in the folder, the pools main and gpu, and the door to them."""
    store, layers = new_store(tmp_path), LayerStore(tmp_path / "layers")
    folder = ImageFolder(tmp_path / "images", layers, Engines(FakeBlocks({}), "", ""))
    folder.directory.mkdir()
    for name in ("lab", "cuda/torch"):
        path = folder.directory / f"{name.replace('/', '.')}.img"
        path.write_bytes(TinyImage(name).archive())
        os.utime(path, (1, 1))
    configs = {"main": PoolConfig(DD_IMAGE_NAMES=["!cuda/*"]), "gpu": PoolConfig(DD_IMAGE_NAMES=["cuda/*"])}
    blocks = FakeBlocks({PoolConfig: configs})
    with standing_in(fake_outside(store=store, images=folder, layers=layers, stored=blocks)) as door:
        yield door
    store.close()


def read(pool: str) -> list[str]:
    return [image.name for image in asyncio.run(catalogue.read_catalogue.fn(pool))]


def test_each_pool_gets_the_images_that_it_wants(two_pools):
    assert (read("main"), read("gpu")) == (["lab"], ["cuda/torch"])
    with pytest.raises(NotFound, match="pool gpu does not want the image lab: see its DD_IMAGE_NAMES; known: cuda"):
        two_pools.store.images.get("gpu", "lab")


def test_what_a_pool_does_not_want_is_no_news_and_another_choice_is(two_pools):
    claim_active(two_pools.store, pool="gpu")
    read("gpu")
    two_pools.store.images.mark("gpu-01", two_pools.store.images.get("gpu", "cuda/torch").id, NOW)
    for names, news in ((["cuda/*"], False), (["cuda/*", "lab"], True)):
        two_pools.store.configs.keep("gpu", PoolConfig(DD_IMAGE_NAMES=names).as_kept())
        assert bool(catalogue._key_to_distribute("gpu")) is news


def test_an_image_is_offered_again_once_its_pool_wants_it(two_pools):
    read("gpu")
    two_pools.stored.blocks[PoolConfig]["gpu"] = PoolConfig()
    assert read("gpu") == ["cuda/torch", "lab"]
    two_pools.stored.blocks[PoolConfig]["gpu"] = PoolConfig(DD_IMAGE_NAMES=["lab"])
    assert read("gpu") == ["lab"]


def test_what_an_operator_retired_stays_so_whatever_its_pool_wants(two_pools):
    read("gpu")
    two_pools.store.images.retire("gpu", "cuda/torch", NOW)
    for names in (["lab"], ["cuda/*"]):
        two_pools.stored.blocks[PoolConfig]["gpu"] = PoolConfig(DD_IMAGE_NAMES=names)
        assert "cuda/torch" not in read("gpu")


def test_an_image_that_a_pool_does_not_want_is_not_added_to_it(two_pools):
    with pytest.raises(BadRequest, match="pool gpu does not want the image lab: change its DD_IMAGE_NAMES first"):
        asyncio.run(catalogue.take_in.fn("gpu", "lab.img", "archive"))
    assert asyncio.run(catalogue.take_in.fn("main", "lab.img", "archive")) == ["lab"]


def test_a_host_that_lacks_an_image_is_a_reason_of_its_own_beside_an_archive_that_is_refused(two_pools):
    claim_active(two_pools.store)
    read("main")
    (two_pools.images.directory / "broken.img").write_bytes(b"no archive")
    os.utime(two_pools.images.directory / "broken.img", (1, 1))
    lacking_key = catalogue._key_to_distribute("main")
    two_pools.clock.pass_by(600)
    assert catalogue._key_to_distribute("main") != lacking_key
    two_pools.store.images.mark("main-01", two_pools.store.images.get("main", "lab").id, NOW)
    key = catalogue._key_to_distribute("main")
    two_pools.clock.pass_by(600)
    assert catalogue._key_to_distribute("main") == key


def test_an_image_for_a_pool_that_does_not_exist_is_refused_before_anything_is_done(tmp_path):
    store = new_store(tmp_path)
    with standing_in(fake_outside(store=store)), pytest.raises(NotFound, match="no pool is named 'mian'; known: main"):
        asyncio.run(catalogue.take_in.fn("mian", "lab.tar", "archive"))
    store.close()


def test_an_image_that_was_pulled_for_one_pool_is_news_to_no_other(tmp_path):
    store = new_store(tmp_path)
    store.images.put(replace(LAB, source="registry.example/lab:4"))
    claim_active(store)
    claim(store, "run-2", pool="gpu")
    for state in (HostState.CONFIGURING, HostState.ACTIVE):
        store.hosts.move("gpu-01", state, NOW)
    folder = SimpleNamespace(stamps=lambda: {"lab.tar": "2-2"})
    with standing_in(fake_outside(store=store, images=folder, prefect=ScriptedTasks(runs_under_way=[]))):
        news = {pool: bool(asyncio.run(catalogue.why_distribute.fn(pool))) for pool in ("main", "gpu")}
    assert news == {"main": True, "gpu": False}
    store.close()


def test_the_table_of_images_has_every_active_host_and_every_image_that_is_offered(tmp_path):
    store = new_store(tmp_path)
    for image in (LAB, replace(LAB, name="other", id="sha256:" + "e" * 64)):
        store.images.put(image)
    store.images.mark(claim_active(store).name, LAB.id, NOW)
    claim_active(store, "run-2")
    with standing_in(fake_outside(store=store)) as door:
        asyncio.run(delivery.report_deliveries.fn("main", [delivery.Delivery("main-01")]))
    rows = door.prefect.tables["images-on-hosts-main"]
    assert [(row["image"], row["main-01"], row["main-02"]) for row in rows] == [
        ("lab", "there", "missing"),
        ("other", "missing", "missing"),
    ]
    store.close()
