"""Building and saving images, on a real engine."""

import pytest

from blocks.images.archive import read_archive
from blocks.images.build import build_image, image_labels, output_of, save_image
from blocks.stored.authority import CertificateAuthority
from pool.errors import EngineTrouble, NotFound
from tests.rigs.engines.light_host import light_host
from tests.rigs.engines.tiny_image import busybox_image

pytestmark = pytest.mark.contract

RECIPE = """
FROM tiny:latest AS large
LABEL dockerdriver.stage=built:latest
RUN ["/bin/sh", "-c", "echo {word} > /large"]
FROM tiny:latest
COPY --from=large /large /small
CMD ["cat", "/small"]
"""


@pytest.fixture(scope="module")
def engine():
    with light_host(CertificateAuthority.create("test authority")) as host:
        host.engine.load([busybox_image("tiny", ("true",)).archive()])
        yield host.engine


@pytest.fixture
def build(engine, tmp_path):
    def build(recipe):
        (tmp_path / "Dockerfile").write_text(recipe)
        build_image(engine, tmp_path, "built:latest", labels={"recipe": "7"})

    return build


def all_images(engine):
    with engine.client("list images") as client:
        return [image["RepoTags"] for image in client.images()]


def test_a_built_image_carries_its_labels_and_runs(engine, build):
    build(RECIPE.format(word="hello"))
    assert image_labels(engine, "built:latest") == {"recipe": "7"}
    assert output_of(engine, "built:latest", "cat", "/small") == "hello"


def test_neither_stages_nor_earlier_builds_are_left(engine, build):
    build(RECIPE.format(word="one"))
    build(RECIPE.format(word="two"))
    assert sorted(all_images(engine)) == [["built:latest"], ["tiny:latest"]]
    assert engine.containers({}) == []


def test_a_step_that_fails_is_told_with_its_last_words(engine, build):
    with pytest.raises(EngineTrouble, match=r"image built:latest could not be built: .*code: 3; last lines: .*no luck"):
        build('FROM tiny:latest\nRUN ["/bin/sh", "-c", "echo no luck; exit 3"]')
    assert engine.containers({}) == []


def test_an_image_that_is_not_there_has_no_labels(engine):
    assert image_labels(engine, "nothing:latest") == {}


def test_an_image_is_saved_under_its_name(engine, build, tmp_path):
    build(RECIPE.format(word="saved"))
    archive = read_archive(save_image(engine, "built:latest", tmp_path / "images"))
    assert (archive.path.name, archive.names, archive.labels) == ("built.tar", ("built",), {"recipe": "7"})
    assert archive.path.stat().st_mode & 0o777 == 0o640


def test_an_image_that_is_not_there_leaves_no_file(engine, tmp_path):
    with pytest.raises(NotFound, match="no image is named 'nothing:latest' on the manager's engine"):
        save_image(engine, "nothing:latest", tmp_path)
    assert list(tmp_path.iterdir()) == []
