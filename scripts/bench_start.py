"""
Measure how long bikeml takes beside programs that do the same without it.

    python scripts/bench_start.py [--only CASE] [--repeat N]

help      `--help` against a bare @hydra.main program over the same conf/
cfg       `--cfg job` against the same program
run       `model=rf` against a script that makes the same fits with scikit-learn, and logs the same content to MLflow
tutorial  the tutorial's script, with autologging and inferred requirements, against `model=rf`
cell      what a second and later run in one process takes beyond its fits, its predictions and Hydra's composition

Each program is a process of its own, over a warm store and compiled bytecode; the two sides alternate. A ratio is the
median over the rounds, with the smallest and the largest in brackets as the noise. The processor's seconds, which other
work on the machine disturbs less, are compared beside the clock's.
"""

import argparse
import os
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

SCRIPTS = Path(__file__).resolve().parent
CONF = SCRIPTS.parent / "conf"
TABLE = SCRIPTS.parent / "bikeml" / "table" / "datasets" / "daily-bike-share.csv"
BIKEML = ["-m", "bikeml"]
RF = [*BIKEML, "model=rf", "hydra.run.dir=out"]


def bare(program: str, *arguments: str) -> list[str]:
    """Return the arguments of Python that run a function of this module, from its compiled bytecode."""
    return ["-c", f"import bench_start; bench_start.{program}()", *arguments]


# The numerator's and the denominator's programs, and the bar that the ratio is held to.
CASES = {
    "help": ([*BIKEML, "--help"], bare("bare_hydra", "--help"), "at most 1.3"),
    "cfg": ([*BIKEML, "--cfg", "job"], bare("bare_hydra", "--cfg", "job"), "at most 1.3"),
    "run": (RF, bare("bare_run"), "at most 1.15"),
    "tutorial": (bare("tutorial_run"), RF, "at least 2"),
}
CELL_MODELS = ("linear", "tree", "rf", "gbr")


def bare_hydra() -> None:
    """Compose conf/ with nothing but Hydra, and do nothing with it."""
    import hydra
    from omegaconf import OmegaConf

    for name in ("tasks", "options"):
        OmegaConf.register_new_resolver(f"bikeml.{name}", lambda: "")
    hydra.main(config_path=str(CONF), config_name="config", version_base="1.3")(lambda _: None)()


