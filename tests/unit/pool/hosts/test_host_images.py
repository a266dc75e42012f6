"""Host images: their names, which one is booted, which go."""

import io
import tarfile
from typing import Any

import pytest

from blocks.host_setup.playbook import host_variables
from blocks.host_setup.shell import HostShell
from blocks.host_setup.sysprep import OF_ONE_HOST, give_certificate, playbook_digest, todays_playbook, trust_registry
from pool.errors import BadRequest, Refused
from pool.hosts.host_images import HostImage, already_made, half_made, image_name, image_to_boot, outdated, recipe_of
from pool.names import check_host_image_name
from pool.settings import PoolSettings
from pool.setup_version import HostNetwork
from tests.rigs.pool_data import later
from tests.rigs.present import present

pytestmark = pytest.mark.unit


def an_image(number: int, **values) -> HostImage:
    usual: dict[str, Any] = {"pool": "main", "recipe": "today", "ready": True, "made_at": later(number)}
    return HostImage(id=f"id-{number}", name=f"image-{number}", **usual | values)


def test_an_image_is_named_by_its_pool_and_by_what_is_in_it():
    name = image_name("main", "recipe", ["sha256:b", "sha256:a"])
    assert name.startswith("dockerdriver-main-")
    assert (len(name.rpartition("-")[2]), name) == (12, image_name("main", "recipe", ["sha256:a", "sha256:b"]))


@pytest.mark.parametrize(
    ("recipe", "images"), [("other", ["sha256:a"]), ("recipe", ["sha256:b"]), ("recipe", ["sha256:a", "sha256:b"])]
)
def test_another_recipe_or_other_images_are_another_name(recipe, images):
    assert image_name("main", recipe, images) != image_name("main", "recipe", ["sha256:a"])


def test_a_recipe_changes_with_the_base_image_and_with_the_playbook():
    assert len({recipe_of("base", "playbook"), recipe_of("base-2", "playbook"), recipe_of("base", "playbook-2")}) == 3


def test_the_newest_image_of_today_s_recipe_is_booted():
    made = [an_image(1), an_image(3), an_image(2)]
    assert present(image_to_boot(made, "main", "today")).id == "id-3"


@pytest.mark.parametrize("other", [{"ready": False}, {"pool": "gpu"}, {"recipe": "yesterday"}])
def test_an_image_that_is_half_made_or_another_pool_s_or_outdated_is_not_booted(other):
    assert image_to_boot([an_image(1, **other)], "main", "today") is None


def test_the_newest_image_and_the_one_before_are_kept():
    made = [an_image(n) for n in range(4)] + [an_image(0, pool="gpu"), an_image(9, ready=False)]
    assert [image.id for image in outdated(made, "main")] == ["id-1", "id-0"]
    assert [image.id for image in half_made(made, "main")] == ["id-9"]


def test_an_image_that_is_there_is_not_made_again_and_one_of_another_recipe_keeps_its_name():
    made = [an_image(1), an_image(2, ready=False)]
    assert already_made(made, "image-1", "today") is True
    assert already_made(made, "image-2", "today") is False
    with pytest.raises(Refused, match="host image image-1 exists and was made by another playbook"):
        already_made(made, "image-1", "tomorrow")


@pytest.mark.parametrize("name", ["My image", "-x", "", "a/b", "x" * 81, "name:latest"])
def test_a_name_that_some_cloud_could_not_give_is_refused(name):
    with pytest.raises(BadRequest, match=r"host image .* is not 1 to 80"):
        check_host_image_name(name)


def variables(host: str = "h-1", **more) -> dict:
    return host_variables(host=host, ca_certificate=host, server_certificate=host, server_key=host, **more)


def test_the_digest_of_the_playbook_is_the_same_for_every_host():
    assert playbook_digest(variables("h-1", data_device="/dev/vdb")) == playbook_digest(variables("h-2"))
    usual, other = PoolSettings(), HostNetwork("10.200.0.1/24", (("172.30.0.0/16", 24),))
    assert playbook_digest(variables()) == todays_playbook(usual)
    for pool in (PoolSettings(host_network=other), PoolSettings(gpus=2)):
        shared = variables(network=pool.host_network, gpus=pool.gpus)
        assert playbook_digest(shared) == todays_playbook(pool) != todays_playbook(usual)


def test_the_digest_changes_with_a_setting_that_all_hosts_share_and_with_a_file(tmp_path):
    (tmp_path / "a.yml").write_text("one")
    before = playbook_digest(variables(), tmp_path)
    assert playbook_digest(variables(network=HostNetwork("172.17.0.1/16")), tmp_path) != before
    (tmp_path / "a.yml").write_text("two")
    assert playbook_digest(variables(), tmp_path) != before


def test_all_that_is_secret_among_the_variables_is_of_one_host():
    secret = {name for name, value in variables().items() if value == "h-1\n"}
    assert secret == {name for name in secret if name.startswith(OF_ONE_HOST)} != set()


class ToldShell(HostShell):
    """Remembers what it was told to run, and with what input."""

    command: str = ""
    input: str | bytes | None = None

    def __init__(self) -> None:
        """It is connected to no host."""

    def run(self, command: str, timeout: float, stdin: str | bytes | None = None) -> str:
        self.command, self.input = command, stdin
        return ""


def test_a_certificate_travels_on_the_input_and_its_key_is_for_root_alone():
    shell = ToldShell()
    give_certificate(shell, "authority", "certificate", "key ")
    assert isinstance(shell.input, bytes)
    with tarfile.open(fileobj=io.BytesIO(shell.input)) as archive:
        files = {member.name: (present(archive.extractfile(member)).read(), member.mode) for member in archive}
    assert files == {"ca.pem": (b"authority", 0o640), "server.pem": (b"key certificate", 0o600)}
    assert "key " not in shell.command


def test_a_baked_host_believes_the_registry_by_our_authority():
    shell = ToldShell()
    trust_registry(shell, "registry.example:5000", "authority")
    assert "/etc/docker/certs.d/registry.example:5000/ca.crt" in shell.command
    assert shell.input == "authority"
