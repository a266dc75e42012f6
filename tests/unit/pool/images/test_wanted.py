"""Which images a pool wants."""

from dataclasses import replace

import pytest

from blocks.stored.pool_config import PoolConfig
from pool.images.wanted import as_unwanted, choice_is_news, wants
from pool.records import Image
from tests.rigs.pool_data import NOW, later

pytestmark = pytest.mark.unit

LAB = Image("gpu", "lab", "sha256:a", 1, archive="lab.tar", read_from="1-1")


@pytest.mark.parametrize(
    ("patterns", "name", "wanted"),
    [
        ([], "lab", True),
        (["lab"], "lab", True),
        (["lab"], "lab:2", False),
        (["lab", "lab:*"], "lab:2", True),
        (["docker.io/library/lab:latest"], "lab", True),
        (["rocker/*"], "rocker/rstudio:4.4", True),
        (["rocker/*"], "lab", False),
        (["cuda-?"], "cuda-1", True),
        (["!cuda/*"], "cuda/torch", False),
        (["!cuda/*"], "lab", True),
        (["*", "! cuda/*"], "cuda/torch", False),
        (["!cuda/*", "cuda/torch"], "cuda/torch", False),
    ],
)
def test_names_and_patterns_say_what_a_pool_wants(patterns, name, wanted):
    assert wants(patterns, name) is wanted


def test_what_a_pool_pulls_itself_is_wanted_beside_what_it_lists():
    config = PoolConfig(DD_IMAGE_NAMES=["cuda/*"], DD_IMAGES=["registry.example/torch:2"])
    assert wants(config.wanted_images, "registry.example/torch:2")
    assert wants(PoolConfig(DD_IMAGE_NAMES=["!lab"], DD_IMAGES=["torch"]).wanted_images, "rstudio")


def test_an_unwanted_image_is_so_from_when_it_was_first():
    first = as_unwanted(LAB, None, NOW)
    assert (first.unwanted, first.retired_at) == (True, NOW)
    assert as_unwanted(LAB, first, later(60)) == first


@pytest.mark.parametrize(
    ("image", "news"),
    [
        (LAB, True),
        (as_unwanted(LAB, None, NOW), False),
        (replace(as_unwanted(LAB, None, NOW), name="cuda/torch"), True),
        (replace(LAB, retired_at=NOW), False),
        (replace(LAB, archive=""), False),
    ],
    ids=["offered", "unwanted", "wanted now", "retired by an operator", "its archive is gone"],
)
def test_another_choice_is_news_of_images_that_are_there(image, news):
    assert choice_is_news(["cuda/*"], [image]) is news
