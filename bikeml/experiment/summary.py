"""Build the record of a fitted and judged experiment, and write the files beside it."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from sklearn.ensemble import RandomForestRegressor
from sklearn.tree import BaseDecisionTree, export_text

from bikeml.config.schema import Config
from bikeml.destination.caller import describe_destination
from bikeml.evaluation.evaluate import CrossValidation
from bikeml.evaluation.importance import Importance
from bikeml.experiment import model_folder
from bikeml.experiment.encoding.names import name_inputs
from bikeml.experiment.fit import Fitted
from bikeml.experiment.model_file import save_pipeline
from bikeml.experiment.pipeline import REGRESSOR, is_reproducible
from bikeml.experiment.searching.outcome import describe_search
from bikeml.records import judgement
from bikeml.records import run as records
from bikeml.records.fingerprint import fingerprint
from bikeml.records.provenance import Provenance
from bikeml.records.record import as_score
from bikeml.records.run import Invocation, RunRecord
from bikeml.records.run_folder import CANDIDATES, CONFIG, DIFF, FOLDS, MODEL, PREDICTIONS, RULES, SCALE, SCALES
from bikeml.system.files import write_bytes, write_text
from bikeml.system.redaction import mask, redact, spare
from bikeml.system.sheets import to_sheet
from bikeml.table.data import Table
from bikeml.table.split import Split

MANY_LEAVES, LEVELS_OF_A_LARGE_TREE = 1_000, 5


@dataclass(frozen=True)
class Judged:
    """The predictions and scores of a fitted pipeline."""

    predicted: np.ndarray
    """For the held-out rows, shape (n_test,)."""
    scale: RandomForestRegressor | None
    """A model of the absolute errors, for the intervals of predictions; None if there are too few rows to learn it."""
    scales: np.ndarray | None
    """What it predicts for the held-out rows, shape (n_test,)."""
    metrics: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]
    """Of metrics on the held-out rows and on the pooled folds, at the level evaluation.confidence."""
    interval_method: str
    undefined: Mapping[str, str]
    no_interval: Mapping[str, str]
    """Why metrics are undefined, and why those that are defined have no interval."""
    cv: CrossValidation
    reused: judgement.Reused | None
    """The folds that were not fitted again."""
    importance: Importance
    hints: tuple[str, ...]
    """What makes the score doubtful, and what to do."""
    seconds: float


@dataclass(frozen=True)
class Experiment:
    """Everything that the record and the files of an experiment are made from."""

    config: Config
    invocation: Invocation
    table: Table
    split: Split
    identity: Mapping[str, Any]
    asked: str
    """The fingerprint before the search; a budget that ends it changes it."""
    fitted: Fitted
    judged: Judged
    provenance: Provenance
    started: float
    """Unix time."""
    seconds: float
    """From the start of the experiment to the end of the evaluation."""


def build_record(experiment: Experiment) -> RunRecord:
    """Return the record of an experiment, without the digests of its files."""
    config, judged, fitted = experiment.config, experiment.judged, experiment.fitted
    spare(experiment.identity["config"], list(map(str, experiment.table.X)), config.data.target)
    return RunRecord(
        id=uuid.uuid4().hex,
        run_name=config.tracking.run_name or experiment.invocation.name,
        choices=dict(experiment.invocation.choices),
        overrides=tuple(map(redact, experiment.invocation.overrides)),
        command=redact(experiment.invocation.command),
        started=experiment.started,
        seconds={"fit": fitted.seconds, "judge": judged.seconds, "total": experiment.seconds},
        fingerprint=fingerprint(experiment.identity),
        asked=experiment.asked if experiment.asked != fingerprint(experiment.identity) else None,
        identity=dict(experiment.identity),
        reproducible=is_reproducible(config),
        metrics={name: as_score(value) for name, value in judged.metrics.items()},
        confidence=config.evaluation.confidence,
        intervals={name: (as_score(low), as_score(high)) for name, (low, high) in judged.intervals.items()},
        interval_method=judged.interval_method,
        rank=config.evaluation.rank,
        undefined=judged.undefined,
        no_interval=judged.no_interval,
        cv=_describe_folds(judged.cv, judged.reused, is_tuned=fitted.is_tuned),
        search=describe_search(fitted.outcome) if fitted.outcome else None,
        importance=_describe_importance(judged.importance),
        hints=judged.hints,
        dataset=_describe_table(config, experiment.table, experiment.split),
        environment=experiment.provenance.environment,
        destination=describe_destination(
            config.tracking, parent_run_id=experiment.invocation.parent_run_id, run_id=experiment.invocation.run_id
        ),
        files={},
    )


def _describe_folds(
    cv: CrossValidation, reused: judgement.Reused | None, *, is_tuned: bool
) -> judgement.CrossValidation:
    return judgement.CrossValidation(
        **{name: tuple(map(as_score, scores)) for name, scores in cv.scores.items()},
        n_fit=cv.n_fit,
        n_score=cv.n_score,
        folds=cv.folds,
        tuned_on_these_rows=is_tuned,
        reused=reused,
    )


def _describe_importance(importance: Importance) -> judgement.Importance:
    mean, std, error = (tuple(map(as_score, values)) for values in (importance.mean, importance.std, importance.error))
    groups = tuple(
        judgement.GroupImportance(
            columns=each.columns, mean=as_score(each.mean), std=as_score(each.std), error=as_score(each.error)
        )
        for each in importance.groups
    )
    return judgement.Importance(
        columns=importance.columns,
        mean=mean,
        std=std,
        n_rows=importance.n_rows,
        n_repeats=importance.n_repeats,
        error=error,
        groups=groups,
    )


def _describe_table(config: Config, table: Table, split: Split) -> records.Dataset:
    data = config.data
    types = {**dict(table.X.dtypes.items()), data.target: table.y.dtype}
    roles = {name: role for role, names in data.roles.items() for name in names}
    return records.Dataset(
        name=table.name,
        source=_locate(table.source),
        sha256=table.sha256,
        target=data.target,
        columns={str(column): str(dtype) for column, dtype in types.items()},
        roles=roles,
        n_train=len(split.train),
        n_test=len(split.test),
        notes=tuple(map(redact, table.notes)),
        test_source=data.test_path and _locate(redact(data.test_path)),
        test_sha256=table.test_sha256,
        gaps={str(column): int(count) for column, count in table.X.isna().sum().items() if count},
    )


def _locate(source: str) -> str:
    """Return the address of a table; the path of a file becomes absolute, so that a store can name it anywhere."""
    is_file = "://" not in source and Path(source).expanduser().is_file()
    return str(Path(source).expanduser().absolute()) if is_file else source


def write_files(experiment: Experiment, folder: Path) -> None:
    """Write the model, predictions, candidates, rules, config and code diff to `folder`; raises OSError."""
    fitted, split, table = experiment.fitted, experiment.split, experiment.table
    train = table.X.iloc[split.train]
    digest, written = fingerprint(experiment.identity), experiment.config.data.describe_writing()
    model_folder.write_folder(fitted.pipeline, _example(train), digest, folder / MODEL, written)
    rows, judged = table.rows[split.test] + 1, experiment.judged
    held_out = pd.DataFrame({"row": rows, "actual": table.y[split.test], "predicted": judged.predicted})
    if judged.scale is not None:
        held_out[SCALES] = judged.scales
        save_pipeline(judged.scale, folder, SCALE)
    judgement.add_weights(held_out, table.weights_of(split.test)).to_csv(folder / PREDICTIONS, index=False)
    _list_fold_predictions(experiment).to_csv(folder / FOLDS, index=False)
    if fitted.outcome:
        write_text(folder / CANDIDATES, to_sheet(fitted.outcome.candidates))
    if (rules := _explain_tree(fitted)) is not None:
        write_text(folder / RULES, rules)
    config = yaml.safe_dump(mask(experiment.config.model_dump()), sort_keys=False, allow_unicode=True)
    write_text(folder / CONFIG, config)
    if experiment.provenance.git_diff:
        write_bytes(folder / DIFF, experiment.provenance.git_diff.encode(errors="surrogateescape"))


def _example(X: pd.DataFrame) -> pd.DataFrame:
    """Return the first rows, with gaps filled from rows further below, so that every column shows its type."""
    rows = X.head(5)
    return X.bfill().head(5) if rows.isna().any(axis=None) else rows


def _list_fold_predictions(experiment: Experiment) -> pd.DataFrame:
    """Return the predictions of each fold for its scored rows: row and fold (from 1), actual and predicted value."""
    table, split = experiment.table, experiment.split
    scored = [split.train[score] for _, score in split.folds]
    rows = np.concatenate(scored)
    predictions = pd.DataFrame(
        {
            "row": table.rows[rows] + 1,
            "fold": np.repeat(np.arange(len(scored)) + 1, [len(each) for each in scored]),
            "actual": table.y[rows],
            "predicted": np.concatenate(experiment.judged.cv.predictions),
        }
    )
    return judgement.add_weights(predictions, table.weights_of(rows))


def _explain_tree(fitted: Fitted) -> str | None:
    """Return the rules of the model if it is a single tree; for a large tree, only its first levels."""
    regressor = fitted.pipeline[REGRESSOR]  # one that learns a transformed target has other values in its leaves
    if not isinstance(regressor, BaseDecisionTree):
        return None
    depth = regressor.get_depth() if regressor.get_n_leaves() <= MANY_LEAVES else LEVELS_OF_A_LARGE_TREE
    names = name_inputs(fitted.pipeline)
    rules: str = export_text(regressor, feature_names=names, max_depth=depth)
    return rules
