"""The programs that the benchmarks compare with; each imports only what it needs, as a script of its own would."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness import CATEGORICAL, NUMERIC, ROOT, TABLE

FEATURES = [*NUMERIC, *CATEGORICAL]
SCORING = ("r2", "neg_root_mean_squared_error")
MODELS = {
    "linear": ("sklearn.linear_model", "LinearRegression"),
    "tree": ("sklearn.tree", "DecisionTreeRegressor"),
    "rf": ("sklearn.ensemble", "RandomForestRegressor"),
    "hist_gbr": ("sklearn.ensemble", "HistGradientBoostingRegressor"),
}


def compose() -> None:
    """Compose conf/ with nothing but Hydra, and do nothing with it."""
    _read_conf(lambda _: None)


def _read_conf(function: Callable[[Any], None]) -> None:
    """Call a function with the config that the command line composes, as @hydra.main does."""
    import hydra
    from omegaconf import OmegaConf

    for name in ("tasks", "options"):  # of the help, which costs nothing here
        OmegaConf.register_new_resolver(f"bikeml.{name}", lambda: "")
    hydra.main(config_path=str(ROOT / "conf"), config_name="config", version_base="1.3")(function)()


def fit() -> None:
    """Make the fits and predictions of a run of the model and table on the command line, and nothing else."""
    model, table = sys.argv[1:]
    fit_and_judge(model, Path(table))


def fit_and_judge(model: str, file: Path) -> tuple[Any, ...]:
    """Fit, predict, cross-validate and explain as a run does, by scikit-learn's own functions."""
    import pandas as pd
    from sklearn.compose import ColumnTransformer
    from sklearn.inspection import permutation_importance
    from sklearn.model_selection import KFold, cross_validate, train_test_split
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import PolynomialFeatures

    estimator = _build_model(model)
    as_array = PolynomialFeatures(degree=1, include_bias=False)
    columns = ColumnTransformer([("columns", as_array, FEATURES)], verbose_feature_names_out=False)
    table = pd.read_csv(file)
    X_train, X_test, y_train, y_test = train_test_split(
        table[FEATURES], table["rentals"].to_numpy(), test_size=0.3, random_state=0
    )
    pipeline = Pipeline([("preprocessor", columns), ("regressor", estimator)]).fit(X_train, y_train)
    predicted = pipeline.predict(X_test)
    folds = KFold(5, shuffle=True, random_state=0)
    cv = cross_validate(pipeline, X_train, y_train, cv=folds, scoring=SCORING)
    importance = permutation_importance(pipeline, X_test, y_test, scoring="r2", n_repeats=5, random_state=0)
    return pipeline, X_train, y_test, predicted, cv, importance


def _build_model(model: str) -> Any:
    import importlib

    module, name = MODELS[model]
    estimator = getattr(importlib.import_module(module), name)()
    return estimator.set_params(random_state=0) if "random_state" in estimator.get_params() else estimator


def fit_table() -> None:
    """Read, encode, fit, score and cross-validate the model, target and table on the command line, and nothing else."""
    import pandas as pd
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score
    from sklearn.model_selection import KFold, cross_validate, train_test_split
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    model, target, file = sys.argv[1:]
    table = pd.read_csv(file)
    split = train_test_split(table.drop(columns=target), table[target].to_numpy(), test_size=0.3, random_state=0)
    X_train, X_test, y_train, y_test = split
    encode = make_column_transformer(
        (StandardScaler(), make_column_selector(dtype_include="number")),
        (
            OneHotEncoder(handle_unknown="ignore", sparse_output=False),
            make_column_selector(dtype_exclude="number"),
        ),
    )
    pipeline = make_pipeline(encode, _build_model(model)).fit(X_train, y_train)
    predicted = pipeline.predict(X_test)
    for metric in (mean_squared_error, mean_absolute_error, r2_score):
        print(metric(y_test, predicted))
    folds = KFold(5, shuffle=True, random_state=0)
    print(cross_validate(pipeline, X_train, y_train, cv=folds, scoring=SCORING))


