"""The forms of blocks in Prefect's UI: what they say of each field, and what they refuse, in a sentence."""

import asyncio
import re
from types import SimpleNamespace

import pytest
from fastapi import HTTPException
from prefect.server import models

from blocks.stored.authority import CertificateAuthority
from blocks.stored.backup_store import BackupPlace
from blocks.stored.blueprint import Blueprint
from blocks.stored.bounds import reading_stored
from blocks.stored.change_webhook import ChangeWebhook
from blocks.stored.documents.refusing import refuse_nonsense, trouble_with
from blocks.stored.host_keys import HostLogin
from blocks.stored.link_keys import LinkKeys
from blocks.stored.pool_config import PoolConfig
from runtime.stack.registration import KINDS

pytestmark = pytest.mark.unit

#: What `make up` and rotations fill in, and no person types.
MADE = (CertificateAuthority, HostLogin, LinkKeys)
#: How a help shows what to write; and what a number is counted in.
SHOWN = re.compile(r"\b(as in|like|e\.g\.)\s")
UNITS = re.compile(r"(?:^|, in )(GB|MB|Mbit|Percent|Seconds|Minutes|Days)\b")
WORKS = {"image": "lab", "port": 8888}


def is_of_words(field) -> bool:
    """Whether an operator writes it freely, and its form shows nothing that is written already."""
    freely = field.annotation in (str, list[str], dict[str, str])
    return freely and not field.get_default(call_default_factory=True)


def titles_of(kind) -> dict[str, str]:
    return {name: field.get("title", "") for name, field in kind.model_json_schema()["properties"].items()}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.get_block_type_slug())
def test_every_kind_says_what_it_is_and_every_field_has_a_title_and_a_help(kind):
    assert kind.get_description()
    titles = titles_of(kind)
    for name, field in kind.model_fields.items():
        assert titles[name][:1].isupper(), name
        assert len(field.description or "") > 3, name
        assert "<" not in (field.description or ""), f"the form swallows what stands in <> ({name})"


def test_a_field_that_operators_set_by_name_says_that_name_in_its_title():
    titles = titles_of(PoolConfig)
    assert titles["DD_MAX_HOSTS"] == "Most hosts (DD_MAX_HOSTS)"
    assert all(name in title for name, title in titles.items() if name.startswith("DD_"))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"DD_TIMETABLE": ["Mon nonsense"]}, "Mon nonsense"),
        ({"DD_TIMETABLE": ["Mon 08:00-09:00: 5"], "DD_TIMEZONE": "Mars/Olympus"}, "Mars/Olympus"),
        ({"DD_HOST_FLAVOR_SLOTS_LARGE": 3}, "the large flavor has fewer slots (3) than the small one (6)"),
        ({"DD_HOST_LIFETIME": 60}, "a host's lifetime (60 s) must be longer than DD_HOST_LIFETIME_LOW (300 s)"),
        ({"DD_HOST_DISK_LIMIT": 4096}, "(4096 MB) must not be more than DD_HOST_DISK_FLOOR (2048 MB)"),
        ({"DD_BLOCKED_NETWORKS": ["10.0.0.0/99"]}, "10.0.0.0/99"),
        ({"DD_IMAGES": ["UPPER CASE"]}, "UPPER CASE"),
        ({"DD_IMAGE_REGISTRY": "http://registry:5000"}, "is no address of a registry such as"),
        ({"DD_IMAGE_REGISTRY_LOGIN": "mine"}, "DD_IMAGE_REGISTRY names no registry"),
        ({"cloud": "moon"}, "cloud: String should match pattern"),
    ],
)
def test_a_pool_that_makes_no_sense_is_refused_in_the_form_with_a_sentence(values, said):
    trouble = trouble_with(PoolConfig, "main", values)
    assert said in trouble
    assert not trouble.startswith(("pool main", ":"))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"command": "jupyter lab --port 8888"}, 'command: must be a list, as in ["one", "two"]'),
        ({"environment": {"A": 3}}, "environment.A: must be a text, between quotes"),
        ({"image": "lab@latest"}, "image: image lab@latest: after the @ there must be a digest"),
        ({"command": ["lab", "--base={bas_url}"]}, "{bas_url} is not filled in; {base_url} is"),
        ({"shm_mb": 1024}, "shared memory (1024 MB) counts as memory, of which there are 512 MB"),
        (
            {"network_mbit": 8, "capabilities": ["CAP_NET_ADMIN"]},
            "with the capability CAP_NET_ADMIN a session could lift",
        ),
        ({"extend_by": 60}, "an extension of 60 s ends before its user sees it: 300 s at least"),
        ({"idle_timeout": 7200}, "the idle limit (7200 s) is never reached: a session lives for 3600 s"),
    ],
)
def test_a_blueprint_that_makes_no_sense_is_refused_in_the_form_with_a_sentence(values, said):
    assert said in trouble_with(Blueprint, "lab", WORKS | values)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"url": "http://my.example.org/"}, "url: a webhook's address begins with https://"),
        ({"secret": "a word"}, "secret: a secret is base64 of 24 to 64 bytes"),
        ({"secret": ""}, "secret: a secret is base64"),
        ({"previous": "a word"}, "previous: a secret is base64"),
    ],
)
def test_a_webhook_that_makes_no_sense_is_refused_in_the_form_and_its_secret_is_not_said(values, said):
    works = {"url": "https://my.example.org/", "secret": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="}
    trouble = trouble_with(ChangeWebhook, "main", works | values)
    assert (said in trouble, "a word" in trouble, trouble_with(ChangeWebhook, "main", works)) == (True, False, "")


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("swift:backups:/", "a store swift: is not taken: use an S3 API, as OpenStack Swift has, or a directory"),
        ("b2:bucket", "a store b2: is not taken"),
        ("srv/backups", "a directory is written from the root, as in /srv/backups"),
    ],
)
def test_a_place_for_backups_that_restic_could_not_open_is_refused_and_read_where_it_was_saved(location, said):
    assert said in trouble_with(BackupPlace, "main", {"key": "k", "location": location})
    with reading_stored():
        saved = BackupPlace(key="k", location=location)
    assert saved.with_next().promoted().retired().location == location


