"""What may go from a host: never what a session needs, the oldest first."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pool.hosts.disk import EngineImage, HostContainer, Kind, may_go, room_mb
from tests.rigs.pool_data import NOW

pytestmark = pytest.mark.unit

IDS = [f"sha256:{letter * 64}" for letter in "abcde"]
IMAGES = st.lists(
    st.builds(
        EngineImage,
        st.sampled_from(IDS),
        st.sampled_from([(), ("lab:1",), ("lab:1", "lab:latest")]),
        st.integers(0, 9).map(lambda hours: NOW + timedelta(hours=hours)),
    ),
    unique_by=lambda image: image.id,
)
CONTAINERS = st.lists(
    st.builds(
        HostContainer,
        st.uuids().map(str),
        st.just("dd-x"),
        st.sampled_from(IDS),
        st.booleans(),
        st.integers(0, 9).map(lambda hours: NOW + timedelta(hours=hours)),
        st.sampled_from(["", "alice-1", "bob-1"]),
    )
)
SETS = st.sets(st.sampled_from(IDS))


@given(IMAGES, CONTAINERS, SETS, st.sets(st.sampled_from(["alice-1", "bob-1"])), SETS)
def test_what_a_session_needs_never_goes(images, containers, needed, ended, ours):
    leaving = may_go(images, containers, needed, ended, ours)
    gone = {one.id for one in leaving}
    left = [one for one in containers if one.id not in gone]
    assert not gone & needed
    assert not gone & {one.image for one in left}
    assert all(one in left for one in containers if one.running or one.instance not in ended)
    assert all(one.id not in gone for one in images if one.names and one.id not in ours)
    assert len(gone) == len(leaving)


def test_containers_go_first_then_images_without_a_name_then_others_the_oldest_first():
    images = [
        EngineImage(image, names, NOW + timedelta(hours=age))
        for image, names, age in [(IDS[0], ("new:1",), 9), (IDS[1], (), 5), (IDS[2], ("old:1",), 1), (IDS[3], (), 2)]
    ]
    containers = [
        HostContainer(name, name, IDS[4], False, NOW + timedelta(hours=age), "alice-1")
        for name, age in [("late", 3), ("early", 1)]
    ]
    leaving = may_go(images, containers, set(), {"alice-1"}, set(IDS))
    assert [one.id for one in leaving] == ["early", "late", IDS[3], IDS[1], IDS[2], IDS[0]]
    assert [one.kind for one in leaving] == [Kind.CONTAINER] * 2 + [Kind.IMAGE] * 4
    assert leaving[0].why == "container early: its session is over"
    assert leaving[4].why == "image old:1: no session needs it"


@pytest.mark.parametrize(
    ("free", "size", "free_inodes", "inodes", "room"),
    [(700, 1000, 60, 100, 600), (500, 1000, 60, 100, 500), (700, 1000, 0, 100, 0), (700, 1000, 0, 0, 700)],
    ids=["fewer inodes", "fewer blocks", "none left", "made as they are needed"],
)
def test_room_is_what_blocks_and_inodes_both_allow(free, size, free_inodes, inodes, room):
    assert room_mb(free, size, free_inodes, inodes) == room
