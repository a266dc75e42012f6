"""The docs as a site: `make docs`."""

import os
import re
import subprocess
import sys

import pytest

from docs.generate import HERE
from docs.reference.commands import of_commands
from runtime.command.cli import groups
from runtime.command.nouns import name_of

pytestmark = [pytest.mark.unit, pytest.mark.thorough]


def test_no_page_is_left_out_and_no_link_leads_nowhere(tmp_path):
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    quiet = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    built = subprocess.run(build, cwd=HERE.parent, env=quiet, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    assert (tmp_path / "first-class.html").exists()


def test_every_command_has_its_section():
    there = of_commands()
    for noun, (_, commands) in groups().items():
        for command in commands:
            assert f"### `{' '.join(filter(None, ['dockerdriver', noun, name_of(command)]))}`" in there


def linked_from(page):
    return set(re.findall(r"\]\(([\w/-]+\.md)", (HERE / page).read_text()))


def test_the_first_page_leads_to_every_other_one_and_the_list_of_decisions_to_each_of_its_own():
    pages = {str(page.relative_to(HERE)) for page in HERE.rglob("*.md")}
    decisions = {page for page in pages if page.startswith("why/")}
    assert linked_from("index.md") == pages - decisions - {"index.md"}
    assert decisions <= linked_from("why.md")


def test_every_decision_is_listed_by_its_title():
    listed = set(re.findall(r"^- \[(.+)\]\((why/[\w-]+\.md)#", (HERE / "why.md").read_text(), re.MULTILINE))
    titles = {
        (title, str(page.relative_to(HERE)))
        for page in (HERE / "why").glob("*.md")
        for title in re.findall(r"^## (.+)$", page.read_text(), re.MULTILINE)
    }
    assert listed == titles


def test_the_readme_is_one_screen_and_what_it_leads_to_is_there():
    readme = HERE.parent / "README.md"
    assert len(readme.read_text().splitlines()) <= 50
    named = re.findall(r"\]\((?!https?:)([^)#]+)", readme.read_text())
    assert [one for one in named if not (HERE.parent / one).exists()] == []
