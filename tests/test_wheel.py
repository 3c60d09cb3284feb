"""A wheel that is installed elsewhere works as a clone does."""

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.slow


def run(command, folder):
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run([*map(str, command)], cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder], ROOT)
    (file,) = folder.glob("bikeml-*.whl")
    return file


@pytest.fixture(scope="module")
def scripts(wheel):
    """Install the wheel in an environment of its own, which finds the other packages where this one has them."""
    environment = wheel.parent / "environment"
    run([sys.executable, "-m", "venv", "--without-pip", environment], ROOT)
    scripts = environment / "bin"
    pip = [sys.executable, "-m", "pip", "--python", scripts / "python"]
    run([*pip, "install", "--disable-pip-version-check", "--no-deps", "--no-index", wheel], environment)
    site = next(environment.glob("lib/python*/site-packages"))
    (site / "others.pth").write_text(sysconfig.get_path("purelib"))  # whose own .pth, the clone's, is not read
    return scripts


def list_tracked(*folders):
    names = run(["git", "ls-files", "-z", *folders], ROOT).split("\0")
    return {name for name in names if name}


def test_a_wheel_holds_the_package_the_configs_and_both_licences(wheel):
    with zipfile.ZipFile(wheel) as content:
        names = {name for name in content.namelist() if ".dist-info/" not in name}
        licences = {name.partition("/licenses/")[2] for name in content.namelist() if "/licenses/" in name}
    assert names == list_tracked("bikeml") | {f"bikeml/{name}" for name in list_tracked("conf")}
    assert licences == {"LICENSE", "bikeml/table/datasets/LICENSE-DATA.md"}


def test_the_installed_wheel_is_what_runs(scripts, tmp_path):
    found = run([scripts / "python", "-c", "import bikeml; print(bikeml.__file__)"], tmp_path)
    assert Path(found.strip()).is_relative_to(scripts.parent)


def test_an_experiment_runs(scripts, tmp_path):
    assert "test_r2" in run([scripts / "bikeml", "model=linear", "tracking=none", "hydra.run.dir=run"], tmp_path)
    assert (tmp_path / "run" / "model" / "model.skops").is_file()
    assert (tmp_path / "run" / "evaluate.png").is_file()


def test_help_is_shown(scripts, tmp_path):
    assert "python -m bikeml" in run([scripts / "python", "-m", "bikeml", "--help"], tmp_path)


@pytest.mark.long
def test_a_sweep_ends_with_its_page(scripts, tmp_path):
    shown = run([scripts / "bikeml", "-m", "model=linear,tree", "tracking=none", "hydra.sweep.dir=sweep"], tmp_path)
    assert "2 cells" in shown
    assert "<svg" in (tmp_path / "sweep" / "report.html").read_text()


@pytest.mark.long
def test_a_table_is_explored(scripts, tmp_path):
    run([scripts / "bikeml", "explore"], tmp_path)
    assert "rentals" in (tmp_path / "explore" / "explore.html").read_text()
