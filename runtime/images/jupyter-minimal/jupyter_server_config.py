"""JupyterLab as one session behind the gateway, which sends the session's token with every request."""

import os

c = get_config()  # noqa: F821 - Jupyter's own

c.ServerApp.ip = "0.0.0.0"  # noqa: S104 - the container's own address; the host publishes one port of it
c.ServerApp.port = 8888
c.ServerApp.base_url = os.environ.get("DD_BASE_URL", "/")  # no argument: the process list shows those to everyone
c.ServerApp.port_retries = 0
c.ServerApp.open_browser = False
c.ServerApp.allow_remote_access = True  # the gateway passes on the name that the browser asked for
c.ServerApp.trust_xheaders = True
c.ServerApp.root_dir = "/home/jovyan"
c.ServerApp.terminals_enabled = True
c.ServerApp.quit_button = False  # sessions end by their lifetime, or when the platform says so
c.Application.log_level = "WARN"

# A session fetches nothing by itself: no news, no check for updates, no catalogue of extensions. Without
# overrides.json its first window would ask its user whether it may.
c.LabApp.news_url = None
c.LabApp.check_for_updates_class = "jupyterlab.NeverCheckForUpdate"
c.LabApp.extension_manager = "readonly"

# Nothing is kept beyond the session, so neither signatures nor deleted files are.
c.NotebookNotary.db_file = ":memory:"
c.FileContentsManager.delete_to_trash = False