def _fit_and_judge() -> tuple:
    """Fit, score and explain as `model=rf` does, by scikit-learn's and SciPy's own functions."""
    import numpy as np
    import pandas as pd
    from scipy.stats import bootstrap
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.inspection import permutation_importance
    from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score
    from sklearn.model_selection import KFold, cross_validate, train_test_split
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import PolynomialFeatures

    table = pd.read_csv(TABLE)
    columns = ["temp", "atemp", "hum", "windspeed", "season", "mnth", "holiday", "weekday", "workingday", "weathersit"]
    X_train, X_test, y_train, y_test = train_test_split(
        table[columns], table["rentals"].to_numpy(), test_size=0.3, random_state=0
    )
    as_array = PolynomialFeatures(degree=1, include_bias=False)
    pipeline = Pipeline(
        [
            ("preprocessor", ColumnTransformer([("columns", as_array, columns)], verbose_feature_names_out=False)),
            ("regressor", RandomForestRegressor(random_state=0)),
        ]
    ).fit(X_train, y_train)
    predicted = pipeline.predict(X_test)
    cv = cross_validate(
        pipeline,
        X_train,
        y_train,
        cv=KFold(5, shuffle=True, random_state=0),
        scoring=("r2", "neg_root_mean_squared_error"),
    )
    importance = permutation_importance(pipeline, X_test, y_test, scoring="r2", n_repeats=5, random_state=0)

    def metrics_of_draws(y_true: np.ndarray, y_pred: np.ndarray, axis: int = -1) -> np.ndarray:
        mse = np.mean((y_true - y_pred) ** 2, axis=axis)
        mae = np.mean(np.abs(y_true - y_pred), axis=axis)
        return np.stack([mse, np.sqrt(mse), mae, 1 - mse / np.var(y_true, axis=axis)])

    drawn = bootstrap(
        (y_test.astype(float), predicted),
        metrics_of_draws,
        paired=True,
        n_resamples=2000,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    mse = mean_squared_error(y_test, predicted)
    metrics = {
        "test_mse": mse,
        "test_rmse": mse**0.5,
        "test_mae": mean_absolute_error(y_test, predicted),
        "test_r2": r2_score(y_test, predicted),
        "cv_r2_mean": cv["test_r2"].mean(),
        "cv_r2_std": cv["test_r2"].std(),
        "cv_rmse_mean": -cv["test_neg_root_mean_squared_error"].mean(),
        "cv_rmse_std": cv["test_neg_root_mean_squared_error"].std(),
    }
    for name, low, high in zip(("mse", "rmse", "mae", "r2"), drawn.low, drawn.high, strict=True):
        metrics |= {f"test_{name}_low": low, f"test_{name}_high": high}
    return pipeline, X_train, y_test, predicted, importance, metrics


def _draw(y_test: object, predicted: object, importance: object, columns: list[str]) -> dict:
    """Draw what bikeml draws, with a line for the fit and no band."""
    import numpy as np
    from matplotlib.figure import Figure

    evaluate = Figure(figsize=(6.5, 6.5), layout="constrained")
    axes = evaluate.subplots()
    ends = [min(y_test.min(), predicted.min()), max(y_test.max(), predicted.max())]
    axes.plot(ends, ends, color="grey", linestyle="--", label="perfect prediction")
    axes.scatter(y_test, predicted, s=18, alpha=0.6)
    axes.plot(ends, np.polyval(np.polyfit(y_test, predicted, 1), ends), color="red", label="fitted line")
    axes.set(xlabel="actual rentals", ylabel="predicted rentals", title="220 held-out rows")
    axes.legend()
    residuals = Figure(figsize=(8, 4.5), layout="constrained")
    axes, histogram = residuals.subplots(1, 2, sharey=True, width_ratios=[3, 1])
    axes.scatter(predicted, y_test - predicted, s=18, alpha=0.6)
    axes.set(xlabel="predicted rentals", ylabel="actual - predicted", title="Residuals of the held-out rows")
    histogram.hist(y_test - predicted, bins="auto", orientation="horizontal")
    histogram.set(xlabel="rows")
    bars = Figure(figsize=(7, 4.7), layout="constrained")
    axes = bars.subplots()
    order = np.argsort(importance.importances_mean)
    axes.barh([columns[i] for i in order], importance.importances_mean[order], xerr=importance.importances_std[order])
    axes.set(xlabel="fall of the test R2", title="Permutation importance")
    return {"evaluate.png": evaluate, "residuals.png": residuals, "importance.png": bars}


def _pinned() -> list[str]:
    from importlib.metadata import version

    return [f"{name}=={version(name)}" for name in ("mlflow", "scikit-learn", "skops", "numpy", "scipy", "pandas")]


def bare_run() -> None:
    """Do what `model=rf` does, in a script: the same fits, and the same content logged call by call."""
    import mlflow
    from mlflow.models import infer_signature

    pipeline, X_train, y_test, predicted, importance, metrics = _fit_and_judge()
    mlflow.set_tracking_uri("sqlite:///mlflow.db")
    mlflow.set_experiment("bare")
    with mlflow.start_run():
        forest = pipeline["regressor"].get_params()
        mlflow.log_params({"model": "rf", "test_size": 0.3, "seed": 0, **forest})
        mlflow.log_metrics(metrics)
        for name, figure in _draw(y_test, predicted, importance, list(X_train.columns)).items():
            mlflow.log_figure(figure, name, save_kwargs={"dpi": 120})
        mlflow.log_table({"actual": y_test, "predicted": predicted}, "predictions.json")
        example = X_train.head()
        mlflow.sklearn.log_model(
            pipeline,
            name="model",
            serialization_format="skops",
            skops_trusted_types=["sklearn.tree._tree.Tree"],
            pip_requirements=_pinned(),
            signature=infer_signature(example, pipeline.predict(example)),
            input_example=example,
        )


def tutorial_run() -> None:
    """Do less, in the tutorial's way: autologging, one fit, its score and a figure, and log_model left to itself."""
    import matplotlib.pyplot as plt
    import mlflow
    import pandas as pd
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.metrics import mean_squared_error, r2_score
    from sklearn.model_selection import train_test_split

    mlflow.set_tracking_uri("sqlite:///mlflow.db")
    mlflow.set_experiment("tutorial")
    mlflow.autolog()
    with mlflow.start_run():
        table = pd.read_csv(TABLE)
        X, y = (
            table[
                [
                    "season",
                    "mnth",
                    "holiday",
                    "weekday",
                    "workingday",
                    "weathersit",
                    "temp",
                    "atemp",
                    "hum",
                    "windspeed",
                ]
            ],
            table["rentals"],
        )
        X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=0)
        model = RandomForestRegressor(random_state=0).fit(X_train, y_train)
        predicted = model.predict(X_test)
        mlflow.log_metrics({"MSE": mean_squared_error(y_test, predicted), "R2": r2_score(y_test, predicted)})
        plt.scatter(y_test, predicted)
        mlflow.log_figure(plt.gcf(), "evaluate.png")
        mlflow.sklearn.log_model(model, name="rf", serialization_format="cloudpickle")


