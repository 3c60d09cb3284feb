"""What every test shares: a working folder of its own, and the ways into the program."""

import contextlib
import gc
import json
import logging
import os
import pickle
import re
import signal
import sqlite3
import sys
from collections.abc import Callable, Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest
from hydra._internal.hydra import Hydra
from hydra._internal.sources_registry import SourcesRegistry
from hydra.core.plugins import Plugins

os.environ.setdefault("OMP_NUM_THREADS", "1")  # the tests run in two processes on small machines
os.environ.setdefault("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "0")  # a server that is not there is asked again at once

from hypothesis import settings

from bikeml.config.composition import compose, config_dir, resolve
from bikeml.config.schema import Config, typed
from bikeml.records.fingerprint import BOOSTERS
from bikeml.system import interrupts
from bikeml.system.interrupts import INTERRUPTS
from bikeml.system.redaction import forget
from tests.azureml.fixtures import azureml, azureml_service, ml_client, rest, submit
from tests.browser.fixtures import axe, browser, look

__all__ = [
    "TASK_SIGNALS",
    "assert_nothing_left_behind",
    "axe",
    "azureml",
    "azureml_service",
    "bikeml_main",
    "browser",
    "heeded",
    "look",
    "ml_client",
    "rest",
    "signals_as_before",
    "submit",
    "workdir",
]

for _name in ("TRACKING_URI", "EXPERIMENT_NAME", "EXPERIMENT_ID", "RUN_ID"):  # where the developer's own runs go
    os.environ.pop(f"MLFLOW_{_name}", None)

# A machine that is busy is no failure: without this, the one slow example was searched for minutes.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")

# As the command line does; the search for garbage was a tenth of the tests' time.
gc.set_threshold(10_000)

# A shell's background job ignores the signal, and so would every process that a test starts and interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)

TASK_SIGNALS = [signal.SIGINT, *(pytest.param(number, marks=pytest.mark.long) for number in INTERRUPTS[1:])]
"""A task handles all alike; what a real process does at the others is for the long run."""

ROOT = Path(__file__).parent.parent
CONF = str(config_dir())
DAILY = ROOT / "bikeml" / "table" / "datasets" / "daily-bike-share.csv"

MISSING = {name for name in BOOSTERS if find_spec(name) is None}
"""The models that cannot be tried here."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the tutorial's story, which takes minutes: at the end, one worker would wait for it."""
    items.sort(key=lambda item: item.path.stem != "test_tutorial_story")
    for item in items:
        values = getattr(item, "callspec", None) and item.callspec.params.values()
        if MISSING.intersection(value for value in values or () if isinstance(value, str)):
            item.add_marker(pytest.mark.skip(reason="the boosting extra is not installed"))


@pytest.fixture(autouse=True)
def workdir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Run each test in an empty working folder: stores and run folders land there."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(autouse=True, scope="session")
def _migrations_run_once() -> Iterator[None]:
    """Copy the tables of the first local store into each later one: MLflow's migrations take a second of each test."""
    if "mlflow" not in sys.modules:  # no test of this session imports it at the top; then a store is made as it is
        yield
        return
    from mlflow.store.db import utils

    make_tables, first = utils._initialize_tables, sqlite3.connect(":memory:", check_same_thread=False)

    def copy_tables(engine) -> None:
        with contextlib.closing(engine.raw_connection()) as store:
            if first.execute("SELECT 1 FROM sqlite_master").fetchone():
                first.backup(store.driver_connection)
            else:
                make_tables(engine)
                store.driver_connection.backup(first)

    with pytest.MonkeyPatch.context() as patch, contextlib.closing(first):
        patch.setattr(utils, "_initialize_tables", copy_tables)
        yield


@pytest.fixture(autouse=True, scope="session")
def _config_files_listed_once() -> Iterator[None]:
    """Ask once in a session which files of conf/ and of Hydra there are; bikeml itself reads each only once."""
    Plugins.instance()  # it imports the sources once more: the classes in their modules are not those that it uses
    with pytest.MonkeyPatch.context() as patch:
        for source in map(SourcesRegistry.instance().resolve, ("file", "pkg")):
            for name in ("is_group", "is_config"):
                patch.setattr(source, name, _once(getattr(source, name)))
        yield


@pytest.fixture(autouse=True, scope="session")
def _mode_is_not_composed() -> Iterator[None]:
    """Hydra composes each command once more, only to find hydra.mode; nothing of ours sets it."""
    get_mode = Hydra.get_mode

    def find_mode(hydra: Hydra, config_name: str, overrides: list[str]) -> object:
        ours = all(each.provider != "main" or each.path == CONF for each in hydra.config_loader.get_sources())
        own = any("hydra" in word for word in overrides) or config_name != "config"
        return None if ours and not own else get_mode(hydra, config_name, overrides)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Hydra, "get_mode", find_mode)
        yield


