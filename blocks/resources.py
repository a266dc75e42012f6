"""Where the files lie that are no Python, and which folder is the installation's own."""

from pathlib import Path

#: The folder that holds the packages: a checkout's root, or the environment's site-packages.
ROOT = Path(__file__).resolve().parent.parent
NGINX = ROOT / "nginx"
PLAYBOOKS = ROOT / "playbooks"
BOOTSTRAP = ROOT / "runtime" / "bootstrap.sh"


def is_checkout(root: Path = ROOT) -> bool:
    """Tell a checkout from an installed package, which has no pyproject.toml beside it."""
    return (root / "pyproject.toml").is_file()


def home() -> Path:
    """Return the folder that holds dockerdriver.env, clouds.yaml and, unless ``DD_DATA`` says otherwise, the data.

    A checkout is its own home. An installed package serves the folder that its command is run in: a folder is an
    installation. The stack's processes work in it, too.
    """
    return ROOT if is_checkout() else Path.cwd()
