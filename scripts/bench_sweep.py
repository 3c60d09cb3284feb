"""
Measure a tracked sweep against the tutorial's style and against the bare work, and a sweep of many cells.

    python scripts/bench_sweep.py [--repeat N] [--only style|tax|memory|leaderboard]

style        10 cells as whole processes, in turns: ours, and a plain @hydra.main script with autolog and log_model
tax          what a cell of ours takes beyond its fits, predictions and Hydra's composition, measured in turns
memory       a sweep of 500 cells: growth of the resident memory and of the time per cell
leaderboard  the leaderboard of 500 and of 2,000 recorded cells, after imports
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import psutil

MODELS = ["linear", "lasso", "tree", "rf", "gbr"]
AXES = [f"model={','.join(MODELS)}", "preprocessing=none,standard"]
N_CELLS = 10

STYLE = """
import hydra, mlflow, numpy as np, pandas as pd, matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt
from hydra.utils import instantiate
from sklearn.compose import make_column_transformer
from sklearn.metrics import mean_squared_error, r2_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from bikeml.config.composition import config_dir

@hydra.main(config_path=str(config_dir()), config_name="config", version_base="1.3")
def main(config):
    mlflow.set_tracking_uri("sqlite:///mlflow.db")
    mlflow.set_experiment("style")
    mlflow.autolog(silent=True)
    with mlflow.start_run():
        table = pd.read_csv(TABLE)
        numeric, categorical = list(config.data.numeric), list(config.data.categorical)
        X, y = table[numeric + categorical].astype(float), table["rentals"]
        X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=0)
        columns = preprocessor(config, numeric, categorical)
        model = make_pipeline(columns, instantiate(config.model.estimator)).fit(X_train, y_train)
        predicted = model.predict(X_test)
        figure = plt.figure(figsize=(10, 10))
        plt.scatter(y_test, predicted)
        mlflow.log_figure(figure, "evaluate.png")
        plt.close(figure)
        mse = mean_squared_error(y_test, predicted)
        mlflow.log_metrics({"MSE": mse, "RMSE": np.sqrt(mse), "R2": r2_score(y_test, predicted)})
        mlflow.sklearn.log_model(model, name="own", serialization_format="cloudpickle")

def preprocessor(config, numeric, categorical):
    def build(steps):
        return make_pipeline(*map(instantiate, steps.values())) if steps else "passthrough"

    parts = [(build(config.preprocessing.numeric), numeric), (build(config.preprocessing.categorical), categorical)]
    return make_column_transformer(*parts)

main()
"""

BARE = """
import json, sys, time
from hydra import compose, initialize_config_dir
from sklearn.inspection import permutation_importance
from sklearn.model_selection import cross_validate
import bikeml.experiment.story
from bikeml.config.composition import config_dir, resolve
from bikeml.config.schema import typed
from bikeml.table.data import read_table
from bikeml.experiment.pipeline import build_pipeline, find_tolerance
from bikeml.table.split import split_table

def cell(model, preprocessing):
    started = time.perf_counter()
    for _ in range(2):  # Hydra composes each job of a sweep twice: to see whether it can be composed, and to run it
        composed = compose("config", [f"model={model}", f"preprocessing={preprocessing}"], return_hydra_config=True)
    composing = time.perf_counter() - started
    config = typed(resolve(composed))
    table = read_table(config.data, find_tolerance(config))
    split = split_table(table, config.split, None)
    X, y = table.X.iloc[split.train], table.y[split.train]
    started = time.perf_counter()
    pipeline = build_pipeline(config, list(X.columns)).fit(X, y)
    pipeline.predict(table.X.iloc[split.test])
    cross_validate(pipeline, X, y, cv=split.folds, scoring=("r2", "neg_root_mean_squared_error"))
    fitting = time.perf_counter() - started
    started = time.perf_counter()
    X_test, y_test = table.X.iloc[split.test], table.y[split.test]
    permutation_importance(pipeline, X_test, y_test, scoring="r2", n_repeats=5, random_state=0)
    return composing, fitting, time.perf_counter() - started

with initialize_config_dir(str(config_dir()), version_base="1.3"):
    cell("baseline", "none")
    print(json.dumps([cell(model, preprocessing) for model in sys.argv[1:] for preprocessing in ("none", "standard")]))