def _once(method: Callable[..., object]) -> Callable[..., object]:
    """Return a method of a source of configs that remembers its answers; each caller gets a copy of its own."""
    answers: dict[tuple[str, ...], bytes] = {}

    def answer(source, config_path: str) -> object:
        if source.scheme() == "file" and source.path != CONF:  # a test's own folder
            return method(source, config_path)
        key = (source.provider, source.path, config_path)
        if key not in answers:
            answers[key] = pickle.dumps(method(source, config_path))
        return pickle.loads(answers[key])

    return answer


@pytest.fixture(autouse=True)
def _cells_run_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a sweep run its cells here unless a test sets hydra.launcher.n_jobs: workers import for seconds."""
    monkeypatch.setattr("bikeml.multirun.local.launcher.count_cores", lambda: 1)
    monkeypatch.setattr("bikeml.multirun.local.beside.has_idle_core", lambda: False)


@pytest.fixture(autouse=True)
def _no_secret_is_known() -> Iterator[None]:
    """Forget the secrets of a test: a new process knows none."""
    yield
    forget()


@pytest.fixture(autouse=True)
def _warnings_as_before() -> Iterator[None]:
    """Undo what a task does in this process: warnings that stay captured, and a log that stays open."""
    yield
    logging.captureWarnings(capture=False)
    for handler in [*logging.getLogger().handlers]:
        if type(handler) is logging.FileHandler:  # of the last run; pytest's own is of another class
            logging.getLogger().removeHandler(handler)
            handler.close()


@pytest.fixture(autouse=True)
def _mlflow_as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Undo what a test tells MLflow, which keeps it in variables that every later run heeds."""
    for name in ("RUN_ID", "TRACKING_URI", "EXPERIMENT_NAME", "EXPERIMENT_ID"):
        monkeypatch.setenv(f"MLFLOW_{name}", "")  # so that it is restored, whoever changes it
        monkeypatch.delenv(f"MLFLOW_{name}")
    yield
    mlflow = sys.modules.get("mlflow")
    if mlflow is not None and "mlflow.tracking.fluent" in sys.modules:
        while mlflow.active_run():
            mlflow.end_run()
        mlflow.set_tracking_uri(None)
        sys.modules["mlflow.tracking.fluent"]._active_experiment_id = None


@pytest.fixture
def fresh_workers() -> None:
    """End joblib's workers of earlier tests, which are in the working folders of those."""
    from joblib.externals.loky import get_reusable_executor

    get_reusable_executor().shutdown(wait=True)


@contextlib.contextmanager
def signals_as_before() -> Iterator[None]:
    """Undo how the block handles interrupts, as the end of a process of its own would."""
    handlers, hook = {number: signal.getsignal(number) for number in INTERRUPTS}, sys.unraisablehook
    try:
        yield
    finally:
        sys.unraisablehook = hook
        for number, handler in handlers.items():
            signal.signal(number, handler)
        interrupts._raised = None


@contextlib.contextmanager
def heeded(number: int) -> Iterator[None]:
    """Let no process that the block starts inherit that the signal is ignored, as nohup has it."""
    with signals_as_before():
        signal.signal(number, signal.default_int_handler)
        yield


