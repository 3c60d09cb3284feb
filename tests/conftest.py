"""What every test shares: a working folder of its own, and the ways into the program."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")  # the tests run in two processes on small machines

from bikeml.composition import compose, resolve
from bikeml.config import Config, typed
from tests.azureml.fixtures import azureml, azureml_service, ml_client, rest, submit

__all__ = ["azureml", "azureml_service", "bikeml_main", "ml_client", "rest", "submit", "workdir"]

DAILY = Path(__file__).parent.parent / "bikeml" / "datasets" / "daily-bike-share.csv"


@pytest.fixture(autouse=True)
def workdir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Run each test in an empty working folder: stores and run folders land there."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def bikeml_main(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Call the command line in this process and return its exit status."""

    def call(*arguments: str) -> int:
        from bikeml import cli

        monkeypatch.setattr(sys, "argv", ["bikeml", *arguments])
        try:
            cli.main()
        except SystemExit as stop:
            return int(stop.code or 0)
        return 0

    return call


def config_of(*overrides: str) -> Config:
    return typed(resolve(compose(overrides)))
