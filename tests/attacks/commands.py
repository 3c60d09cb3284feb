"""The commands that read what was recorded, called in this process, each with the figures that it shows."""

import contextlib
import csv
import gc
import hashlib
import importlib
import re
import shutil
import socket
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO
from unittest.mock import patch

from tests.attacks.forked import Ending
from tests.attacks.worlds import CHECKPOINTS, LASSO, LASSO_NAME, RF, RF_NAME, SWEEP, World, run_main

MODULES = (
    *("lean_skops", "cli", "sweeping", "cell", "sweeper", "experiment", "display", "report", "predict", "registry"),
    *("reproduce", "serve", "tracking.recording", "tracking.sweeps", "tracking.models", "azure.launcher"),
)
"""Of bikeml, imported once; lean_skops comes before skops."""
LIBRARIES = (
    *(
        "skops.io",
        "sklearn.ensemble",
        "sklearn.linear_model",
        "narwhals.stable.v2",
        "pyarrow.parquet",
        "omegaconf._impl",
    ),
    *("matplotlib.backends.backend_svg", "pandas.io.formats.csvs", "rich._emoji_codes", "alembic.command"),
    *("mlflow.store.tracking.sqlalchemy_workspace_store", "mlflow.store.model_registry.sqlalchemy_workspace_store"),
    *("sqlalchemy.dialects.mssql", "sqlalchemy.dialects.mysql", "sqlalchemy.dialects.sqlite"),
)
"""What they import late."""
Figures = Mapping[str, object]


@dataclass(frozen=True)
class Command:
    """A command line in a world."""

    name: str
    world: World
    act: Callable[[], int | None]
    show: Callable[[World, Ending], Figures]
    """Return the figures that the command has shown or written, by name."""
    status: int = 0
    """How it ends where nothing is altered."""
    is_slow: bool = False
    """Whether it fits models."""


def import_all() -> None:
    """Import what the commands need, so that a forked child need not."""
    from hydra.core.plugins import Plugins
    from sqlalchemy.orm import configure_mappers

    from bikeml.composition import compose

    Plugins.instance()  # before the sweeper: the scan runs the modules of Hydra's own plugins again
    for name in MODULES:
        importlib.import_module(f"bikeml.{name}")
    for name in LIBRARIES:
        importlib.import_module(name)
    configure_mappers()
    compose(["+task=predict", "run=best", *RF])  # its parser learns from the first words
    gc.freeze()  # a child has nothing to look for in there


def list_commands(world: World) -> Iterator[Command]:
    """Yield every command that reads what lies in a world."""
    lasso, rf = world.find_run(LASSO_NAME), world.find_run(RF_NAME)
    yield Command("report", world, _report, _read_leaderboard("sweep"))
    for reuse in ("finished", "all"):
        yield _sweep(world, reuse, "again")
    yield _sweep(world, "finished", "sweep")
    yield _task("predict", world, f"run={rf}", "output=now.csv", "interval=0.9", show=_read_predictions)
    yield _task("predict", world, "run=best", "output=now.csv", show=_show_nothing)
    yield _task("register", world, f"run={lasso}", "registered_model=bikes", "alias=now", show=_hash_model(lasso))
    yield _serve(world, rf)
    yield _reproduce(world, lasso, "lasso")
    words = (*LASSO, "tracking=none", "hydra.run.dir=lasso")
    yield Command("run in an old folder", world, lambda: run_main(words), _show_nothing, is_slow=True)
    if (world.folder / "checkpoints").is_dir():
        yield _reproduce(world, rf, "rf")
        resumed = (*RF, *CHECKPOINTS, "tracking=none", "hydra.run.dir=resumed")
        yield Command("run a search on", world, lambda: run_main(resumed), _read_candidates, is_slow=True)


def _report() -> None:
    from bikeml.report import main

    with patch("sys.argv", ["report", "sweep"]):
        main()


def _sweep(world: World, reuse: str, folder: str) -> Command:
    words = (*SWEEP, f"reuse={reuse}", f"hydra.sweep.dir={folder}")
    name = f"sweep reuse={reuse}" + (" in the old folder" if folder == "sweep" else "")
    return Command(name, world, lambda: run_main(words), _read_leaderboard(folder), status=1, is_slow=True)


def _task(name: str, world: World, *words: str, show: Callable[[World, Ending], Figures]) -> Command:
    return Command(
        " ".join([name, *(word for word in words if word == "run=best")]), world, lambda: _do(name, words), show
    )


def _do(name: str, words: Sequence[str]) -> int:
    from bikeml import predict, registry, reproduce, serve, task

    options, function = {
        "predict": (predict.PredictOptions, predict.predict),
        "register": (registry.RegisterOptions, registry.register),
        "reproduce": (reproduce.ReproduceOptions, reproduce.reproduce),
        "serve": (serve.ServeOptions, serve.serve),
    }[name]
    return task.main(name, options, function, words)