@contextlib.contextmanager
def _logging_as_before() -> Iterator[None]:
    handlers, level, raises = logging.root.handlers[:], logging.root.level, logging.raiseExceptions
    try:
        yield
    finally:
        logging.captureWarnings(capture=False)
        logging.raiseExceptions = raises
        for handler in {*logging.root.handlers} - {*handlers}:
            handler.close()
        logging.root.handlers[:] = handlers
        logging.root.setLevel(level)


@pytest.fixture
def bikeml_main(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Call the command line in this process and return its exit status."""

    def call(*arguments: str) -> int:
        from bikeml.__main__ import main

        monkeypatch.setattr(sys, "argv", ["bikeml", *arguments])
        monkeypatch.setattr("bikeml.cli._begin_workers", lambda _: contextlib.nullcontext())  # many sweeps are refused
        with signals_as_before(), _logging_as_before():
            try:
                main()
            except SystemExit as stop:
                return int(stop.code or 0)
        return 0

    return call


def assert_nothing_left_behind(folder: Path, *there_before: str) -> None:
    """Below `folder` is only what was there before, whole results, and stores in which no run is RUNNING."""
    from bikeml.experiment.model_file import load_pipeline

    results = [file.parent for file in folder.rglob("result.json") if "mlartifacts" not in file.parts]
    for result in results:
        assert json.loads((result / "result.json").read_text())["metrics"]
        load_pipeline(result / "model")
        assert all(figure.read_bytes().endswith(b"IEND\xaeB`\x82") for figure in result.glob("*.png"))
        assert list(result.glob(".*")) == []
    files = [file for file in folder.rglob("*") if file.is_file() and not {*file.parents} & {*results}]
    names = {file.relative_to(folder).as_posix() for file in files if "mlartifacts" not in file.parts}
    assert names - {"mlflow.db"} - {*there_before} == set()
    if "mlflow.db" in names - {*there_before}:
        with contextlib.closing(sqlite3.connect(folder / "mlflow.db")) as store:
            tables = {name for (name,) in store.execute("SELECT name FROM sqlite_master")}
            statuses = {status for (status,) in store.execute("SELECT status FROM runs")} if "runs" in tables else set()
        assert "RUNNING" not in statuses


@cache
def config_of(*overrides: str) -> Config:
    return typed(resolve(compose(overrides)))


@pytest.fixture
def unrendered(monkeypatch):
    """Draw all figures, but write an empty picture for each: to render them takes a third of a small run."""
    from xml.etree import ElementTree as ET

    from PIL import Image

    empty = '<svg xmlns="http://www.w3.org/2000/svg" width="1pt" height="1pt"/>'
    for module in ("figures", "sweep.report"):
        name = f"bikeml.pages.{module}.save_figure"
        monkeypatch.setattr(name, lambda _, file, *__: Image.new("L", (1, 1)).save(file, "png"))
    monkeypatch.setattr("bikeml.pages.page._draw", lambda *_: ET.fromstring(empty))


@pytest.fixture
def full_disk():
    """Let no file of this process grow beyond so many bytes, from the call on."""
    resource = pytest.importorskip("resource", reason="limits of a process are a thing of Unix")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def refuse(call, workdir):
    """Call the task of a test file, its fixture `call`, which must end with `status` and one `message`, and leave nothing behind."""

    def run(arguments, message, status=2):
        before = {*workdir.rglob("*")}
        found, out, err = call(*arguments)
        assert re.search(message, err), err
        assert (found, out) == (status, "")
        assert err.startswith("bikeml: ")
        assert "Traceback" not in err
        assert {*workdir.rglob("*")} == before

    return run


@pytest.fixture
def call_task(capsys):
    """Call a further task in this process: its status, and what it writes to the standard output and error."""

    def call(name, *words):
        from bikeml.cli import start

        capsys.readouterr()  # what a fixture's run has said
        status = start([*name.split(), *map(str, words)])
        shown = capsys.readouterr()
        return status, shown.out, shown.err

    return call
