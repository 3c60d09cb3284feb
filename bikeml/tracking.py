"""Record a finished experiment in an MLflow store. The only module that imports mlflow."""

import contextlib
import json
import sqlite3
import sys
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from bikeml import mlflow_settings  # noqa: F401  before mlflow, which reads its settings once

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # mlflow's own imports warn of their dependencies
    from mlflow import MlflowClient
    from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param
    from mlflow.exceptions import MlflowException
    from mlflow.models import Model, infer_signature
    from mlflow.pyfunc import add_to_model
    from sqlalchemy.exc import SQLAlchemyError

from bikeml.errors import TrackingError
from bikeml.files import write_text
from bikeml.model_file import FILE_NAME, TRUSTED_TYPES
from bikeml.redaction import redact
from bikeml.result import MODEL_FOLDER, Result, SearchOutcome, write_summary

SQLITE = "sqlite:///"
MODEL_PACKAGES = ("mlflow", "scikit-learn", "skops", "numpy", "scipy", "pandas")
MAX_PARAM_LENGTH = 500
MAX_PARAMS = 200  # Azure ML refuses more on one run
# A refused connection is an OSError; a database whose driver is not installed is an ImportError.
STORE_ERRORS = (MlflowException, SQLAlchemyError, sqlite3.Error, OSError, ImportError)


def record(result: Result, started: float) -> Result:
    """
    Record `result`, begun at the unix time `started`, and return it with its run id.

    Only a run whose every file has arrived becomes FINISHED. Raises TrackingError when the store cannot be used.
    """
    uri = _absolute(str(result.config.tracking.uri))
    _complete_model(result)
    try:
        client = _connect(uri)
        experiment_id = _experiment_id(client, result.config.tracking.experiment_name, uri)
        with _run(client, experiment_id, result.run_name, _tags(result), started) as run_id:
            recorded = replace(result, run_id=run_id)
            client.log_batch(run_id, _metrics(result, started), _params(result), [])
            client.log_inputs(run_id, [_dataset(result)])
            write_summary(recorded)
            client.log_artifacts(run_id, str(result.folder))
            if result.search:
                _record_children(client, experiment_id, run_id, result, started)
    except STORE_ERRORS as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise TrackingError(
            f"cannot record the run in {redact(uri)!r}: {redact(reason)}; check tracking.uri, or choose tracking=none"
        ) from error
    return recorded


def _connect(uri: str) -> MlflowClient:
    if uri.startswith(SQLITE):
        # MLflow tries a file that cannot be opened again and again, for minutes
        with contextlib.closing(sqlite3.connect(uri.removeprefix(SQLITE), timeout=20)) as database:
            database.execute("PRAGMA user_version")
    try:
        return MlflowClient(tracking_uri=uri)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise MlflowException(f"{type(error).__name__}: {error}") from error  # a plugin choked on its URI


def _absolute(uri: str) -> str:
    """Return `uri`, with the path of a local sqlite file made absolute, so that the store knows where it is."""
    if not uri.startswith(SQLITE):
        return uri
    return SQLITE + str(Path(uri.removeprefix(SQLITE)).absolute())


def _experiment_id(client: MlflowClient, name: str, uri: str) -> str:
    found = client.get_experiment_by_name(name)
    if found is None:
        return _create_experiment(client, name, uri)
    if found.lifecycle_stage == "deleted":
        raise TrackingError(
            f"the experiment {name!r} of {redact(uri)!r} is deleted; set tracking.experiment_name to another"
        )
    return str(found.experiment_id)


def _create_experiment(client: MlflowClient, name: str, uri: str) -> str:
    # Beside the database, wherever the process runs; a server decides for itself.
    location = (Path(uri.removeprefix(SQLITE)).parent / "mlartifacts").as_uri() if uri.startswith(SQLITE) else None
    try:
        return str(client.create_experiment(name, artifact_location=location))
    except MlflowException:
        other = client.get_experiment_by_name(name)  # another process was faster
        if other is None:
            raise
        return str(other.experiment_id)


@contextlib.contextmanager
def _run(client: MlflowClient, experiment_id: str, name: str, tags: Mapping[str, str], started: float) -> Iterator[str]:
    """Open a run, and end it as FINISHED, or as FAILED or KILLED when the block raises."""
    run = client.create_run(experiment_id, start_time=int(started * 1000), tags=dict(tags), run_name=name)
    run_id = str(run.info.run_id)
    try:
        yield run_id
        client.set_terminated(run_id, "FINISHED")
    except BaseException as error:
        status = "FAILED" if isinstance(error, Exception) else "KILLED"
        with contextlib.suppress(*STORE_ERRORS):  # the first error is the one to tell
            client.set_terminated(run_id, status)
        raise


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
    config = result.config.model_dump(exclude={"tracking", "data"})
    values = {**result.invocation.choices, **_flatten(config), "data.target": result.config.data.target}
    if result.search:
        values |= {f"best.{name}": value for name, value in result.search.best_params.items()}
    return [Param(name, redact(str(value))[:MAX_PARAM_LENGTH]) for name, value in list(values.items())[:MAX_PARAMS]]


