"""One experiment, from the config to the record: the whole story, top to bottom."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from sklearn.base import BaseEstimator, clone
from sklearn.model_selection import ParameterGrid
from sklearn.pipeline import Pipeline
from sklearn.tree import BaseDecisionTree, export_text
from threadpoolctl import threadpool_limits

from bikeml import evaluate, plots, provenance
from bikeml.config import Config, GridSearch, ModelConfig
from bikeml.data import Table, read_table
from bikeml.errors import FingerprintError, FitError, RunFolderError, TrackingError
from bikeml.pipeline import REGRESSOR, build_grid, build_pipeline, check_estimators, find_tolerance, is_reproducible
from bikeml.progress import Announce, silent
from bikeml.records.fingerprint import fingerprint, identify
from bikeml.result import Dataset, Invocation, Result, SearchOutcome, add_run_id, save
from bikeml.resume import Checkpoint, ResumableGridSearchCV
from bikeml.split import Fold, Split, split_table
from bikeml.workers import workers

MANY_LEAVES, LEVELS_OF_A_LARGE_TREE = 1_000, 5
ROWS_FOR_THREADS = 20_000
"""Of fewer, OpenMP's threads wait for each other longer than they work, and many times as long on a busy machine."""


def run(config: Config, invocation: Invocation, announce: Announce = silent) -> Result:
    """
    Run the experiment that `config` describes and record it; return everything about it.

    Raises ConfigError or DataError before anything is fitted, FitError when an estimator refuses the data,
    RunFolderError when the result cannot be written, and TrackingError when only the record in the store is missing.
    """
    started = time.time()
    check_estimators(config)
    announce("reading the table")
    table = read_table(config.data, find_tolerance(config))
    search_folds = config.search.folds if config.search.kind == "grid" else None
    split = split_table(table, config.split, search_folds, nested=config.evaluation.nested)
    identity = identify(config, table.sha256)
    _check_fingerprint(config.sweep.fingerprint, identity)
    # One BLAS thread: the last digits of a product depend on how it is cut into threads. OpenMP's change no digit.
    with threadpool_limits(limits=1, user_api="blas" if len(table.y) > ROWS_FOR_THREADS else None):
        fitted = _fit(config, table, split, fingerprint(identity), announce)
        result = replace(_judge(config, invocation, table, split, fitted, announce), identity=identity)
    result = replace(result, seconds={**result.seconds, "total": time.time() - started})
    announce("writing the run folder")
    with _folder_errors(result):
        save(result)
    result = _record(result, started, announce)
    if fitted.checkpoint:
        fitted.checkpoint.remove()
    return result


def _check_fingerprint(expected: str | None, identity: Mapping[str, Any]) -> None:
    """Raise FingerprintError where the experiment is another here than where it was asked for."""
    found = fingerprint(identity)
    if expected not in (None, found):
        versions = ", ".join(f"{name} {number}" for name, number in identity["versions"].items())
        raise FingerprintError(
            f"this experiment has the fingerprint {found}, and sweep.fingerprint={expected} was asked for: the config, "
            f"the code, the table (sha256 {identity['data_sha256']}) or a version ({versions}) is another here"
        )


@dataclass(frozen=True)
class _Fitted:
    pipeline: Pipeline
    outcome: SearchOutcome | None
    nested: Sequence[BaseEstimator]
    """An unfitted search for each fold of the cross-validation, where the search itself is to be judged."""
    seconds: float
    checkpoint: Checkpoint | None = None