@pytest.mark.parametrize("location", ["", "/srv/backups", "s3:https://s3.example.org/b/c", "sftp:nas:/backups"])
def test_a_place_for_backups_may_be_a_directory_an_s3_store_or_reached_by_the_manager_s_ssh(location):
    assert trouble_with(BackupPlace, "main", {"key": "k", "location": location}) == ""


def test_a_program_s_own_braces_are_its_own():
    assert trouble_with(Blueprint, "lab", WORKS | {"command": ["sh", "-c", "echo ${HOME} {x} {base_url}"]}) == ""


def test_what_was_saved_before_is_read_as_it_is():
    with reading_stored():
        assert PoolConfig(DD_HOST_FLAVOR_SLOTS_LARGE=3).settings("main").slots_large == 3
        assert PoolConfig(DD_IMAGE_REGISTRY="http://registry:5000").DD_IMAGE_REGISTRY == "http://registry:5000"
        assert Blueprint(**WORKS, shm_mb=1024).spec("lab").shm_mb == 1024


def test_a_pool_s_name_must_be_one_that_hosts_can_have():
    assert "pool 'GPU 1' is not 1 to 40 of a-z" in trouble_with(PoolConfig, "GPU 1", {})


@pytest.fixture
def documents(monkeypatch):
    """Prefect's own functions, replaced by those that keep what they are given; one pool is there."""
    kept: list[dict] = []
    there = SimpleNamespace(slug="pool-config", name="main", data={"DD_HOST_FLAVOR_SLOTS_SMALL": 9})
    there.block_type = there

    async def keep(**given):
        kept.append(given)

    async def find(**_):
        return there

    monkeypatch.setattr(models.block_types, "read_block_type", find)
    monkeypatch.setattr(models.block_documents, "read_block_document_by_id", find)
    for name in ("create_block_document", "update_block_document"):
        monkeypatch.setattr(models.block_documents, name, keep)
    refuse_nonsense([PoolConfig])
    return kept


def test_the_server_keeps_no_new_block_that_makes_no_sense(documents):
    wrong = SimpleNamespace(block_type_id=1, name="main", data={"DD_MAX_HOSTS": -1})
    with pytest.raises(HTTPException, match="pool-config/main is not saved: DD_MAX_HOSTS: must be"):
        asyncio.run(models.block_documents.create_block_document(session=None, block_document=wrong))
    right = SimpleNamespace(block_type_id=1, name="main", data={"DD_MAX_HOSTS": 1})
    asyncio.run(models.block_documents.create_block_document(session=None, block_document=right))
    assert [one["block_document"] for one in documents] == [right]


def test_a_change_of_a_part_is_looked_at_with_all_that_is_kept(documents):
    part = SimpleNamespace(data={"DD_HOST_FLAVOR_SLOTS_LARGE": 8}, merge_existing_data=True)
    change = models.block_documents.update_block_document
    with pytest.raises(HTTPException, match="fewer slots"):
        asyncio.run(change(session=None, block_document_id=1, block_document=part))
    part.merge_existing_data = False
    asyncio.run(change(session=None, block_document_id=1, block_document=part))
    assert len(documents) == 1


def test_a_field_of_words_shows_what_to_write_by_its_default_or_in_its_help():
    """Prefect's forms show no examples but what stands in the help."""
    typed = [kind for kind in KINDS if kind not in MADE]
    words = [(kind, name, field) for kind in typed for name, field in kind.model_fields.items() if is_of_words(field)]
    unclear = [
        f"{kind.get_block_type_slug()}: {name}"
        for kind, name, field in words
        if not SHOWN.search(f"{field.description}")
    ]
    assert not unclear, unclear


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.get_block_type_slug())
def test_a_number_that_has_a_unit_says_it_in_its_title(kind):
    titles = titles_of(kind)
    for name, field in kind.model_fields.items():
        units = UNITS.findall(field.description) if field.annotation in (int, float) else []
        assert not units or any(unit.lower() in titles[name].lower() for unit in units), (
            f"{name} is called {titles[name]}"
        )