def run() -> None:
    """Do what `model=rf` does, in a script: the same fits, and the same content logged call by call."""
    import mlflow
    from mlflow.models import infer_signature

    pipeline, X_train, y_test, predicted, cv, importance = fit_and_judge("rf", TABLE)
    mlflow.set_tracking_uri("sqlite:///mlflow.db")
    mlflow.set_experiment("bare")
    with mlflow.start_run():
        forest = pipeline["regressor"].get_params()
        mlflow.log_params({"model": "rf", "test_size": 0.3, "seed": 0, **forest})
        mlflow.log_metrics(_compute_metrics(y_test, predicted, cv))
        for name, figure in _draw(y_test, predicted, importance).items():
            mlflow.log_figure(figure, name, save_kwargs={"dpi": 120})
        mlflow.log_table({"actual": y_test, "predicted": predicted}, "predictions.json")
        example = X_train.head()
        mlflow.sklearn.log_model(
            pipeline,
            name="model",
            serialization_format="skops",
            skops_trusted_types=["sklearn.tree._tree.Tree"],
            pip_requirements=_pin(),
            signature=infer_signature(example, pipeline.predict(example)),
            input_example=example,
        )


def _compute_metrics(y_test: Any, predicted: Any, cv: dict[str, Any]) -> dict[str, float]:
    from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score

    mse = mean_squared_error(y_test, predicted)
    metrics = {"test_mse": mse, "test_rmse": mse**0.5, "test_r2": r2_score(y_test, predicted)}
    metrics["test_mae"] = mean_absolute_error(y_test, predicted)
    for name, scorer in zip(("cv_r2", "cv_rmse"), SCORING, strict=True):
        metrics |= {f"{name}_mean": abs(cv[f"test_{scorer}"].mean()), f"{name}_std": cv[f"test_{scorer}"].std()}
    drawn = _draw_intervals(y_test, predicted)
    for name, low, high in zip(("mse", "rmse", "mae", "r2"), drawn.low, drawn.high, strict=True):
        metrics |= {f"test_{name}_low": low, f"test_{name}_high": high}
    return metrics


def _draw_intervals(y_test: Any, predicted: Any) -> Any:
    import numpy as np
    from scipy.stats import bootstrap

    def compute(y_true: np.ndarray, y_pred: np.ndarray, axis: int = -1) -> np.ndarray:
        mse = np.mean((y_true - y_pred) ** 2, axis=axis)
        mae = np.mean(np.abs(y_true - y_pred), axis=axis)
        return np.stack([mse, np.sqrt(mse), mae, 1 - mse / np.var(y_true, axis=axis)])

    settings = {"paired": True, "n_resamples": 2000, "method": "percentile", "rng": np.random.default_rng(0)}
    return bootstrap((y_test.astype(float), predicted), compute, **settings).confidence_interval


def _draw(y_test: Any, predicted: Any, importance: Any) -> dict[str, Any]:
    """Draw what bikeml draws, with a line for the fit and no band."""
    import numpy as np
    from matplotlib.figure import Figure

    evaluate = Figure(figsize=(6.5, 6.5), layout="constrained")
    axes = evaluate.subplots()
    ends = [min(y_test.min(), predicted.min()), max(y_test.max(), predicted.max())]
    axes.plot(ends, ends, color="grey", linestyle="--", label="perfect prediction")
    axes.scatter(predicted, y_test, s=18, alpha=0.6)
    axes.plot(ends, np.polyval(np.polyfit(predicted, y_test, 1), ends), color="red", label="fitted line")
    axes.set(xlabel="predicted rentals", ylabel="actual rentals", title="220 held-out rows")
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
    axes.barh([FEATURES[i] for i in order], importance.importances_mean[order], xerr=importance.importances_std[order])
    axes.set(xlabel="fall of the test R2", title="Permutation importance")
    return {"evaluate.png": evaluate, "residuals.png": residuals, "importance.png": bars}


