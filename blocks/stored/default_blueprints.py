"""The blueprints that a new installation offers: JupyterLab, and RStudio as Rocker's images have it."""

from blocks.stored.blueprint import SLOT_MB, Blueprint

#: Holds the session's path. In the environment: commands stand in the host's process list, which every account reads.
BASE_URL = "DD_BASE_URL"
#: Shows the gateway's banner in a session's page, also from behind the end of its HTML.
BANNER = '<script src="dd-notice/banner.js"></script>'


def default_blueprints() -> dict[str, Blueprint]:
    """Return the blueprints that a new installation offers, by name."""
    return {
        "jupyter-minimal": _jupyter("jupyter-minimal"),
        "rstudio": _rstudio("rocker/rstudio"),
        "ropensci": _rstudio("rocker/ropensci"),
    }


def _jupyter(image: str) -> Blueprint:
    return Blueprint(
        image=image,
        port=8888,
        command=["jupyter-lab"],
        environment={"JUPYTER_TOKEN": "{token}", BASE_URL: "{base_url}"},
        ready_path="api",
        auth_header="token {token}",
        container_user="session:1000",
    )


def _rstudio(image: str) -> Blueprint:
    """Rocker's images start as root under an init of their own, make the user's home and drop to the user."""
    # One of them may be put in the other's place, and one is as it was left when the container is started again.
    both = "/etc/rstudio/rserver.conf /etc/rstudio/disable_auth_rserver.conf"
    told = (
        f"for file in {both}; do"
        f" if [ -f $file ] && ! grep -q ^www-root-path= $file; then echo www-root-path=${BASE_URL} >> $file; fi;"
        " done; page=/usr/lib/rstudio-server/www/index.htm;"
        f" if [ -f $page ] && ! grep -q dd-notice $page; then echo '{BANNER}' >> $page; fi;"
        " exec /init"
    )
    return Blueprint(
        image=image,
        port=8787,
        command=["sh", "-c", told],
        environment={"DISABLE_AUTH": "true", "ROOT": "false", BASE_URL: "{base_url}"},
        memory_mb=2 * SLOT_MB,
        slots=2,
        ready_path="unsupported_browser.htm",
        start_timeout=120,
        capabilities=["CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "SETGID", "SETUID"],
        init=False,
        strip_prefix=True,
        rewrite_redirects=True,
    )
