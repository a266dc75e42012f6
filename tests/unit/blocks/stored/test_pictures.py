"""Each kind of block has a picture in Prefect's UI, and the UI's own server has it."""

import asyncio
from xml.dom.minidom import parseString

import httpx
import pytest
from prefect.settings import PREFECT_UI_API_URL, temporary_settings
from prefect.settings.context import get_current_settings

from blocks.stored.blueprint import Blueprint
from blocks.stored.pictures.kinds import FOLDER, served_pictures
from runtime.stack.registration import KINDS
from runtime.ui.browsers import WithPictures
from tests.rigs.present import present

pytestmark = pytest.mark.unit

UI = "https://prefect.example.org"
MOST_BYTES = 1500


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.get_block_type_slug())
def test_every_kind_is_registered_with_a_picture_that_the_ui_s_server_has(kind):
    with temporary_settings({PREFECT_UI_API_URL: f"{UI}/api"}):
        registered = str(kind._to_block_type().logo_url)
    assert registered.startswith(UI)
    picture = served_pictures()[registered.removeprefix(UI)]
    assert present(parseString(picture).documentElement).tagName == "svg"  # noqa: S318 - our own
    assert len(picture) < MOST_BYTES


def test_no_picture_is_of_a_kind_that_is_gone():
    assert {file.stem for file in FOLDER.glob("*.svg")} == {kind.get_block_type_slug() for kind in KINDS}


def test_a_process_that_knows_no_ui_registers_no_picture():
    settings = get_current_settings()
    assert settings.server.ui.api_url
    settings.server.ui.api_url, before = None, settings.server.ui.api_url
    try:
        assert Blueprint._to_block_type().logo_url is None
    finally:
        settings.server.ui.api_url = before


def test_the_server_answers_a_picture_itself_and_leaves_all_else_to_prefect():
    async def prefect(_scope, _receive, send):
        await send({"type": "http.response.start", "status": 418, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def asked() -> list[httpx.Response]:
        app = WithPictures(prefect, served_pictures())
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=UI) as browser:
            return [await browser.get(path) for path in ("/block-pictures/blueprint.svg", "/block-pictures/no.svg")]

    picture, other = asyncio.run(asked())
    assert (picture.status_code, picture.headers["content-type"]) == (200, "image/svg+xml")
    assert other.status_code == 418