def _fit(config: Config, table: Table, split: Split, name: str, announce: Announce) -> _Fitted:
    """Fit the final pipeline on the training rows, after a search if there is one."""
    X, y = table.X.iloc[split.train], table.y[split.train]
    text = [str(name) for name in table.X.select_dtypes(exclude=["number", "bool"])]
    pipeline = build_pipeline(config, list(table.X.columns), text)
    started = time.perf_counter()
    if config.search.kind == "none":
        announce("fitting")
        with _estimator_errors():
            pipeline.fit(X, y)
        return _Fitted(_on_one_thread(pipeline), None, (), time.perf_counter() - started)
    search = _build_search(config.search, config.model, pipeline, split.search_folds)
    if config.search.checkpoint:
        search.checkpoint = Checkpoint(Path(config.search.checkpoint_dir).expanduser() / name)
    label = f"searching {len(ParameterGrid(search.param_grid))} candidates"
    search.on_progress = lambda done, total: announce(label, done, total)
    with workers(config.search), _estimator_errors():
        search.fit(X, y)
    nested = [_build_search(config.search, config.model, pipeline, folds) for folds in split.nested_folds]
    seconds = time.perf_counter() - started
    return _Fitted(search.best_estimator_, _outcome(search), nested, seconds, search.checkpoint)


def _build_search(
    config: GridSearch, model: ModelConfig, pipeline: Pipeline, folds: Sequence[Fold]
) -> ResumableGridSearchCV:
    return ResumableGridSearchCV(
        _on_one_thread(clone(pipeline)),
        build_grid(model),
        scoring=config.scoring,
        cv=folds,
        n_jobs=config.n_jobs,
        return_train_score=True,
        error_score="raise",
    )


@contextmanager
def _estimator_errors() -> Iterator[None]:
    """Raise a FitError for whatever an estimator has against the data or its arguments."""
    try:
        yield
    except (ValueError, TypeError, AttributeError, MemoryError, ArithmeticError) as error:
        raise FitError(f"the pipeline could not be fitted: {type(error).__name__}: {error}") from error


@contextmanager
def _folder_errors(result: Result) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RunFolderError(
            f"cannot write the run folder {str(result.folder)!r}: {error.strerror or error}; "
            "choose another with hydra.run.dir=FOLDER"
        ) from error


def _on_one_thread(pipeline: Pipeline) -> Pipeline:
    """
    Return the pipeline with every n_jobs in its regressor unset.

    A forest on several threads adds its trees' predictions in the order in which they come, and so differs in the last
    digits from call to call. Its fit does not; a search has n_jobs of its own.
    """
    parameters = pipeline[REGRESSOR].get_params(deep=True).items()
    threads = {name: None for name, value in parameters if name.split("__")[-1] == "n_jobs" and value is not None}
    pipeline[REGRESSOR].set_params(**threads)
    return pipeline


def _outcome(search: ResumableGridSearchCV) -> SearchOutcome:
    return SearchOutcome(
        best_params={name.removeprefix(f"{REGRESSOR}__"): value for name, value in search.best_params_.items()},
        best_score=float(search.best_score_),
        candidates=pd.DataFrame(search.cv_results_),
        n_fits=search.n_fits_,
        n_fits_avoided=search.n_fits_avoided_,
        n_fits_resumed=search.n_fits_resumed_,
    )


def _judge(
    config: Config, invocation: Invocation, table: Table, split: Split, fitted: _Fitted, announce: Announce
) -> Result:
    """Score the fitted pipeline on the held-out rows, and its parameters on the folds of the training rows."""
    started = time.perf_counter()
    X_test, y_test = table.X.iloc[split.test], table.y[split.test]
    estimators = fitted.nested or [fitted.pipeline] * len(split.folds)
    with _estimator_errors():
        predicted = fitted.pipeline.predict(X_test)
        announce(f"cross-validating on {len(split.folds)} folds")
        cv = evaluate.cross_validation(estimators, table.X.iloc[split.train], table.y[split.train], split.folds)
        announce("judging")
        importance = evaluate.importance(fitted.pipeline, X_test, y_test, config.evaluation)
    test = evaluate.measure(y_test, predicted)
    intervals = evaluate.intervals(y_test, predicted, config.evaluation)
    return Result(
        config=config,
        invocation=invocation,
        pipeline=fitted.pipeline,
        metrics={**{f"test_{name}": value for name, value in test.items()}, **_cv_metrics(cv)},
        intervals={f"test_{name}": ends for name, ends in intervals.items()},
        cv=cv,
        tuned_on_these_rows=fitted.outcome is not None and not fitted.nested,
        search=fitted.outcome,
        dataset=_describe(config, table, split),
        predictions=pd.DataFrame({"row": split.test + 1, "actual": y_test, "predicted": predicted}),
        example=_example(table.X.iloc[split.train]),
        figures=_draw(y_test, predicted, config, (test["r2"], *intervals["r2"]), importance)
        | _draw_search(config, fitted),
        texts=_explain_tree(fitted.pipeline),
        identity={},
        reproducible=is_reproducible(config, fitted.pipeline),
        provenance=provenance.gather(invocation.command),
        seconds={"fit": fitted.seconds, "judge": time.perf_counter() - started},
    )


