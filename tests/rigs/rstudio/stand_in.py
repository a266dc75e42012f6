"""The image that stands in for ``rocker/rstudio``, and how a real one comes to a host instead."""

from pathlib import Path

from docker.errors import ImageNotFound

from blocks.engine.client import HostEngine
from blocks.engine.images import LOAD_SECONDS
from tests.rigs.engines.engine import some_engine
from tests.rigs.engines.python_image import python_image
from tests.rigs.engines.tiny_image import TinyImage

PROGRAMS = Path(__file__).parent / "programs"
SERVER = "usr/lib/rstudio-server"
ACCOUNTS = {
    "etc/passwd": b"root:x:0:0::/root:/bin/sh\nrstudio:x:1000:1000::/home/rstudio:/bin/sh\n",
    "etc/group": b"root:x:0:\nrstudio:x:1000:\n",
    "home/": b"",
}
#: As rocker's scripts leave them: without a sign-in the second one takes the place of the first.
SETTINGS = {
    "etc/rstudio/rserver.conf": b"rsession-which-r=/usr/local/bin/R\n",
    "etc/rstudio/disable_auth_rserver.conf": b"rsession-which-r=/usr/local/bin/R\nauth-none=1\n",
}


def stand_in() -> TinyImage:
    """The image: rocker's files and start, and a server that answers as RStudio's."""
    programs = {"init": PROGRAMS / "init", f"{SERVER}/bin/rserver": PROGRAMS / "rserver.py"}
    programs |= {f"{SERVER}/www/{page.name}": page for page in (PROGRAMS / "www").iterdir()}
    files = {name: path.read_bytes() for name, path in programs.items()}
    return python_image("rstudio-stand-in", files | ACCOUNTS | SETTINGS, Cmd=["/init"])


def send_real(reference: str, host: HostEngine) -> str:
    """Send a real image to a host, from this machine's engine or, through that, from its registry; the image's id.

    Raises:
        EngineTrouble: the registry has no such image, or does not answer.
    """
    with some_engine() as url, HostEngine.local(url).client(f"find image {reference}", LOAD_SECONDS) as client:
        try:
            client.inspect_image(reference)
        except ImageNotFound:
            client.pull(reference)
        host.load(client.get_image(reference))
        return client.inspect_image(reference)["Id"]