def measure(arguments: list[str], folder: str) -> tuple[float, float]:
    """Run Python with `arguments` and return the seconds of the clock and of the processor."""
    environment = {**os.environ, "PYTHONPATH": str(SCRIPTS), "MLFLOW_DISABLE_TELEMETRY": "true"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - started
    if done.returncode:
        sys.exit(f"{arguments} failed:\n{done.stderr}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def compare(name: str, repeat: int, folder: str) -> None:
    """Run the two programs of a case in turns, after one run each that is not counted, and print their ratios."""
    one, other, bar = CASES[name]
    measure(one, folder)
    measure(other, folder)
    rounds = [(measure(one, folder), measure(other, folder)) for _ in range(repeat)]
    print(f"{name:9}", end="")
    for kind, label in enumerate(("clock", "processor")):
        upper, lower = ([program[kind] for program in column] for column in zip(*rounds, strict=True))
        ratios = [above / below for above, below in zip(upper, lower, strict=True)]
        print(
            f" {label} {median(upper):6.2f} s / {median(lower):6.2f} s"
            f" = {median(ratios):5.2f} [{min(ratios):.2f}, {max(ratios):.2f}] ",
            end="",
        )
    print(f" wanted {bar}", flush=True)


@contextmanager
def split_time(parts: dict[str, tuple[object, str]]) -> Iterator[Counter]:
    """Add up the processor's seconds of the outermost calls of each method, by label."""
    seconds: Counter = Counter()
    running: list[str] = []

    def timed(label: str, method: Callable) -> Callable:
        @wraps(method)  # scikit-learn looks at its name
        def call(*arguments: object, **keywords: object) -> object:
            if running:
                return method(*arguments, **keywords)
            running.append(label)
            started = time.process_time()
            try:
                return method(*arguments, **keywords)
            finally:
                seconds[label] += time.process_time() - started
                running.clear()

        return call

    for label, (owner, name) in parts.items():
        setattr(owner, name, timed(label, getattr(owner, name)))
    yield seconds


def measure_cells(repeat: int) -> None:
    """Print what each model's run takes in a process that has made one, and how much of it is ours."""
    from sklearn.pipeline import Pipeline

    import bikeml
    from bikeml.config import composition

    def run(model: str) -> None:
        bikeml.run(f"model={model}", f"hydra.run.dir=out/{model}")

    for model in CELL_MODELS:
        run(model)
    parts = {"compose": (composition, "compose"), "fit": (Pipeline, "fit"), "predict": (Pipeline, "predict")}
    with split_time(parts) as seconds:
        for model in CELL_MODELS:
            taxes = []
            for _ in range(repeat):
                seconds.clear()
                started = time.process_time()
                run(model)
                taxes.append(time.process_time() - started - seconds.total())
            others = ", ".join(f"{label} {value:.2f} s" for label, value in seconds.items())
            print(
                f"cell {model:7} tax {median(taxes):.2f} s [{min(taxes):.2f}, {max(taxes):.2f}]"
                f"  beside {others}  wanted at most 0.35 s",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=[*CASES, "cell"], help="one case")
    parser.add_argument("--repeat", type=int, default=5, help="how often each is measured")
    parser.add_argument("--cells", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.cells:
        measure_cells(arguments.repeat)
        return
    with TemporaryDirectory() as folder:
        for name in CASES:
            if arguments.only in (None, name):
                compare(name, arguments.repeat, folder)
        if arguments.only in (None, "cell"):
            subprocess.run(
                [sys.executable, __file__, "--cells", "--repeat", str(arguments.repeat)], cwd=folder, check=True
            )


if __name__ == "__main__":
    main()
