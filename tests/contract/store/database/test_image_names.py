"""What an installation of before had on record of images under long names, after an upgrade."""

from dataclasses import replace
from importlib import import_module

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import create_engine

from pool.records import Image

pytestmark = pytest.mark.contract

RENAMING = import_module("pool.store.migrations.versions.0014_image_names")
LONG = Image("main", "localhost/lab:1", "sha256:" + "1" * 64, size=1)
SHORT = replace(LONG, name="lab:1", id="sha256:" + "2" * 64)


@pytest.fixture
def upgraded(store, store_url):
    """Records these images as a version of before did, and renames them."""

    def upgraded(*images):
        for image in images:
            store.images.put(image)
        engine = create_engine(store_url)
        with engine.begin() as connection, Operations.context(MigrationContext.configure(connection)):
            RENAMING.upgrade()
        return store.images

    return upgraded


def test_an_image_is_found_by_its_short_name_with_its_versions(upgraded):
    images = upgraded(replace(LONG, id="sha256:older"), LONG)
    assert images.get("main", "lab:1").id == LONG.id
    assert [version.id for version in images.versions("main", "lab:1")] == [LONG.id, "sha256:older"]


def test_versions_under_both_names_become_those_of_the_short_one_which_keeps_its_newest(upgraded):
    images = upgraded(SHORT, LONG)
    assert [image.name for image in images.catalogue()] == ["lab:1"]
    assert [version.id for version in images.versions("main", "lab:1")] == [SHORT.id, LONG.id]


def test_one_version_under_both_names_is_kept_once(upgraded):
    images = upgraded(replace(SHORT, id=LONG.id), LONG)
    assert [version.id for version in images.versions("main", "lab:1")] == [LONG.id]
