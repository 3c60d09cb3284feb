"""The commands that read what was recorded, called in this process, each with the figures that it shows."""

import contextlib
import gc
import importlib
import shutil
import socket
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO
from unittest.mock import patch

import yaml

from tests.attacks.figures import (
    Show,
    hash_model,
    read_candidates,
    read_leaderboard,
    read_predictions,
    read_table,
    show_metrics,
    show_nothing,
)
from tests.attacks.worlds import CHECKPOINTS, LASSO, LASSO_NAME, RF, RF_NAME, SWEEP, World, run_main

MODULES = (
    *(
        "experiment.trusted.lean_skops",
        "cli",
        "multirun.story",
        "multirun.cell",
        "multirun.sweepers.basic",
        "experiment.story",
    ),
    *(
        "multirun.display.run",
        "multirun.display.sweep",
        "pages.sweep.report",
        "tasks.models.predict",
        "tasks.models.register",
        "tasks.reproduce",
        "tasks.models.serve",
    ),
    *("tasks.report", "tasks.record", "tasks.runs", "tasks.compare"),
    *("tracking.record", "tracking.sweeps", "tracking.application", "azure.launch.launcher"),
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


@dataclass(frozen=True)
class Command:
    """A command line in a world."""

    name: str
    world: World
    act: Callable[[], int | None]
    show: Show
    """Return the figures that the command has shown or written, by name."""
    status: int = 0
    """How it ends where nothing is altered."""
    is_slow: bool = False
    """Whether it takes seconds, as what fits models does."""


def import_all() -> None:
    """Import what the commands need, so that a forked child need not."""
    from hydra.core.plugins import Plugins
    from sqlalchemy.orm import configure_mappers

    from bikeml.config.composition import compose

    gc.set_threshold(10_000)  # as the command line does; a quarter of the imports' time
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
    yield Command("report", world, _report, read_leaderboard("sweep"))
    for reuse in ("finished", "all"):
        yield _sweep(world, reuse, "again")
    yield _sweep(world, "finished", "sweep")
    yield _task("predict", world, f"run={rf}", "output=now.csv", "interval=0.9", show=read_predictions)
    yield _task("predict", world, "run=best", "output=now.csv", show=show_nothing)
    yield _task("register", world, f"run={lasso}", "registered_model=bikes", "alias=now", show=hash_model(lasso))
    yield _task("compare", world, rf, lasso, "output=two.html", show=show_nothing)
    yield _serve(world, rf)
    yield _reproduce(world, lasso, "lasso")
    yield from _record(world)
    words = (*LASSO, "tracking=none", "hydra.run.dir=lasso")
    yield Command("run in an old folder", world, lambda: run_main(words), show_nothing, is_slow=True)
    if (world.folder / "checkpoints").is_dir():
        yield _reproduce(world, rf, "rf")
        resumed = (*RF, *CHECKPOINTS, "tracking=none", "hydra.run.dir=resumed")
        yield Command("run a search on", world, lambda: run_main(resumed), read_candidates, is_slow=True)


def _report() -> int:
    return _do("report", ["sweep"])


def _record(world: World) -> Iterator[Command]:
    """Yield the commands that record a run and a sweep once more in a store of their own."""

    def act(folder: str) -> int:
        return _do("record", [folder, "--uri", "sqlite:///later.db"])

    yield Command("record lasso", world, partial(act, "lasso"), show_metrics, is_slow=True)
    yield Command("record sweep", world, partial(act, "sweep"), show_metrics, is_slow=True)


def _sweep(world: World, reuse: str, folder: str) -> Command:
    words = (*SWEEP, f"reuse={reuse}", f"hydra.sweep.dir={folder}")
    name = f"sweep reuse={reuse}" + (" in the old folder" if folder == "sweep" else "")
    return Command(name, world, lambda: run_main(words), read_leaderboard(folder), status=1, is_slow=True)


def _task(name: str, world: World, *words: str, show: Show) -> Command:
    return Command(
        " ".join([name, *(word for word in words if word == "run=best")]), world, lambda: _do(name, words), show
    )


def _do(name: str, words: Sequence[str]) -> int:
    from bikeml.cli import start

    return start([name, *words])


@dataclass
class Ended:
    """A child process that ended by itself."""

    returncode: int

    def wait(self) -> int:
        return self.returncode


def _serve(world: World, run: str) -> Command:
    """Return the command up to the answers to requests, which end at once."""

    def act() -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        with patch("bikeml.tracking.application.uvicorn.Server.run", lambda _: None):
            return _do("serve", [f"run={run}", f"port={port}"])

    return Command("serve", world, act, hash_model(run))


def _reproduce(world: World, run: str, folder: str) -> Command:
    """Return the command with the experiment itself left out: its config is composed, and its result is the old one."""

    def act() -> int:
        no_worktree = contextlib.nullcontext()
        with (
            patch("bikeml.tasks.reproduce.child", partial(_pretend_to_run, world.untouched / folder)),
            patch("bikeml.tasks.worktree._worktree", lambda *_: no_worktree),
            patch("bikeml.tasks.worktree._apply"),
        ):
            return _do("reproduce", [f"run={run}"])

    return Command(f"reproduce {folder}", world, act, read_table)


@contextlib.contextmanager
def _pretend_to_run(
    finished: Path, command: Sequence[str], _: object, output: IO[bytes], __: object
) -> Iterator[Ended]:
    """Compose the config of a command of bikeml, and put the `finished` run folder where that of its run would be."""
    words = dict(word.split("=", 1) for word in command if "=" in word)
    try:
        _compose(command[command.index("--config-dir") + 1], [f"{key}={value}" for key, value in words.items()])
    except Exception:  # noqa: BLE001  as the process would print it
        output.write(traceback.format_exc().encode())
        yield Ended(1)
        return
    shutil.copytree(finished, yaml.safe_load(words["hydra.run.dir"]))
    yield Ended(0)


def _compose(folder: str, overrides: Sequence[str]) -> None:
    from bikeml.config.composition import compose, resolve
    from bikeml.config.schema import typed
    from bikeml.errors import ConfigError

    with contextlib.suppress(ConfigError):  # a message, which the process would end with
        typed(resolve(compose([f"hydra.searchpath=[{folder!r}]", *overrides])))
