"""Record the folder of a run in a store: its params, metrics, tags and files, and a search's best candidates."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, cast

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag

from bikeml.config.schema import Config
from bikeml.config.sections import names_not_in_result
from bikeml.records import tags as names
from bikeml.records.params import Limits, describe, fit_tags, identity_tags, options_tag, result_choices
from bikeml.records.run import RunRecord, StoreRecord, record_id
from bikeml.records.run_folder import DIFF, MODEL, RunFolder
from bikeml.system.redaction import redact
from bikeml.tracking import store
from bikeml.tracking.backends import Store, open_store

MODEL_FILE = f"{MODEL}/model.skops"


def record(folder: RunFolder, config: Config, parent_run_id: str | None = None) -> StoreRecord:
    """
    Record the run in `folder` in the store of `config`, unless it is there already, and return where it is.

    A cell's run is nested below the run of its sweep, `parent_run_id`. A run becomes FINISHED only after all its files
    have arrived. Raises RecordError if the folder holds no complete run, and TrackingError if the store cannot be used.
    """
    folder.verify()
    run, place = folder.require(), open_store(config)
    with store.store_errors(place.uri):
        client = store.connect(place.uri)
        if place.job_run_id is not None:
            return _record_in_job(client, place, folder, config, parent_run_id)
        experiment = store.experiment_id(client, config.tracking.experiment_name, place.uri)
        run_id = _find_recorded(client, experiment, run) or _record_new_run(
            client, place, experiment, folder, parent_run_id
        )
    return _write_store_record(place, folder, config, experiment, run_id)


def _find_recorded(client: MlflowClient, experiment: str, run: RunRecord) -> str | None:
    condition = f"tags.`{names.RECORD}` = '{record_id(run)}' and attributes.status = 'FINISHED'"
    found = client.search_runs([experiment], condition, max_results=1)
    return str(found[0].info.run_id) if found else None


def _record_new_run(
    client: MlflowClient, place: Store, experiment: str, folder: RunFolder, parent_run_id: str | None
) -> str:
    run = folder.require()
    started, ended = _times(folder, run)
    with store.open_run(client, experiment, run.run_name, _tags(folder, run, parent_run_id), started, ended) as run_id:
        client.log_batch(run_id, _metrics(run, started), _params(folder, run, place.limits), [])
        if place.takes_datasets:
            client.log_inputs(run_id, [_dataset(run)])
        for name in folder.list_files(run):  # result.json comes last
            client.log_artifact(run_id, str(folder.path / name), name.rpartition("/")[0] or None)
        _record_children(client, experiment, run_id, folder, run, place.limits)
    return run_id


def _record_in_job(
    client: MlflowClient, place: Store, folder: RunFolder, config: Config, parent_run_id: str | None
) -> StoreRecord:
    """
    Record in the job's own run. The service ends that run, and keeps the files as the job's output.

    If a job loses its node, it starts again in the same run. The metrics are recorded last: a run with metrics is
    complete.
    """
    there, run = client.get_run(str(place.job_run_id)), folder.require()
    run_id, started = str(there.info.run_id), _times(folder, run)[0]
    if not there.data.metrics:
        tags = [RunTag(name, value) for name, value in fit_tags(_tags(folder, run, parent_run_id)).items()]
        client.log_batch(run_id, [], _params(folder, run, place.limits), tags)
        _record_children(client, there.info.experiment_id, run_id, folder, run, place.limits)
        client.log_batch(run_id, _metrics(run, started), [], [])
    return _write_store_record(place, folder, config, str(there.info.experiment_id), run_id)


def _write_store_record(place: Store, folder: RunFolder, config: Config, experiment: str, run_id: str) -> StoreRecord:
    """Write to store.json where the run is in the store, and return the record; raises OSError."""
    stored = StoreRecord(
        uri=redact(place.uri),
        experiment_name=config.tracking.experiment_name,
        run_id=run_id,
        look=place.look(experiment, run_id),
    )
    stored.write(folder.path)
    return stored


def _times(folder: RunFolder, run: RunRecord) -> tuple[float, float]:
    """Return the unix times of the start and the end. Form 1 has no start: count back from the time of its file."""
    seconds = run.seconds.get("total", 0.0)
    started = (folder.path / run.FILE).stat().st_mtime - seconds if run.started is None else run.started
    return started, started + seconds


def _metrics(run: RunRecord, started: float) -> list[Metric]:
    ends = {
        f"{name}_{end}": value
        for name, pair in run.intervals.items()
        for end, value in zip(("low", "high"), pair, strict=True)
    }
    fits = {f"search_{name}": float(count) for name, count in run.search.counts.items()} if run.search else {}
    seconds = {f"seconds_{name}": value for name, value in run.seconds.items()}
    values = {**run.metrics, **ends, **fits, **seconds}
    return [Metric(name, value, int(started * 1000), 0) for name, value in values.items() if value is not None]


def _params(folder: RunFolder, run: RunRecord, limits: Limits) -> list[Param]:
    """Return the chosen options, what a search has found, and the values of the config; the found ones among them."""
    values = result_choices(run.choices)
    sections = describe(_result_sections(folder, run))
    if run.search:
        found = {name: str(value) for name, value in run.search.best_params.items()}
        values |= {f"{names.BEST_PREFIX}{name}": value for name, value in found.items()}
        sections |= {f"{names.ESTIMATOR_PREFIX}{name.replace('__', '.')}": value for name, value in found.items()}
    return to_params({**values, **sections}, limits)


def _result_sections(folder: RunFolder, run: RunRecord) -> Mapping[str, Any]:
    """Return the sections of the config that determine the result; a run of form 1 has them only in config.yaml."""
    if run.identity is not None:
        return cast(Mapping[str, Any], run.identity["config"])
    left_out = names_not_in_result()
    return {name: section for name, section in folder.read_config().items() if name not in left_out}


def to_params(values: Mapping[str, str], limits: Limits) -> list[Param]:
    """Return MLflow's parameters, without secrets and within the limits of a store."""
    return [Param(name, redact(value)[: limits.value]) for name, value in list(values.items())[: limits.params]]


