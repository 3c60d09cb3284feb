"""Record an experiment: the run with everything in it, its model as MLflow has models, a search's best candidates."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag

from bikeml.config import Config
from bikeml.model_file import hash_model
from bikeml.records import tags as names
from bikeml.redaction import redact
from bikeml.result import MODEL_FOLDER, RESULT_FILE, Result, SearchOutcome, summary_text
from bikeml.sections import result_sections
from bikeml.tracking import store
from bikeml.tracking.backends import Store, open_store

MAX_PARAM_LENGTH = 500
MAX_PARAMS = 200  # Azure ML refuses more on one run


def record(result: Result, started: float) -> Result:
    """
    Record `result`, begun at the unix time `started`, and return it with its run id.

    Only a run whose every file has arrived becomes FINISHED. Raises TrackingError when the store cannot be used.
    """
    tracking = result.config.tracking
    place = open_store(result.config)
    uri = place.uri
    with store.store_errors(uri):
        client = store.connect(uri)
        if place.job_run_id is not None:
            return _record_in_job(client, place, place.job_run_id, result, started)
        experiment_id = store.experiment_id(client, tracking.experiment_name, uri)
        with store.open_run(client, experiment_id, result.run_name, _tags(result), started) as run_id:
            recorded = replace(result, run_id=run_id, look=place.look(experiment_id, run_id))
            client.log_batch(run_id, _metrics(result, started), _params(result), [])
            if place.takes_datasets:
                client.log_inputs(run_id, [_dataset(result)])
            _log_folder(client, run_id, result.folder)
            client.log_text(run_id, summary_text(recorded), RESULT_FILE)
            if result.search:
                _record_children(client, experiment_id, run_id, result, started)
    return recorded


def _log_folder(client: MlflowClient, run_id: str, folder: Path) -> None:
    """Record the files of a run folder but result.json: it comes last, with the id, and Azure ML takes no second."""
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            client.log_artifacts(run_id, str(path), path.name)
        elif path.name != RESULT_FILE:
            client.log_artifact(run_id, str(path))


def _record_in_job(client: MlflowClient, place: Store, run_id: str, result: Result, started: float) -> Result:
    """
    Record in the run that the job has already, and which the service ends; its files are the job's own output.

    A job that lost its node runs again in the same run. The metrics come last: where they are, all is.
    """
    run = client.get_run(run_id)
    recorded = replace(result, run_id=run_id, look=place.look(str(run.info.experiment_id), run_id))
    if run.data.metrics:
        return recorded
    tags = [RunTag(name, value) for name, value in _tags(result).items()]
    client.log_batch(run.info.run_id, [], _params(result), tags)
    if result.search:
        _record_children(client, run.info.experiment_id, run.info.run_id, result, started)
    client.log_batch(run.info.run_id, _metrics(result, started), [], [])
    return recorded


def _metrics(result: Result, started: float) -> list[Metric]:
    ends = {
        f"{name}_{end}": value
        for name, pair in result.intervals.items()
        for end, value in zip(("low", "high"), pair, strict=True)
    }
    fits = {f"search_{name}": float(count) for name, count in result.search.counts().items()} if result.search else {}
    seconds = {f"seconds_{name}": value for name, value in result.seconds.items()}
    now = int(started * 1000)
    return [Metric(name, value, now, 0) for name, value in {**result.metrics, **ends, **fits, **seconds}.items()]


def _params(result: Result) -> list[Param]:
    values = {**result.invocation.choices, **describe(result.config)}
    if result.search:
        values |= {f"{names.BEST_PREFIX}{name}": str(value) for name, value in result.search.best_params.items()}
    return to_params(values)


def to_params(values: Mapping[str, str]) -> list[Param]:
    """Return MLflow's parameters, without secrets and within the limits of every store."""
    return [Param(name, redact(value)[:MAX_PARAM_LENGTH]) for name, value in list(values.items())[:MAX_PARAMS]]


def describe(config: Config) -> dict[str, str]:
    """Return what of a config determines the result, as it is recorded: parameters by dotted key."""
    return {key: str(value) for key, value in flatten(result_sections(config)).items()}


