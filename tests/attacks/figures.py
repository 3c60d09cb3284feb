"""The figures that a command shows or writes, by name, to be compared with those of the untouched record."""

import contextlib
import csv
import hashlib
import re
import sqlite3
from collections.abc import Callable, Mapping

from tests.attacks.forked import Ending
from tests.attacks.worlds import World
from tests.builders import stored_model

csv.field_size_limit(10**9)  # what is altered can become a field of a leaderboard
Figures = Mapping[str, object]
Show = Callable[[World, Ending], Figures]


def show_nothing(_: World, __: Ending) -> Figures:
    return {}


def _read_csv(world: World, name: str) -> list[dict[str, str]]:
    """Return the rows of a file that the command has written; one that was there before is none of its."""
    file, before = world.folder / name, world.untouched / name
    if not file.is_file() or (before.is_file() and before.stat().st_mtime_ns == file.stat().st_mtime_ns):
        return []
    with file.open(encoding="utf-8", newline="") as rows:
        return list(csv.DictReader(rows))


def read_leaderboard(folder: str) -> Show:
    """Return what reads the figures of the cells that the leaderboard calls finished: others are named as broken."""
    names = ("cv_r2_mean", "cv_r2_std", "test_r2", "test_r2_low", "test_r2_high", "test_rmse", "test_mae")

    def show(world: World, _: Ending) -> Figures:
        done = (row for row in read_rows(world, folder) if row["status"] in ("finished", "reused"))
        return {f"cell {row['cell']}": tuple(row[name] for name in names) for row in done}

    return show


def read_rows(world: World, folder: str) -> list[dict[str, str]]:
    """Return the leaderboard that a command has written to the folder of a sweep."""
    return _read_csv(world, f"{folder}/leaderboard.csv")


def read_predictions(world: World, _: Ending) -> Figures:
    return {f"row {row['row']}": (row["predicted"], row["low"], row["high"]) for row in _read_csv(world, "now.csv")}


def read_candidates(world: World, _: Ending) -> Figures:
    return {row["params"]: row["mean_test_score"] for row in _read_csv(world, "resumed/cv_results.csv")}


def read_table(_: World, ending: Ending) -> Figures:
    """Return how many recorded figures reproduce calls identical; nothing if it does not say so of all."""
    found = re.search(r"result +(\d+) of \1 figures identical", ending.out)
    return {"identical figures": found[1]} if found and ending.status == 0 else {}


def hash_model(run: str) -> Show:
    """Return what tells which model was taken, where one was."""

    def show(world: World, ending: Ending) -> Figures:
        file = stored_model(world.folder, run) / "model.skops"
        if not re.search("^ *(version|serving) ", ending.out, re.MULTILINE) or not file.is_file():
            return {}
        return {"sha256 of the model": hashlib.sha256(file.read_bytes()).hexdigest()}

    return show


def show_metrics(world: World, _: Ending) -> Figures:
    """Return the metrics of the finished runs in the store that was made later, but for those of time."""
    store = world.folder / "later.db"
    if not store.is_file():
        return {}
    query = """SELECT runs.name, key, latest_metrics.value FROM latest_metrics JOIN runs USING (run_uuid)
               WHERE runs.status = 'FINISHED' AND key NOT LIKE 'seconds%'"""
    with contextlib.closing(sqlite3.connect(store)) as database:
        return {f"{name} {key}": value for name, key, value in database.execute(query)}
