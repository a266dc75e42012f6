"""Tasks on the catalogue: pull references, read archives, offer and retire images, prune their layers."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from blocks.images.archive import ArchiveInfo
from blocks.images.login_rules import registry_of
from blocks.outside import log, now, outside
from pool.errors import BadRequest, BrokenArchive, DockerDriverError, NotFound
from pool.images.catalogue import as_offered, folder_is_news, lacking, usable_versions
from pool.images.names import catalogue_name
from pool.images.wanted import as_unwanted, choice_is_news, wants
from pool.printable import how_many
from pool.records import Image
from pool.states import LIVING_INSTANCES, HostState
from tasks.base import blocking, look_up, pool_task
from tasks.runs import runs_under_way

ARCHIVE = "archive"
ENGINE = "engine"
LOOK_AGAIN = timedelta(minutes=30)  # at a registry's tag; distributions run every hour, and in between
LACKING_SECONDS = 600  # between two distributions because a host lacks something


@pool_task(task_run_name="look at the references of {pool}")
def pull_references(pool: str) -> None:
    """Pull what came from a registry and was not looked at for long, and what ``DD_IMAGES`` names and is missing.

    A failed pull holds up nothing.
    """
    known = {image.name: image for image in outside().store.images.catalogue(pool)}
    from_registries = {image.source: image.credentials for image in known.values() if _is_due(image)}
    named = [one for one in outside().config(pool).DD_IMAGES if catalogue_name(one) not in known]
    for reference, credentials in (from_registries | dict.fromkeys(named, "")).items():
        try:
            _pull_and_offer(pool, reference, credentials)
        except DockerDriverError as error:
            log().error("%s is not pulled: %s", reference, error)


def _is_due(image: Image) -> bool:
    pulled = image.source not in (ARCHIVE, ENGINE) and image.retired_at is None
    return pulled and (image.looked_at is None or now() - image.looked_at > LOOK_AGAIN)


@pool_task(task_run_name="take in {image} for {pool}")
def take_in(pool: str, image: str, source: str, credentials: str = "") -> list[str]:
    """Have the image in ``images/``, checked, its layers kept; offer it, also when it was retired.

    Args:
        pool: that offers it.
        image: file name of an archive in ``images/``, a registry's reference, or a name in the manager's engine.
        source: "archive", "registry" or "engine".
        credentials: name of the block ``registry-login/<name>``; empty: none.

    Returns:
        What blueprints call it.

    Raises:
        NotFound: there is no such pool, archive, reference, image or block; then nothing was changed.
        BrokenArchive: the archive is refused; the message says why.
        BadRequest: the pool does not want an image of this name.
        Refused: the registry does not let us in.
    """
    outside().config(pool)
    if source == ARCHIVE:
        return _offer(pool, outside().images.read(image), {"source": ARCHIVE})
    _check_wanted(pool, [catalogue_name(image)])  # before it is pulled or saved for nothing
    if source == ENGINE:
        return _offer(pool, outside().images.save(image), {"source": ENGINE, "looked_at": now()})
    return _pull_and_offer(pool, image, credentials)


def _pull_and_offer(pool: str, reference: str, credentials: str) -> list[str]:
    """Pull what a reference stands for now; save it where that is another manifest than before, or not there."""
    images, store = outside().images, outside().store.images
    login = outside().stored.registry_login(credentials, registry_of(reference))
    digest = images.pull(reference, login)
    seen: dict[str, Any] = {"source": reference, "credentials": credentials, "digest": digest, "looked_at": now()}
    before = {image.name: image for image in store.offered(pool)}.get(catalogue_name(reference))
    if before and before.digest == digest and images.holds_reference(reference):
        store.put(replace(before, **seen))
        return [before.name]
    return _offer(pool, images.save(reference), seen)


def _offer(pool: str, archive: ArchiveInfo, facts: dict) -> list[str]:
    """Record every name of an archive, whatever was known of it; it is retired no more."""
    _check_wanted(pool, archive.names)
    outside().layers.add(archive)
    for name in archive.names:
        outside().store.images.put(replace(_image(pool, name, archive), **facts))
    return list(archive.names)


def _check_wanted(pool: str, names: Sequence[str]) -> None:
    wanted = outside().config(pool).wanted_images
    if unwanted := [name for name in names if not wants(wanted, name)]:
        raise BadRequest(f"pool {pool} does not want the image {unwanted[0]}: change its DD_IMAGE_NAMES first")


@pool_task(task_run_name="read the catalogue of {pool}")
def read_catalogue(pool: str) -> list[Image]:
    """The pool's wanted images: what good archives in ``images/`` hold, neither retired nor unwanted; layers kept.

    What the pool does not want is recorded as such, so that the folder is no news because of it. A broken archive is
    named in the log and left out; what was read of the good one before it stays offered. Versions that a blueprint pins
    come after all others; they are named by their id, because their name is that of the newest.
    """
    wanted = outside().config(pool).wanted_images
    archives, refused = _scan_and_keep(wanted)
    for name, reason in refused:
        log().error("%s is refused: %s", name, reason)
    for name in outside().images.growing():
        log().warning("images/%s is still being written: it is read once it is complete", name)
    store = outside().store
    known = {image.name: image for image in store.images.catalogue(pool)}
    others = _of_other_pools(pool, store.images.catalogue())
    found = [_image(pool, name, one) for one in archives if one.path.name not in others for name in one.names]
    decided = [image for one in found if (image := _decided(one, known.get(one.name), wanted))]
    for image in decided:
        if image != known.get(image.name):
            store.images.put(image)
    offered = [image for image in decided if not image.unwanted]
    found_names = {one.name for one in found}
    offered += _kept_or_retired(pool, [one for one in known.values() if one.name not in found_names])
    offered_ids = {image.id for image in offered}
    return offered + [image for image in _pinned(pool, wanted) if image.id not in offered_ids]


def _decided(found: Image, known: Image | None, wanted: Sequence[str]) -> Image | None:
    """The record to keep of an image that an archive holds: offered, or not wanted; None where it is retired."""
    image = as_offered(found, known)
    return as_unwanted(image, known, now()) if image and not wants(wanted, image.name) else image


def _of_other_pools(pool: str, recorded: Iterable[Image]) -> set[str]:
    """Names of the archives that were pulled, or saved from an engine, for other pools: those alone offer them."""
    ours = {image.archive for image in recorded if image.pool == pool}
    return {image.archive for image in recorded if image.source != ARCHIVE} - ours


def _kept_or_retired(pool: str, unread: list[Image]) -> list[Image]:
    """Of recorded images that no good archive holds now: those that are offered all the same; the others are retired.

    A file that is there was saved a moment ago, or is a broken one in the place of a good one.
    """
    there = [one for one in unread if outside().images.holds(one.archive)]
    for gone in [one for one in unread if one not in there]:
        if gone.retired_at is None:
            log().warning("image %s is retired: no archive in images/ holds it any more", gone.name)
        outside().store.images.retire(pool, gone.name, now(), archive_gone=True)
    return [one for one in there if one.retired_at is None and outside().layers.holds(one.id, one.layers)]


def offered_with_pinned(pool: str) -> list[Image]:
    """Return what the pool offers by its records, and the versions that its blueprints pin besides."""
    offered = outside().store.images.offered(pool)
    ids = {image.id for image in offered}
    return offered + [one for one in _pinned(pool, outside().kept_config(pool).wanted_images) if one.id not in ids]


def _pinned(pool: str, wanted: Sequence[str]) -> list[Image]:
    """Versions that blueprints of the pool pin and that are kept, each named by its id; of images that it wants."""
    found = {}
    for name, digest in outside().stored.pinned_versions(pool):
        if not wants(wanted, name):
            continue  # sessions of this blueprint are refused, with this reason
        try:
            (version,) = usable_versions(name, outside().store.images.versions(pool, name), digest)
        except NotFound:
            continue  # sessions of this blueprint are refused, with this reason
        if outside().layers.holds(version.id, version.layers):
            found[version.id] = replace(version, name=f"{version.name}@{version.id}")
    return list(found.values())


@pool_task(task_run_name="name the archives that are refused")
def refused_archives() -> list[str]:
    """One sentence for each file in ``images/`` that is no image archive; read once, remembered until it changes."""
    _, refused = outside().images.scan()
    return [f"refused {reason}" for _name, reason in refused]


def _scan_and_keep(wanted: Sequence[str]) -> tuple[list[ArchiveInfo], list[tuple[str, str]]]:
    """Read the folder; keep the layers of what is wanted. Of what no pool wants they are collected."""
    good, refused = outside().images.scan()
    for archive in [one for one in good if any(wants(wanted, name) for name in one.names)]:
        try:
            outside().layers.add(archive)
        except BrokenArchive as error:  # it changed since; the next time it is read again
            good.remove(archive)
            refused.append((archive.path.name, str(error)))
    return good, refused


def _image(pool: str, name: str, archive: ArchiveInfo) -> Image:
    return Image(
        pool,
        name,
        archive.image_id,
        archive.size,
        layers=archive.layers,
        archive=archive.path.name,
        layer_sizes=tuple(map(outside().layers.kept_size, archive.layers)),
        read_from=outside().images.stamp(archive),
    )


@look_up()
def uses_of(pool: str, name: str) -> str:
    """Say which blueprints name the image, and how many living sessions are of these; empty: it is in no use."""
    called = catalogue_name(name)
    users = [one.name for one in outside().stored.blueprints().specs if (one.pool, one.image) == (pool, called)]
    living = outside().store.instances.all(pool, LIVING_INSTANCES)
    sessions = sum(instance.blueprint in users for instance in living)
    return (
        f"by blueprint {', '.join(users)}, of which {how_many(sessions, 'session lives', 'sessions live')}"
        if users
        else ""
    )


@pool_task(task_run_name="retire {name} of {pool}")
def retire(pool: str, name: str, delete_archive: bool) -> Image:
    """Offer an image no longer; sessions that run it go on.

    Raises:
        NotFound: the pool does not offer it.
    """
    image = outside().store.images.get(pool, catalogue_name(name))
    shared = {one.archive for one in outside().store.images.catalogue() if one.retired_at is None and one != image}
    if delete_archive and image.archive in shared:
        raise BadRequest(f"images/{image.archive} is kept: it holds an image that is still offered")
    outside().store.images.retire(pool, image.name, now(), archive_gone=delete_archive)
    if delete_archive:
        outside().images.delete(image.archive)
    return image


@pool_task(task_run_name="collect layers that no image has")
def collect_layers() -> None:
    """Delete from the layer store what no image has that is offered or pinned; not while another run uses the store.

    Nor while a blueprint cannot be read: the version that it pins may be kept nowhere else.
    """
    if unreadable := outside().stored.blueprints().unreadable:
        log().warning("no layers are deleted while a blueprint cannot be read: %s", "; ".join(unreadable.values()))
        return

    def wanted() -> set[str]:
        images = [image for image in outside().store.images.catalogue() if image.retired_at is None]
        kept = images + [image for pool in {image.pool for image in images} for image in _pinned(pool, ())]
        return {digest for image in kept for digest in (image.id, *image.layers)}

    gone = outside().layers.collect(wanted)
    usage = outside().layers.usage()
    log().info("%d layers are kept in %.0f MB; %d files went", usage.layers, usage.bytes / 1e6, gone)


@look_up()
async def why_distribute(pool: str) -> str:
    """A key that names why images should be distributed now; empty when there is nothing to do.

    Archives that came, went or changed, and a change of the images that the pool wants, give one key for each state of
    folder and catalogue; a host that lacks an image gives another one every ten minutes, also beside those. With no
    active host there is nothing to do: a new host gets all images anyway. While a distribution is under way, there is
    nothing to do either.
    """
    key = await blocking(_key_to_distribute, pool)
    return "" if key and await runs_under_way("distribute-images") else key


def _key_to_distribute(pool: str) -> str:
    store = outside().store
    hosts = [host.name for host in store.hosts.all(pool, [HostState.ACTIVE])]
    if not hosts:
        return ""
    recorded = store.images.catalogue()
    known, others = [image for image in recorded if image.pool == pool], _of_other_pools(pool, recorded)
    found = {name: stamp for name, stamp in outside().images.stamps().items() if name not in others}
    wanted = outside().kept_config(pool).wanted_images
    news = folder_is_news(found, known) or choice_is_news(wanted, known)
    offered = [image for image in known if image.retired_at is None]
    lack = lacking(offered, hosts, store.images.by_host(pool))
    state = [found, [(image.name, image.id, image.read_from, image.unwanted) for image in known], wanted]
    parts = [_digest_of(state)] * news + [str(int(now().timestamp()) // LACKING_SECONDS)] * bool(lack)
    return "-".join(["images", pool, *parts]) if parts else ""


def _digest_of(state: list) -> str:
    return hashlib.sha256(json.dumps(state).encode()).hexdigest()[:16]