def _tags(folder: RunFolder, run: RunRecord, parent_run_id: str | None) -> dict[str, str]:
    tags = {
        names.RECORD: record_id(run),
        names.FINGERPRINT: run.fingerprint,
        names.OPTIONS: options_tag(run.choices),
        names.REPRODUCIBLE: str(run.reproducible).lower(),
        names.MODEL: folder.digest(MODEL_FILE),
        names.RANK: run.rank,
        names.COMMAND: run.command,
        names.SOURCE_NAME: "bikeml",
        names.SOURCE_TYPE: "LOCAL",
    }
    if run.identity is not None:
        tags |= identity_tags(run.identity)
    if run.cv.tuned_on_these_rows:
        tags[names.CV] = "tuned on these rows"
    if parent_run_id:
        tags[names.PARENT] = parent_run_id
    return tags | _environment_tags(folder, run)


def _environment_tags(folder: RunFolder, run: RunRecord) -> dict[str, str]:
    found = run.environment
    if found is None:
        return {}
    tags = {
        names.VERSION: found.packages.get("bikeml", "checkout"),
        names.CPU: found.cpu,
        names.BLAS: json.dumps([dict(library) for library in found.blas]),
    }
    if found.git_commit:
        tags[names.GIT_COMMIT] = found.git_commit
        tags[names.UNCOMMITTED_CHANGES] = str(folder.has(DIFF) or bool(found.git_untracked)).lower()
    return tags


def _dataset(run: RunRecord) -> DatasetInput:
    dataset = run.dataset
    dataset_entity = Dataset(
        name=dataset.name,
        digest=dataset.sha256[:36],  # the length of MLflow's column; the tag has the full value
        source_type="local",
        source=json.dumps({"uri": dataset.source}),
        schema=json.dumps({"mlflow_colspec": [{"name": name, "type": kind} for name, kind in dataset.columns.items()]}),
        profile=json.dumps({"num_rows": dataset.n_train + dataset.n_test, "sha256": dataset.sha256}),
    )
    return DatasetInput(dataset_entity, [InputTag(names.DATA_CONTEXT, "training")])


def _record_children(
    client: MlflowClient, experiment: str, parent: str, folder: RunFolder, run: RunRecord, limits: Limits
) -> None:
    """Record the best candidates of a search as child runs, as MLflow's autologging does."""
    started, ended = _times(folder, run)
    for number, values in _best_candidates(folder, run):
        tags = {names.PARENT: parent, names.SOURCE_NAME: "bikeml", names.CANDIDATE_RANK: str(number)}
        name = f"{run.run_name}-{number}"
        with store.open_run(client, experiment, name, tags, started, ended) as run_id:
            now = int(started * 1000)
            metrics = [Metric(key, value, now, 0) for key, value in values["scores"].items() if value is not None]
            client.log_batch(run_id, metrics, to_params(values["params"], limits), [])


def _best_candidates(folder: RunFolder, run: RunRecord) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the rank, the scores and the params of the best search.child_runs candidates, best first."""
    if run.search is None or not run.search.candidates:
        return
    wanted = folder.read_config()["search"]["child_runs"]
    best = sorted(run.search.candidates, key=lambda candidate: candidate.rank)
    for candidate in best if wanted == "all" else best[: int(wanted)]:
        params = {name.rpartition("__")[2]: str(value) for name, value in candidate.params.items()}
        yield candidate.rank, {"scores": candidate.scores, "params": params}