def flatten(section: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return the values of nested mappings by dotted key."""
    flat: dict[str, Any] = {}
    for key, value in section.items():
        flat |= flatten(value, f"{prefix}{key}.") if isinstance(value, Mapping) and value else {f"{prefix}{key}": value}
    return flat


def _tags(result: Result) -> dict[str, str]:
    provenance = result.provenance
    tags = {
        names.VERSION: version("bikeml") if "bikeml" in provenance.packages else "checkout",
        names.FINGERPRINT: result.fingerprint,
        names.OPTIONS: options_tag(result.invocation.choices),
        names.REPRODUCIBLE: str(result.reproducible).lower(),
        **identity_tags(result.identity),
        names.MODEL: hash_model(result.folder / MODEL_FOLDER),
        names.COMMAND: provenance.command,
        names.CPU: provenance.cpu,
        names.BLAS: json.dumps(provenance.blas),
        names.SOURCE_NAME: "bikeml",
        names.SOURCE_TYPE: "LOCAL",
    }
    if provenance.git_commit:
        tags[names.GIT_COMMIT] = provenance.git_commit
        tags[names.UNCOMMITTED_CHANGES] = str(bool(provenance.git_diff or provenance.git_untracked)).lower()
    if result.tuned_on_these_rows:
        tags[names.CV] = "tuned on these rows"
    if result.config.sweep.parent_run_id:
        tags[names.PARENT] = result.config.sweep.parent_run_id
    return tags


def identity_tags(identity: Mapping[str, Any]) -> dict[str, str]:
    """Return what determines a result beside its config as tags, to say later what has changed since."""
    source = json.dumps([identity["source"], identity["user_source"]], sort_keys=True)
    return {
        names.IDENTITY_SCHEMA: str(identity["schema"]),
        names.TABLE: identity["data_sha256"],
        names.SOURCE: hashlib.sha256(source.encode()).hexdigest()[:16],
        names.VERSIONS: " ".join(f"{name}={number}" for name, number in identity["versions"].items()),
    }


def options_tag(choices: Mapping[str, str]) -> str:
    """Return the chosen options as one tag, by which the earlier runs of the same choice are found."""
    return " ".join(f"{group}={option}" for group, option in sorted(choices.items()))


def _dataset(result: Result) -> DatasetInput:
    dataset = result.dataset
    dataset_entity = Dataset(
        name=dataset.name,
        digest=dataset.sha256[:36],  # MLflow's column holds no more; the whole is in a tag
        source_type="local",
        source=json.dumps({"uri": dataset.source}),
        schema=json.dumps({"mlflow_colspec": [{"name": name, "type": kind} for name, kind in dataset.columns.items()]}),
        profile=json.dumps({"num_rows": dataset.n_train + dataset.n_test, "sha256": dataset.sha256}),
    )
    return DatasetInput(dataset_entity, [InputTag(names.DATA_CONTEXT, "training")])


def _record_children(client: MlflowClient, experiment_id: str, parent: str, result: Result, started: float) -> None:
    """Record the best candidates of a search as child runs, as MLflow's own autologging does."""
    search, config = result.search, result.config.search
    if not isinstance(search, SearchOutcome) or config.kind != "grid":
        return
    best = search.candidates.sort_values("rank_test_score", kind="stable")
    best = best if config.child_runs == "all" else best.head(config.child_runs)
    for _, candidate in best.iterrows():
        rank = int(candidate["rank_test_score"])
        tags = {
            names.PARENT: parent,
            names.SOURCE_NAME: "bikeml",
            names.CANDIDATE_RANK: str(rank),
        }
        scores = {key: float(value) for key, value in candidate.items() if str(key).startswith(("mean_", "std_"))}
        params = {str(name).rpartition("__")[2]: value for name, value in candidate["params"].items()}
        with store.open_run(client, experiment_id, f"{result.run_name}-{rank}", tags, started) as run_id:
            client.log_batch(
                run_id,
                [Metric(name, value, int(started * 1000), 0) for name, value in scores.items()],
                [Param(name, str(value)[:MAX_PARAM_LENGTH]) for name, value in params.items()],
                [],
            )