def _pin() -> list[str]:
    from importlib.metadata import version

    return [f"{name}=={version(name)}" for name in ("mlflow", "scikit-learn", "skops", "numpy", "scipy", "pandas")]


def tutorial() -> None:
    """Do less, in the tutorial's way: autologging, one fit, its score and a figure, and log_model left to itself."""
    import mlflow
    from sklearn.ensemble import RandomForestRegressor

    mlflow.set_tracking_uri("sqlite:///mlflow.db")
    mlflow.set_experiment("tutorial")
    mlflow.autolog()
    with mlflow.start_run():
        _fit_and_log(RandomForestRegressor(random_state=0), FEATURES)


def _fit_and_log(model: Any, features: list[str]) -> None:
    """Fit, score and log within a run of MLflow, as the tutorial does."""
    import matplotlib.pyplot as plt
    import mlflow
    import pandas as pd
    from sklearn.metrics import mean_squared_error, r2_score
    from sklearn.model_selection import train_test_split

    table = pd.read_csv(TABLE)
    X_train, X_test, y_train, y_test = train_test_split(
        table[features].astype(float), table["rentals"], test_size=0.3, random_state=0
    )
    predicted = model.fit(X_train, y_train).predict(X_test)
    figure = plt.figure(figsize=(10, 10))
    plt.scatter(y_test, predicted)
    mlflow.log_figure(figure, "evaluate.png")
    plt.close(figure)
    mse = mean_squared_error(y_test, predicted)
    mlflow.log_metrics({"MSE": mse, "RMSE": mse**0.5, "R2": r2_score(y_test, predicted)})
    mlflow.sklearn.log_model(model, name="model", serialization_format="cloudpickle")


def sweep() -> None:
    """Sweep over models and preprocessings of conf/ in the tutorial's way: @hydra.main, autologging and log_model."""
    import matplotlib as mpl

    mpl.use("Agg")
    _read_conf(_run_cell)


def _run_cell(config: Any) -> None:
    import mlflow
    from hydra.utils import instantiate
    from sklearn.compose import make_column_transformer
    from sklearn.pipeline import make_pipeline

    def build(steps: Any) -> Any:
        return make_pipeline(*map(instantiate, steps.values())) if steps else "passthrough"

    mlflow.set_tracking_uri("sqlite:///mlflow.db")
    mlflow.set_experiment("style")
    mlflow.autolog(silent=True)
    kinds = ((config.preprocessing.numeric, NUMERIC), (config.preprocessing.categorical, CATEGORICAL))
    columns = make_column_transformer(*((build(steps), names) for steps, names in kinds))
    with mlflow.start_run():
        _fit_and_log(make_pipeline(columns, instantiate(config.model.estimator)), FEATURES)


def submit() -> None:
    """Submit as many jobs as the command line says, one by one with local code, as the tutorial does."""
    from azure.ai.ml import Input, MLClient, command
    from azure.ai.ml.entities import Data
    from azure.identity import DefaultAzureCredential

    client = MLClient.from_config(DefaultAzureCredential())
    Path("src").mkdir(exist_ok=True)
    Path("src/train.py").write_text("print('trained')")
    Path("src/daily.csv").write_text("temp,rentals")
    client.data.create_or_update(Data(name="daily", version="1", path="src/daily.csv", type="uri_file"))
    table = client.data._get_latest_version(name="daily")  # noqa: SLF001  the tutorial does
    environment = next(iter(client.environments.list(name="bikeml")))
    for number in range(int(sys.argv[1])):
        job = command(
            code="src",
            command="python train.py --table ${{inputs.table}} --reg_rate ${{inputs.reg_rate}}",
            inputs={"table": Input(type="uri_file", path=table.id), "reg_rate": number / 10},
            environment=f"{environment.name}:{environment.version}",
            compute="cpu-cluster",
            experiment_name="rentals",
            display_name=f"rentals-{number}",
        )
        client.jobs.create_or_update(job)
