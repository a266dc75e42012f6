"""Which folder is the installation's own."""

import pytest

from blocks.resources import ROOT, home, is_checkout

pytestmark = pytest.mark.unit


def test_a_checkout_is_its_own_home_wherever_a_command_is_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert home() == ROOT


def test_packages_without_a_project_file_beside_them_are_installed_ones(tmp_path):
    assert (is_checkout(), is_checkout(tmp_path)) == (True, False)
