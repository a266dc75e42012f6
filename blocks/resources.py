"""Where the files lie that are no Python: the gateway's configuration, the playbooks."""

from pathlib import Path

#: The folder that holds the packages: a checkout's root, or the environment's site-packages.
ROOT = Path(__file__).resolve().parent.parent
NGINX = ROOT / "nginx"
PLAYBOOKS = ROOT / "playbooks"
