"""Which version this is: what `--version` says, and which release an upgrade is tried from."""

import os
import re
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest

from blocks.resources import ROOT
from runtime.command.cli import _parser
from runtime.command.line.version import release_of, version_here

pytestmark = pytest.mark.unit


@pytest.fixture
def checkout(tmp_path) -> Path:
    """A checkout of two commits, of which the first one is a release."""
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "7.8.9"\n')
    shutil.copy(ROOT / "Makefile", tmp_path)
    git(tmp_path, "init", "-q")
    for number in range(2):
        git(tmp_path, "add", ".")
        git(tmp_path, "commit", "-q", "--allow-empty", "-m", str(number))
        if not number:
            git(tmp_path, "tag", "-a", "v7.8.9", "-m", "a release")
    return tmp_path


def git(folder: Path, *words: str) -> str:
    own = {f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    own |= {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
    done = subprocess.run(["git", *words], cwd=folder, env=os.environ | own, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_it_is_printed(capsys):
    with pytest.raises(SystemExit) as ended:
        _parser().parse_args(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"dockerdriver {version_here()}\n"


def test_of_a_checkout_it_is_the_release_in_pyproject_and_the_commit(checkout):
    assert re.fullmatch(r"7\.8\.9 \(v7\.8\.9-1-g[0-9a-f]+\)", version_here(checkout))
    git(checkout, "checkout", "-q", "v7.8.9")
    assert version_here(checkout) == "7.8.9 (v7.8.9)"
    (checkout / "Makefile").write_text("")
    assert version_here(checkout) == "7.8.9 (v7.8.9-dirty)"


def test_of_an_archive_it_is_the_release_whatever_checkout_is_around_it(checkout):
    inside = checkout / "release"
    inside.mkdir()
    shutil.copy(checkout / "pyproject.toml", inside)
    assert version_here(inside) == "7.8.9"


def test_of_a_package_it_is_that_of_the_package(tmp_path):
    assert release_of(tmp_path) == version("dockerdriver")


def test_an_upgrade_is_tried_from_the_release_before_else_from_the_documented_commit(checkout):
    assert upgraded_from(checkout) == "v7.8.9"
    assert upgraded_from(checkout, "FROM=abc123") == "abc123"
    git(checkout, "checkout", "-q", "v7.8.9")  # the release itself: there is none before it
    assert upgraded_from(checkout) == "0b8b365"


def upgraded_from(checkout: Path, *words: str) -> str:
    told = subprocess.run(
        ["make", "-n", "test-upgrade", *words], cwd=checkout, capture_output=True, text=True, check=True
    )
    return re.findall(r"UPGRADE_FROM=(\S+)", told.stdout)[0]