"""


def run(command: list[str], folder: Path) -> float:
    started = time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr[-3000:]}")
    return time.perf_counter() - started


def sweep_command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "bikeml", "-m", *arguments]


def spread(values: list[float]) -> str:
    return f"{median(values):7.2f} [{min(values):.2f}, {max(values):.2f}]"


def bench_style(folder: Path, repeat: int) -> None:
    import bikeml

    table = str(Path(bikeml.__file__).parent / "table" / "datasets" / "daily-bike-share.csv")
    script = folder / "style.py"
    script.write_text(f"TABLE = {table!r}\n{STYLE}")
    style = [sys.executable, str(script), "-m", *AXES, "hydra/sweeper=basic", "~hydra.callbacks.sweep"]
    ours, theirs = [], []
    for number in range(repeat + 1):  # the first of each makes its store
        seconds = run(sweep_command(*AXES, f"hydra.sweep.dir=s{number}"), folder), run(style, folder)
        if number:
            ours.append(seconds[0])
            theirs.append(seconds[1])
    ratios = [there / here for here, there in zip(ours, theirs, strict=True)]
    print(f"style        ours {spread(ours)} s, plain {spread(theirs)} s, ratio {spread(ratios)}, at least 10 wanted")


def bench_tax(folder: Path, repeat: int) -> None:
    script = folder / "bare.py"
    script.write_text(BARE)
    taxes, ours, parts = [], [], []
    run(sweep_command("hydra.sweep.dir=store"), folder)
    for number in range(repeat):
        sweep = folder / f"tax{number}"
        run(sweep_command("model=baseline", "hydra.sweep.dir=warm"), folder)
        command = sweep_command(f"model=baseline,{','.join(MODELS)}", AXES[1], f"hydra.sweep.dir={sweep}")
        run(command, folder)
        written = [(sweep / str(cell) / "result.json").stat().st_mtime for cell in range(1, N_CELLS + 2)]
        ours.append((written[-1] - written[0]) / N_CELLS)
        done = subprocess.run(
            [sys.executable, str(script), *MODELS], cwd=folder, capture_output=True, text=True, check=True
        )
        composing, fitting, importance = (sum(part) / N_CELLS for part in zip(*json.loads(done.stdout), strict=True))
        parts.append((composing, fitting, importance))
        taxes.append(ours[-1] - composing - fitting - importance)
    composing, fitting, importance = (median(part) for part in zip(*parts, strict=True))
    print(
        f"tax          a cell {spread(ours)} s; bare: composing {composing:.2f}, fits and predictions {fitting:.2f}, "
        f"permutation importance {importance:.2f} s; tax {spread(taxes)} s, at most 0.35 wanted"
    )


def bench_memory(folder: Path, n_cells: int) -> None:
    command = sweep_command("model=linear", f"seed=range({n_cells})", "hydra.sweep.dir=many")
    process = psutil.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    samples: list[tuple[int, float, float]] = []
    while process.poll() is None:
        n_done = len(list((folder / "many").glob("*/result.json")))
        samples.append((n_done, process.memory_info().rss / 2**20, time.perf_counter()))
        time.sleep(0.5)
    if process.returncode or not samples or samples[-1][0] < n_cells - 1:
        sys.exit(f"the sweep of {n_cells} cells ended with status {process.returncode}")
    marks = [
        min(samples, key=lambda sample, at=at: abs(sample[0] - at)) for at in (n_cells // 10, n_cells // 2, n_cells - 1)
    ]
    (n0, rss0, t0), (n1, _, t1), (n2, rss2, t2) = marks
    print(
        f"memory       {n_cells} cells: {(rss2 - rss0) / (n2 - n0):.3f} MiB more a cell, at most 0.25 wanted; "
        f"{(t1 - t0) / (n1 - n0):.2f} s a cell in the first half, {(t2 - t1) / (n2 - n1):.2f} s in the second"
    )


def bench_leaderboard(folder: Path) -> None:
    from bikeml.pages.leaderboard import build_leaderboard, write_leaderboard
    from bikeml.records.sweep_folder import SweepFolder

    run(sweep_command("tracking=none", "model=linear", "hydra.sweep.dir=one"), folder)
    for n_cells, wanted in ((500, 3), (2000, 8)):
        many = folder / f"many{n_cells}"
        for number in range(n_cells):
            shutil.copytree(folder / "one" / "0", many / str(number))
        SweepFolder(many).adopt("")
        started = time.perf_counter()
        sweep = SweepFolder(many).look()
        write_leaderboard(sweep, build_leaderboard(sweep))
        print(f"leaderboard  {n_cells} cells: {time.perf_counter() - started:.2f} s, under {wanted} wanted")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=["style", "tax", "memory", "leaderboard"], help="one of them")
    parser.add_argument("--repeat", type=int, default=3, help="how often each is measured")
    parser.add_argument("--cells", type=int, default=500, help="of the sweep whose memory is measured")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part, bench in {
            "style": lambda: bench_style(folder, arguments.repeat),
            "tax": lambda: bench_tax(folder, arguments.repeat),
            "leaderboard": lambda: bench_leaderboard(folder),
            "memory": lambda: bench_memory(folder, arguments.cells),
        }.items():
            if arguments.only in (None, part):
                bench()


if __name__ == "__main__":
    main()