@dataclass
class Ended:
    """A child process that ended by itself."""

    returncode: int

    def poll(self) -> int:
        return self.returncode

    def wait(self) -> int:
        return self.returncode


def _serve(world: World, run: str) -> Command:
    """Return the command up to the start of MLflow's server, which is said to end at once."""

    def act() -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        server = contextlib.nullcontext(Ended(0))
        with patch("bikeml.serve.child", lambda *_: server), patch("bikeml.serve._answers", lambda _: True):
            return _do("serve", [f"run={run}", f"port={port}"])

    return Command("serve", world, act, _hash_model(run), status=1)


def _reproduce(world: World, run: str, folder: str) -> Command:
    """Return the command with the experiment itself left out: its config is composed, and its result is the old one."""

    @contextlib.contextmanager
    def child(command: Sequence[str], _: object, output: IO[bytes], __: object) -> Iterator[Ended]:
        words = list(command)
        try:
            _compose(words[words.index("--config-dir") + 1], [word for word in words if "=" in word])
        except Exception:  # noqa: BLE001  as the process would print it
            output.write(traceback.format_exc().encode())
            yield Ended(1)
            return
        out = next(word for word in words if word.startswith("hydra.run.dir=")).partition("=")[2].strip('"')
        shutil.copytree(world.untouched / folder, out)
        yield Ended(0)

    def act() -> int:
        no_worktree = contextlib.nullcontext()
        with (
            patch("bikeml.reproduce.child", child),
            patch("bikeml.worktree._worktree", lambda *_: no_worktree),
            patch("bikeml.worktree._apply"),
        ):
            return _do("reproduce", [f"run={run}"])

    return Command(f"reproduce {folder}", world, act, _read_table)


def _compose(folder: str, overrides: Sequence[str]) -> None:
    from bikeml.composition import compose, resolve
    from bikeml.config import typed
    from bikeml.errors import ConfigError

    with contextlib.suppress(ConfigError):  # a message, which the process would end with
        typed(resolve(compose([f"hydra.searchpath=[{folder!r}]", *overrides])))


def _show_nothing(_: World, __: Ending) -> Figures:
    return {}


def _read_csv(world: World, name: str) -> list[dict[str, str]]:
    """Return the rows of a file that the command has written; one that was there before is none of its."""
    file, before = world.folder / name, world.untouched / name
    if not file.is_file() or (before.is_file() and before.stat().st_mtime_ns == file.stat().st_mtime_ns):
        return []
    with file.open(encoding="utf-8", newline="") as rows:
        return list(csv.DictReader(rows))


def _read_leaderboard(folder: str) -> Callable[[World, Ending], Figures]:
    """Return what reads the figures of the cells that the leaderboard calls finished: others are named as broken."""
    names = ("cv_r2_mean", "cv_r2_std", "test_r2", "test_r2_low", "test_r2_high", "test_rmse", "test_mae")

    def show(world: World, _: Ending) -> Figures:
        done = (row for row in read_rows(world, folder) if row["status"] in ("finished", "reused"))
        return {f"cell {row['cell']}": tuple(row[name] for name in names) for row in done}

    return show


def read_rows(world: World, folder: str) -> list[dict[str, str]]:
    """Return the leaderboard that a command has written to the folder of a sweep."""
    return _read_csv(world, f"{folder}/leaderboard.csv")


def _read_predictions(world: World, _: Ending) -> Figures:
    return {f"row {row['row']}": (row["predicted"], row["low"], row["high"]) for row in _read_csv(world, "now.csv")}


def _read_candidates(world: World, _: Ending) -> Figures:
    return {row["params"]: row["mean_test_score"] for row in _read_csv(world, "resumed/cv_results.csv")}


def _read_table(_: World, ending: Ending) -> Figures:
    """Return the recorded figures that reproduce calls equal."""
    rows = re.findall(r"│ +(\w+) +│ +(\S+) +│ +(\S+) +│ +yes +│", ending.out) if ending.status == 0 else []
    return {name: (recorded, now) for name, recorded, now in rows}


def _hash_model(run: str) -> Callable[[World, Ending], Figures]:
    """Return what tells which model was taken, where one was."""

    def show(world: World, ending: Ending) -> Figures:
        file = world.folder / "mlartifacts" / run / "artifacts" / "model" / "model.skops"
        if not re.search("^ *(version|serving) ", ending.out, re.MULTILINE) or not file.is_file():
            return {}
        return {"sha256 of the model": hashlib.sha256(file.read_bytes()).hexdigest()}

    return show