def _flatten(section: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in section.items():
        flat |= (
            _flatten(value, f"{prefix}{key}.") if isinstance(value, Mapping) and value else {f"{prefix}{key}": value}
        )
    return flat


def _tags(result: Result) -> dict[str, str]:
    provenance = result.provenance
    tags = {
        "bikeml.version": version("bikeml") if "bikeml" in provenance.packages else "checkout",
        "bikeml.fingerprint": result.fingerprint,
        "bikeml.reproducible": str(result.reproducible).lower(),
        "bikeml.data_sha256": result.dataset.sha256,
        "bikeml.command": provenance.command,
        "bikeml.cpu": provenance.cpu,
        "bikeml.blas": json.dumps(provenance.blas),
        "mlflow.source.name": "bikeml",
        "mlflow.source.type": "LOCAL",
    }
    if provenance.git_commit:
        tags["mlflow.source.git.commit"] = provenance.git_commit
        tags["bikeml.uncommitted_changes"] = str(bool(provenance.git_diff or provenance.git_untracked)).lower()
    if result.tuned_on_these_rows:
        tags["bikeml.cv"] = "tuned on these rows"
    return tags


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
    return DatasetInput(dataset_entity, [InputTag("mlflow.data.context", "training")])


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
            "mlflow.parentRunId": parent,
            "mlflow.source.name": "bikeml",
            "bikeml.candidate_rank": str(rank),
        }
        scores = {key: float(value) for key, value in candidate.items() if str(key).startswith(("mean_", "std_"))}
        params = {str(name).rpartition("__")[2]: value for name, value in candidate["params"].items()}
        with _run(client, experiment_id, f"{result.run_name}-{rank}", tags, started) as run_id:
            client.log_batch(
                run_id,
                [Metric(name, value, int(started * 1000), 0) for name, value in scores.items()],
                [Param(name, str(value)[:MAX_PARAM_LENGTH]) for name, value in params.items()],
                [],
            )


def _complete_model(result: Result) -> None:
    """
    Make the run folder's model an MLflow model: MLmodel, signature, example and pinned requirements beside the file.

    mlflow.sklearn.save_model would write the model again, uncompressed, and infer the requirements in a subprocess.
    """
    folder = result.folder / MODEL_FOLDER
    example = result.example
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # integer columns cannot hold gaps; the check allows none
        signature = infer_signature(example, result.pipeline.predict(example))
    split = example.to_dict(orient="split", index=False)
    write_text(folder / "input_example.json", json.dumps(split))
    write_text(folder / "serving_input_example.json", json.dumps({"dataframe_split": split}))
    python = ".".join(map(str, sys.version_info[:3]))
    requirements = [f"{name}=={version(name)}" for name in MODEL_PACKAGES]
    write_text(folder / "requirements.txt", "\n".join(requirements) + "\n")
    _write_yaml(folder / "python_env.yaml", {"python": python, "dependencies": ["-r requirements.txt"]})
    conda = {
        "name": "mlflow-env",
        "channels": ["conda-forge"],
        "dependencies": [f"python={python}", "pip", {"pip": requirements}],
    }
    _write_yaml(folder / "conda.yaml", conda)
    example_info = {
        "artifact_path": "input_example.json",
        "serving_input_path": "serving_input_example.json",
        "type": "dataframe",
        "pandas_orient": "split",
    }
    model = Model(
        signature=signature,
        saved_input_example_info=example_info,
        metadata={"fingerprint": result.fingerprint},
    )
    environment = {"conda_env": "conda.yaml", "python_env": "python_env.yaml"}
    add_to_model(model, loader_module="mlflow.sklearn", model_path=FILE_NAME, predict_fn="predict", **environment)
    model.add_flavor(
        "sklearn",
        pickled_model=FILE_NAME,
        sklearn_version=version("scikit-learn"),
        serialization_format="skops",
        code=None,
        skops_trusted_types=list(TRUSTED_TYPES),
    )
    model.save(str(folder / "MLmodel"))


def _write_yaml(path: Path, content: Mapping[str, Any]) -> None:
    write_text(path, yaml.safe_dump(dict(content), sort_keys=False))