def _cv_metrics(cv: evaluate.CrossValidation) -> dict[str, float]:
    return {
        "cv_r2_mean": float(np.mean(cv.r2)),
        "cv_r2_std": float(np.std(cv.r2)),
        "cv_rmse_mean": float(np.mean(cv.rmse)),
        "cv_rmse_std": float(np.std(cv.rmse)),
    }


def _describe(config: Config, table: Table, split: Split) -> Dataset:
    types = {**dict(table.X.dtypes.items()), config.data.target: table.y.dtype}
    return Dataset(
        name=table.name,
        source=table.source,
        sha256=table.sha256,
        columns={str(column): str(dtype) for column, dtype in types.items()},
        n_train=len(split.train),
        n_test=len(split.test),
        gaps={str(column): int(count) for column, count in table.X.isna().sum().items() if count},
    )


def _example(X: pd.DataFrame) -> pd.DataFrame:
    """Return the first rows; where they have gaps, with cells from further below, so that every type shows."""
    rows = X.head(5)
    return X.bfill().head(5) if rows.isna().any(axis=None) else rows


def _draw(
    y: np.ndarray,
    predicted: np.ndarray,
    config: Config,
    r2: tuple[float, float, float],
    importance: evaluate.Importance,
) -> dict[str, Figure]:
    target = config.data.target
    return {
        "evaluate.png": plots.plot_evaluate(y, predicted, target, r2, config.evaluation.confidence),
        "residuals.png": plots.plot_residuals(y, predicted, target),
        "importance.png": plots.plot_importance(importance),
    }


def _draw_search(config: Config, fitted: _Fitted) -> dict[str, Figure]:
    if fitted.outcome is None or config.search.kind != "grid":
        return {}
    return {"search.png": plots.plot_search(fitted.outcome.candidates, config.search.scoring)}


def _explain_tree(pipeline: Pipeline) -> dict[str, str]:
    """Return the rules of the model where it is one tree; of a large one those of its first levels."""
    regressor = pipeline[REGRESSOR]
    if not isinstance(regressor, BaseDecisionTree):
        return {}
    depth = regressor.get_depth() if regressor.get_n_leaves() <= MANY_LEAVES else LEVELS_OF_A_LARGE_TREE
    names = list(pipeline[:-1].get_feature_names_out())
    return {"tree.txt": export_text(regressor, feature_names=names, max_depth=depth)}


def _record(result: Result, started: float, announce: Announce) -> Result:
    """Record the result in the tracking store, if there is one; what is in the run folder stays whatever happens."""
    if result.config.tracking.uri is None:
        return result
    announce("recording")
    from bikeml.tracking import recording  # its import takes seconds, and the result is safe by now

    try:
        recorded = recording.record(result, started)
    except TrackingError as error:
        raise TrackingError(f"{error}; nothing is lost, the result is in {str(result.folder)!r}") from error
    with _folder_errors(result):
        add_run_id(recorded)  # only a run that is FINISHED in the store has one
    return recorded
