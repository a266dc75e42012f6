"""The marks that tell what is ours, wherever something can carry one: on engines, in a cloud, in Prefect's events.

By them everything is found again after any crash, so that a name may be added here and none ever changes.
"""

NAMESPACE = "dockerdriver.namespace"  # the installation that made it
POOL = "dockerdriver.pool"
HOST = "dockerdriver.host"
INSTANCE = "dockerdriver.instance"  # the session that a container runs

ADDRESS = "dockerdriver.address"  # of a host of the local cloud
HOST_PUBLIC_KEY = "dockerdriver.host_key"  # public half of the ssh key that the server's user data gives to sshd

IMAGE_NAME = "dockerdriver.image"  # of a host image: what inherits the marks of one has another name
RECIPE = "dockerdriver.recipe"  # digest of what an image was made from
STAGE = "dockerdriver.stage"  # of a build that was not finished: the tag that it was for
TOKENS = "dockerdriver.tokens"  # of an image: the file that its program reads the tokens from that it accepts
SPEC = "dockerdriver.spec"  # digest of what a container was asked to be
NETWORK_LIST = "dockerdriver.network_list"  # what a container of a network that is a list may reach, see the same role
NETWORK_MBIT = "dockerdriver.network_mbit"  # rate that a container's host holds it to, see playbooks/roles/network


def image_property(mark: str) -> str:
    """Return the mark's name as a property of an image in Glance, where no name holds a dot."""
    return mark.replace(".", "_")
