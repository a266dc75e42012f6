"""An account of the workers that is made for a test and removed after it."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import mkdtemp

import pytest

from blocks.settings import ProcessSettings
from runtime.supervision.account import have_account


@pytest.fixture
def settings() -> Iterator[ProcessSettings]:
    """An installation whose cloud is static, with its account; where other accounts may enter."""
    place, name = Path(mkdtemp(prefix="dd-account-", dir="/var/tmp")), f"ddtest{os.getpid()}"
    place.chmod(0o755)
    it = ProcessSettings(data=place, cloud="static", worker_user=name, _env_file=None)
    try:
        have_account(it, print)
        yield it
    finally:
        for removed in (["userdel", name], ["groupdel", name]):  # a group with another member outlives its account
            subprocess.run(removed, capture_output=True, check=False)
        for folder in (place, it.run_dir, it.downloads_dir):
            shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def may(settings) -> Callable[..., bool]:
    """Whether an account can do it; the workers' unless another one is named."""

    def tried(*command: object, account: str = settings.account) -> bool:
        words = ["setpriv", f"--reuid={account}", f"--regid={account_group(account)}", "--init-groups", "--"]
        words += ["sh", "-c", 'exec "$@"', "sh"]  # looked up by the account, not by setpriv
        return subprocess.run([*words, *map(str, command)], capture_output=True, check=False).returncode == 0

    return tried


def account_group(account: str) -> str:
    return subprocess.run(["id", "-g", account], capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def as_account(settings) -> Callable[[], AbstractContextManager[None]]:
    """Have this process be the account's for a while."""

    @contextmanager
    def become() -> Iterator[None]:
        user, group = (
            int(subprocess.run(["id", word, settings.account], capture_output=True, check=True).stdout)
            for word in ("-u", "-g")
        )
        os.setegid(group)
        os.seteuid(user)
        try:
            yield
        finally:
            os.seteuid(0)
            os.setegid(0)

    return become
