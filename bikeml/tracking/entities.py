"""Build MLflow's entities of a run from its folder: metrics, params, tags, and the dataset."""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from urllib.parse import urlsplit

from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param

from bikeml.config.fields import SQLITE
from bikeml.config.schema import TrackingConfig
from bikeml.destination.system_metrics import Sample
from bikeml.records import tags as names
from bikeml.records.fingerprint import hash_folds
from bikeml.records.params import Limits, fit_tags, identity_tags, options_tag
from bikeml.records.run import Dataset as TableOfRun
from bikeml.records.run import RunRecord, record_id
from bikeml.records.run_folder import MODEL, MODEL_FILE, RunFolder
from bikeml.system.redaction import mask, redact
from bikeml.tracking.description import describe_run

METRICS_OF_A_BATCH = 1000
"""MLflow 3.15, MAX_METRICS_PER_BATCH."""
HERE = ("", "file", "pkg")
"""The schemes of a table on this machine; pkg is that of the embedded one."""


def build_metrics(run: RunRecord, started: float, model_id: str | None = None) -> list[Metric]:
    """Return the figures of a run, those of the held-out rows and of the folds linked to the model `model_id`."""
    fits = {f"search_{name}": float(count) for name, count in run.search.counts.items()} if run.search else {}
    seconds = {f"seconds_{name}": value for name, value in run.seconds.items()}
    values = {**run.metrics, **run.ends, **fits, **seconds}
    of_model = run.metrics.keys() if model_id else ()
    return [
        Metric(name, value, int(started * 1000), 0, model_id=model_id if name in of_model else None)
        for name, value in values.items()
        if value is not None
    ]


def build_system_metrics(samples: Sequence[Sample]) -> Iterator[list[Metric]]:
    """Yield the use of the machine as metrics, in batches that every store takes; the step counts the samples."""
    metrics = (
        Metric(name, value, int(sample.time * 1000), step)
        for step, sample in enumerate(samples)
        for name, value in sample.values.items()
    )
    while batch := list(islice(metrics, METRICS_OF_A_BATCH)):
        yield batch


def to_params(values: Mapping[str, str], limits: Limits) -> list[Param]:
    """Return MLflow's parameters, without secrets and within the limits of a store."""
    return [Param(name, redact(value)[: limits.value]) for name, value in list(values.items())[: limits.params]]


def build_tags(
    folder: RunFolder, run: RunRecord, tracking: TrackingConfig, parent_run_id: str | None, limits: Limits
) -> dict[str, str]:
    """Return the tags of a run: the user's own, its description, and ours, within the limits of a store."""
    ours = {
        names.RECORD: record_id(run),
        names.FINGERPRINT: run.fingerprint,
        **({names.ASKED: run.asked} if run.asked else {}),
        names.OPTIONS: options_tag(run.choices),
        names.DESCRIPTION: describe_run(folder, run),
        names.MODEL: folder.digest(f"{MODEL}/{MODEL_FILE}"),
        names.RANK: run.rank,
        names.FOLDS: run.cv.folds,
        names.COMMAND: run.command,
        names.SOURCE_NAME: "bikeml",
        names.SOURCE_TYPE: "LOCAL",
    }
    if run.identity is not None:
        ours |= identity_tags(run.identity) | {names.FOLD_FITS: hash_folds(run.identity)}
    if str(tracking.uri).startswith(SQLITE):
        ours[names.FOLDER] = str(folder.path.absolute())
    if run.cv.tuned_on_these_rows:
        ours[names.CV] = "tuned on these rows"
    nested = {names.PARENT: parent_run_id} if parent_run_id else {}  # it wins over a tag, as in MLflow
    return fit_tags(ours | _commit_tags(run) | users_tags(tracking) | nested, limits.tag)


def users_tags(tracking: TrackingConfig) -> dict[str, str]:
    """Return the tags and the description that the config gives a run, without secrets."""
    tags = {name: _show(value) for name, value in mask(tracking.tags, "tracking.tags").items()}
    return tags if tracking.description is None else {**tags, names.DESCRIPTION: redact(tracking.description)}


def _show(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _commit_tags(run: RunRecord) -> dict[str, str]:
    """Return which code ran. MLflow's own tag has the commit of the user's project, if it has one."""
    found = run.environment
    if found is None:
        return {}
    tags = {names.OWN_COMMIT: found.git_commit} if found.git_commit else {}
    commit = found.project_commit or found.git_commit
    return {**tags, names.GIT_COMMIT: commit} if commit else tags


def build_datasets(run: RunRecord) -> list[DatasetInput]:
    """Return the table of a run, and the test file if there is one, as MLflow's datasets."""
    table = run.dataset
    if table.test_source is None or table.test_sha256 is None:
        return [_build_dataset(table, table.source, table.sha256, table.n_train + table.n_test, "training")]
    return [
        _build_dataset(table, table.source, table.sha256, table.n_train, "training"),
        _build_dataset(table, table.test_source, table.test_sha256, table.n_test, "testing"),
    ]


def _build_dataset(table: TableOfRun, source: str, sha256: str, n_rows: int, context: str) -> DatasetInput:
    """Return a dataset with a source that mlflow.data.get_source understands."""
    kind, described = _describe_source(source)
    entity = Dataset(
        name=table.name,
        digest=sha256[:36],  # the length of MLflow's column; the tag has the full value
        source_type=kind,
        source=json.dumps(described),
        schema=json.dumps({"mlflow_colspec": [{"name": name, "type": kind} for name, kind in table.columns.items()]}),
        profile=json.dumps({"num_rows": n_rows, "sha256": sha256}),
    )
    return DatasetInput(entity, [InputTag(names.DATA_CONTEXT, context)])


def _describe_source(source: str) -> tuple[str, dict[str, str]]:
    """Return MLflow's type of a source, and its description in the form of that type."""
    scheme = urlsplit(source).scheme.lower()
    if scheme in ("http", "https"):
        return "http", {"url": source}
    is_here = scheme in HERE or len(scheme) == 1  # one letter is a drive of Windows
    return "local" if is_here else scheme, {"uri": source}
