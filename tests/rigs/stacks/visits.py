"""A user's browser at a session of a stack, and what the user does in a notebook there."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from tests.rigs.gateways.kernel import kernel_channel, result_of

#: A cell that leaves files of several modes, one of them of so many megabytes that no other session has.
WRITE = """
import os
os.mkdir("project")
with open("project/thesis.txt", "w") as thesis:
    thesis.write("years of work")
with open("project/data", "wb") as data:
    for _ in range({megabytes}):
        data.write(os.urandom(1 << 20))
os.symlink("project/thesis.txt", "newest")
os.chmod("project/thesis.txt", 0o640), os.chmod("project/data", 0o600), os.chmod("project", 0o750)
"""
#: A cell that tells of each what it is, whether it is the user's, and what is in it.
LOOK = """
import hashlib, os
def content(name):
    return os.listdir(name) if os.path.isdir(name) else hashlib.sha256(open(name, "rb").read()).hexdigest()
[(name, oct(os.lstat(name).st_mode), os.lstat(name).st_uid == os.getuid(), content(name))
 for name in ("project", "project/thesis.txt", "project/data", "newest")]
"""


def good_for(link: str) -> float:
    """Seconds for which a launch link still opens its session, by what its ticket says."""
    return int(link.partition("ticket=")[2].partition(".")[0]) - time.time()


@contextmanager
def signed_in(link: str) -> Iterator[httpx.Client]:
    """A browser that came by a link; whether it was let in is for its next answer to say."""
    url = httpx.URL(link)
    headers = {"Accept": "text/html", "Origin": f"{url.scheme}://{url.netloc.decode()}"}
    with httpx.Client(trust_env=False, follow_redirects=True, headers=headers, timeout=20) as browser:
        browser.post(link)
        yield browser


def work(url: str, browser: httpx.Client, megabytes: int = 1) -> str:
    """Write files in a notebook; what they are then."""
    _run(url, browser, WRITE.format(megabytes=megabytes))
    return look(url, browser)


def look(url: str, browser: httpx.Client) -> str:
    """What the files are that `work` wrote, in this session or an earlier one."""
    return _run(url, browser, LOOK)


def _run(url: str, browser: httpx.Client, cell: str) -> str:
    with (channel := kernel_channel(url, browser)):
        return result_of(channel, cell)
