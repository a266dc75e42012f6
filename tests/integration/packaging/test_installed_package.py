"""The package as `pip install .` gives it: no checkout around it, run from a folder that has nothing to do with it."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

CHECKOUT = Path(__file__).parents[3]
SOURCES = ("blocks", "flows", "nginx", "playbooks", "pool", "runtime", "tasks", "tests")
FILES = ("LICENSE", "README.md", "prefect.yaml", "pyproject.toml")
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
GATEWAY = (
    "from blocks.gateway.config import gateway_config; from blocks.gateway.template import render_gateway;"
    "from blocks.settings import process_settings; print(render_gateway(gateway_config(process_settings())))"
)
RECIPES = "from runtime.builds import host_image, notebook_image; print(notebook_image._recipe())"
DEPLOYMENTS = (
    "import yaml; from runtime.stack.deployments import DESCRIPTION; from runtime.worker.loaded_flows import load_flow;"
    "described = yaml.safe_load(DESCRIPTION.read_text())['deployments'];"
    "print(len({load_flow(each['entrypoint']).name for each in described}))"
)


@dataclass
class Installed:
    """An environment with the package in it, and an empty folder to run it in."""

    environment: Path
    folder: Path

    @property
    def packages(self) -> Path:
        return Path(sysconfig.get_path("purelib", vars={"base": str(self.environment)}))

    def run(self, program: str, *words: str) -> subprocess.CompletedProcess:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("DD_", "PYTHON"))}
        command = [str(self.environment / "bin" / program), *words]
        return subprocess.run(command, cwd=self.folder, env=inherited, capture_output=True, text=True, check=False)

    def python(self, code: str) -> str:
        done = self.run("python", "-P", "-c", code)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Installed:
    """Build the wheel from a copy and install it; it sees the packages of this environment but not this checkout."""
    place = tmp_path_factory.mktemp("installed")
    wheel = build_wheel(place)
    venv.create(place / "venv", symlinks=True)
    done = Installed(place / "venv", place / "elsewhere")
    done.folder.mkdir()
    options = ("--python", str(done.environment / "bin" / "python"), "install", "--no-deps", "--no-index")
    subprocess.run([*PIP, *options, wheel], check=True)
    (done.packages / "packages.pth").write_text(sysconfig.get_path("purelib"))  # its own .pth files are not followed
    return done


def build_wheel(place: Path) -> Path:
    source = place / "source"
    for name in SOURCES:
        ignored = shutil.ignore_patterns("__pycache__", "artifacts")
        shutil.copytree(CHECKOUT / name, source / name, symlinks=True, ignore=ignored)
    for name in FILES:
        shutil.copy(CHECKOUT / name, source)
    subprocess.run([*PIP, "wheel", "--no-deps", "--no-build-isolation", "-w", place, source], check=True)
    return next(place.glob("dockerdriver-*.whl"))


def test_the_wheel_holds_the_house_and_no_tests(installed):
    there = {path.name for path in installed.packages.iterdir() if not path.name.startswith(("dockerdriver-", "_"))}
    assert there == {"blocks", "flows", "nginx", "playbooks", "pool", "runtime", "tasks", "packages.pth"}


def test_the_platforms_client_is_left_to_its_own_distribution(installed):
    assert not (installed.packages / "runtime" / "client").exists()


def test_every_file_that_is_no_python_goes_along(installed):
    folders = ("nginx", "playbooks", "runtime/images")
    kept = {p.relative_to(CHECKOUT) for f in folders for p in (CHECKOUT / f).rglob("*") if p.is_file()}
    missing = [path for path in kept if path.suffix != ".pyc" and not (installed.packages / path).is_file()]
    assert missing == []


def test_programs_that_are_copied_to_hosts_stay_programs(installed):
    for program in ("runtime/images/host/host-init", "playbooks/sysprep.sh"):
        assert os.access(installed.packages / program, os.X_OK)


def test_the_command_answers_in_any_folder(installed):
    said = installed.run("dockerdriver", "--help")
    assert (said.returncode, "Start everything" in said.stdout) == (0, True)


def test_a_folder_is_an_installation_and_status_names_its_data(installed):
    said = installed.run("dockerdriver", "status")
    assert said.returncode == 0, said.stderr
    assert f"data in {installed.folder / '.dockerdriver'}" in said.stdout


def test_the_gateways_configuration_is_rendered_from_the_packages_own_templates(installed):
    rendered = installed.python(GATEWAY)
    assert f"{installed.packages}/nginx/lua" in rendered
    assert str(installed.folder / ".dockerdriver" / "gateway") in rendered


def test_the_flow_of_every_deployment_is_ours_though_the_folder_has_flows_of_its_own(installed):
    for name in ("flows", "tasks"):
        (installed.folder / name).mkdir()
        (installed.folder / name / "__init__.py").write_text("raise SystemExit('not ours')")
    assert int(installed.python(DEPLOYMENTS)) > 10


def test_byte_code_that_pip_put_beside_a_recipe_changes_no_image(installed):
    here = subprocess.run([sys.executable, "-c", RECIPES], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    assert (installed.packages / "runtime/images/jupyter-minimal/__pycache__").is_dir()
    assert installed.python(RECIPES) == here.stdout
