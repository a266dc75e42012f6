"""How images and networks of a project are found by what an operator calls them."""

from types import SimpleNamespace as Thing

import pytest

from blocks.clouds.openstack_project.catalogue import get_image, get_network
from blocks.clouds.openstack_project.readiness import addresses_served
from pool.errors import CloudRefused

pytestmark = pytest.mark.unit


def cloud(offered=(), community=(), networks=()):
    def images(status, visibility=""):
        return list(community if visibility else offered)

    network = Thing(networks=lambda: list(networks))
    return Thing(image=Thing(images=images), network=network, current_project_id="ours")


def image(name, identity):
    return Thing(name=name, id=identity)


def network(name, external=False, shared=False, project="ours"):
    return Thing(name=name, id=f"id-{name}", is_router_external=external, is_shared=shared, project_id=project)


OTHERS = cloud(offered=[image("Debian-12", "1")], community=[image("Debian-12", "2"), image("Notebook", "3")])


def test_a_community_image_is_taken_by_its_id():
    assert get_image(OTHERS, "3").name == "Notebook"


def test_a_community_image_cannot_take_the_place_of_one_that_is_offered():
    assert get_image(OTHERS, "Debian-12").id == "1"


def test_a_community_image_is_not_taken_by_a_name_that_everyone_may_give():
    with pytest.raises(CloudRefused, match="only community images are named 'Notebook'; give the id of one: 3"):
        get_image(OTHERS, "Notebook")


def test_an_image_that_is_nowhere_is_refused_with_those_that_are_offered():
    with pytest.raises(CloudRefused, match="no image is named 'x'; the project has: Debian-12"):
        get_image(OTHERS, "x")


PUBLIC = network("public", external=True, shared=True, project="admin")


@pytest.mark.parametrize("wanted", ["auto", "public", "id-public"])
def test_an_external_network_that_is_shared_may_be_the_only_one(wanted):
    assert get_network(cloud(networks=[PUBLIC]), wanted) is PUBLIC


def test_auto_prefers_the_projects_own_network_and_a_name_chooses_any():
    inside = network("inside")
    both = cloud(networks=[PUBLIC, inside])
    assert get_network(both, "auto") is inside
    assert get_network(both, "public") is PUBLIC


def test_an_external_network_that_is_not_shared_is_only_for_routers():
    with pytest.raises(CloudRefused, match="no network is named 'public'; the project has: none"):
        get_network(cloud(networks=[network("public", external=True, project="admin")]), "public")


def test_a_network_of_ipv6_alone_is_refused_with_the_reason():
    with pytest.raises(CloudRefused, match=r"network six has subnets of IPv6 alone: .* its container does not have"):
        addresses_served("six", {6})


@pytest.mark.parametrize(("versions", "words"), [({4}, "IPv4"), ({4, 6}, "by IPv4, not by the IPv6")])
def test_a_network_with_ipv4_is_served_by_it(versions, words):
    assert words in addresses_served("net", versions)
