"""Run one experiment from the config to its record."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

from bikeml.config.schema import Config
from bikeml.errors import FingerprintError
from bikeml.evaluation.choice import check_rank, decide_metrics
from bikeml.evaluation.evaluate import CrossValidation, cross_validation, judge_folds, judge_rows, measure
from bikeml.evaluation.hints import Rows, find_hints, find_outlier
from bikeml.evaluation.importance import compute_importance
from bikeml.evaluation.scale import fit_scale, predict_scale
from bikeml.evaluation.threads import ROWS_FOR_THREADS, limit_threads
from bikeml.evaluation.uncertainty.units import Units
from bikeml.experiment.check import check_estimators, check_time, find_tolerance
from bikeml.experiment.encoding.names import tell_positions
from bikeml.experiment.fit import Fitted, estimator_errors, fit
from bikeml.experiment.pipeline import is_reproducible, list_by_column
from bikeml.experiment.summary import Experiment, Judged, build_record, write_files
from bikeml.records import provenance
from bikeml.records.fingerprint import fingerprint, hash_folds, identify
from bikeml.records.judgement import RecordedFolds, Reused
from bikeml.records.run import FINGERPRINT, Invocation, RunRecord
from bikeml.records.run_folder import RunFolder, folder_errors
from bikeml.system.clock import entered
from bikeml.table.data import Table, read_table
from bikeml.table.split import Split, split_table
from bikeml.terminal.progress import Announce, silent


@dataclass(frozen=True)
class KnownFolds:
    """What a recorded run has predicted for the first folds."""

    run_id: str = ""
    predictions: Sequence[np.ndarray] = ()
    """For the rows that each fold scores, shape (n_score,) each."""

    def describe(self) -> Reused | None:
        """Return the run and the number of its folds for the record."""
        return Reused(run_id=self.run_id, n_folds=len(self.predictions)) if self.predictions else None


@dataclass(frozen=True)
class Computed:
    """An experiment whose figures are known, and whose folder is not written."""

    experiment: Experiment
    record: RunRecord
    """Without the digests of its files."""

    @property
    def pipeline(self) -> Pipeline:
        """The fitted pipeline."""
        return self.experiment.fitted.pipeline

    def write(self, folder: RunFolder, announce: Announce = silent) -> RunRecord:
        """Write it to `folder`, which the caller has claimed; return its record. Raises FitError and RunFolderError."""
        announce("writing the run folder")
        with folder_errors(folder.path):
            record = folder.write(self.record, lambda aside: write_files(self.experiment, aside))
        if self.experiment.fitted.checkpoint:
            self.experiment.fitted.checkpoint.remove()
        return record


Recall = Callable[[str], RecordedFolds | None]
"""Takes what :func:`hash_folds` returns; returns the folds of a recorded run with the same."""


def forget(_: str) -> RecordedFolds | None:
    """Return no recorded folds."""
    return None


@dataclass(frozen=True)
class Known:
    """What recorded runs have computed of an experiment."""

    recall: Recall = forget
    members: Sequence[Pipeline | None] = ()
    """Those of a blend that are fitted."""


NOTHING = Known()


def compute(config: Config, invocation: Invocation, announce: Announce = silent, known: Known = NOTHING) -> Computed:
    """
    Run the experiment of `config`; the folds and the members of a blend that are `known` are not fitted again.

    Raises ConfigError or DataError before anything is fitted, FingerprintError if BIKEML_FINGERPRINT is another one,
    FitError if an estimator refuses the data, and LateError if the folds would take more time than is left.
    """
    started, begun = time.time(), _find_beginning(invocation)
    check_estimators(config)
    announce("reading the table")
    config, table, split = _read_rows(decide_metrics(config))
    asked = _check_fingerprint(invocation.fingerprint, identify(config, table.sha256, table.test_sha256))
    # One BLAS thread, since the last digits of a product depend on the number of threads. OpenMP changes no digit.
    with limit_threads(limits=1, user_api="blas" if len(table.y) > ROWS_FOR_THREADS else None):
        fitted = fit(config, table, split, asked, announce, known.members, begun)
        config = fitted.outcome.settle(config) if fitted.outcome else config
        identity = identify(config, table.sha256, table.test_sha256)  # a budget has changed it
        folds = _recall_folds(config, table, split, identity, known.recall)
        if not fitted.outcome and not config.blend:
            check_time(fitted.seconds, split.folds[len(folds.predictions) :], len(split.train))
        judged = _judge(config, table, split, fitted, folds, announce)
    experiment = Experiment(
        config=config,
        invocation=invocation,
        table=table,
        split=split,
        identity=identity,
        asked=asked,
        fitted=fitted,
        judged=judged,
        provenance=provenance.gather(),
        started=started,
        seconds=time.time() - started,
    )
    return Computed(experiment, build_record(experiment))


def _find_beginning(invocation: Invocation) -> float:
    """Return when the budget of a search begins, by time.monotonic(): with the command, imports included, if alone."""
    now = time.time()
    return time.monotonic() - (0.0 if invocation.is_prepared else now - entered(now))


def _read_rows(config: Config) -> tuple[Config, Table, Split]:
    """Return the table and its parts, and the config with the columns that the table has decided."""
    table = read_table(config, find_tolerance(config))
    search_folds = config.search.folds if config.search.kind != "none" else None
    split = split_table(table, config.split, search_folds, nested=config.evaluation.nested)
    check_rank(config, table.y, table.source)  # after the split, which refuses a constant target
    return config.model_copy(update={"data": table.data}), table, split


def _check_fingerprint(expected: str | None, identity: Mapping[str, Any]) -> str:
    """Return the fingerprint of the experiment; raises FingerprintError if it is not the `expected` one."""
    found = fingerprint(identity)
    if expected not in (None, found):
        versions, asked = identity["versions"], provenance.describe_checkout().get("versions", {})
        differing = [
            f"{name} is {versions[name]} here, not {asked[name]}" for name in asked if versions[name] != asked[name]
        ]
        listed = ", ".join(f"{name} {number}" for name, number in versions.items())
        what = f"the config, the code, the table (sha256 {identity['data_sha256']}) or a version ({listed})"
        reason = "; ".join(differing) or f"{what} differs here"
        raise FingerprintError(
            f"this experiment has the fingerprint {found}, and {FINGERPRINT}={expected} was asked for: {reason}"
        )
    return found


def _recall_folds(
    config: Config, table: Table, split: Split, identity: Mapping[str, Any], recall: Recall
) -> KnownFolds:
    """Return what a recorded run has predicted for the first folds; nothing if a fit could differ."""
    if not is_reproducible(config):
        return KnownFolds()
    recorded = recall(hash_folds(identity))
    if recorded is None:
        return KnownFolds()
    scored = [split.train[score] for _, score in split.folds]
    return KnownFolds(recorded.run_id, list(recorded.match((table.rows[rows] + 1, table.y[rows]) for rows in scored)))


def _judge(config: Config, table: Table, split: Split, fitted: Fitted, known: KnownFolds, announce: Announce) -> Judged:
    """Score the fitted pipeline on the held-out rows, and its parameters on the folds of the training rows."""
    started = time.perf_counter()
    rows = _find_rows(config, table, split)
    X_test, y_test = rows.X_test, table.y[split.test]
    units = _find_units(config, table, split.test)
    with estimator_errors():
        predicted = fitted.pipeline.predict(X_test)
        announce(f"cross-validating on {len(split.folds) - len(known.predictions)} folds")
        cv = _cross_validate(config, rows, table.weights_of(split.train), split, fitted, known)
        scale = fit_scale(fitted.pipeline, rows.X_train, rows.y_train, split.folds, cv.predictions)
        scales = None if scale is None else predict_scale(scale, fitted.pipeline, X_test, predicted)
        announce("computing importances")
        importance = compute_importance(fitted.pipeline, X_test, y_test, config.evaluation, units)
    held_out = judge_rows(y_test, predicted, config.evaluation, units)
    scored = [split.train[score] for _, score in split.folds]
    units_of_folds = _find_units(config, table, np.concatenate(scored))
    of_folds = judge_folds([table.y[rows] for rows in scored], cv, config.evaluation, units_of_folds)
    return Judged(
        predicted=predicted,
        scale=scale,
        scales=scales,
        metrics={**held_out.metrics, **of_folds.metrics},
        intervals={**held_out.intervals, **of_folds.intervals},
        interval_method=units.method,
        undefined={**held_out.undefined, **of_folds.undefined},
        no_interval={**held_out.no_interval, **of_folds.no_interval},
        cv=cv,
        reused=known.describe(),
        importance=importance,
        hints=(
            *(() if config.blend else tell_positions(list_by_column(config), fitted.pipeline)),
            *find_outlier(y_test, predicted, table.rows[split.test] + 1),
            *find_hints(config, rows, measure(y_test, predicted, ["r2"], units.weights)["r2"], importance),
        ),
        seconds=time.perf_counter() - started,
    )


def _cross_validate(
    config: Config, rows: Rows, weights: np.ndarray | None, split: Split, fitted: Fitted, known: KnownFolds
) -> CrossValidation:
    estimators = fitted.of_folds or [fitted.pipeline] * len(split.folds)
    return cross_validation(
        *(estimators, rows.X_train, rows.y_train, split.folds, config.evaluation.metrics),
        n_jobs=config.evaluation.n_jobs,
        known=known.predictions,
        weights=weights,
    )


def _find_rows(config: Config, table: Table, split: Split) -> Rows:
    dates = None if table.dates is None else table.dates.iloc[split.train]
    sections = (table.data.model_dump_json(), config.split.model_dump_json())
    # dates are features of some preprocessings only
    key = (table.sha256, table.test_sha256, *sections, *table.X.columns)
    return Rows(table.X.iloc[split.train], table.y[split.train], table.X.iloc[split.test], dates, key)


def _find_units(config: Config, table: Table, rows: np.ndarray) -> Units:
    """Return which of these rows are drawn together, as the kind of the split says, and how much each counts."""
    weights = table.weights_of(rows)
    if config.split.kind == "chronological" and table.dates is not None:
        return Units.of("dates", table.dates.iloc[rows], weights)
    if config.split.kind == "group" and table.groups is not None:
        return Units.of("groups", table.groups.iloc[rows], weights)
    return Units.of("rows", rows, weights)
