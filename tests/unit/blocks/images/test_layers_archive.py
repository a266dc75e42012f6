"""The archive that is composed while it is sent: a tar that holds what it must, and not more."""

import io
import json
import tarfile

import pytest

from blocks.images.push_archive import compose, config_name, layer_name
from pool.records import Image
from tests.rigs.engines.tiny_image import TinyImage, tar_of
from tests.rigs.present import present

pytestmark = pytest.mark.unit

TINY = TinyImage(layers=[tar_of({"a": b"1"}), tar_of({"b": b"2"})])
IMAGE = Image("main", "tiny", TINY.id, size=1, layers=tuple(TINY.diff_ids))


@pytest.fixture
def top(tmp_path):
    path = tmp_path / "top"
    path.write_bytes(b"x" * 700)
    return [(TINY.diff_ids[1], path)]


def test_it_holds_the_manifest_the_config_and_the_layers_that_are_given(top):
    data = b"".join(compose(IMAGE, ["tiny:latest"], TINY.config, top))
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        read = {name: present(archive.extractfile(name)).read() for name in archive.getnames()}
    (manifest,) = json.loads(read.pop("manifest.json"))
    assert read == {layer_name(TINY.diff_ids[1]): b"x" * 700, config_name(TINY.id): TINY.config}
    assert manifest == {
        "Config": config_name(TINY.id),
        "RepoTags": ["tiny:latest"],
        "Layers": [layer_name(diff_id) for diff_id in TINY.diff_ids],
    }


def test_it_costs_a_few_blocks_beside_its_layers(top):
    pieces = list(compose(IMAGE, ["tiny:latest"], TINY.config, top))
    assert sum(map(len, pieces)) - 700 < 6000
    assert sum(map(len, pieces)) % 512 == 0
