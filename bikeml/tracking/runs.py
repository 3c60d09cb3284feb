"""Find a recorded run by what people call it, and bring its files."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from math import inf, isnan
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.entities.model_registry import ModelVersion, RegisteredModel
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repo import ArtifactRepository

from bikeml.config import AzureConfig, Config
from bikeml.errors import ConfigError, ModelFileError, RunNotFoundError
from bikeml.fields import AZUREML
from bikeml.redaction import redact
from bikeml.sweep import METRIC
from bikeml.tracking import store

FINGERPRINT, TABLE, MODEL = "bikeml.fingerprint", "bikeml.data_sha256", "bikeml.model_sha256"
COMPARABLE = ("data.target", "split.kind")
"""Parameters that runs of one table must share, for the score of one to say anything about that of another."""
PREFIX = re.compile(r"[0-9a-f]{7,31}")
ABSENT = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")
"""What MLflow answers where there is nothing of a name; of some names it says that they are none."""
PAGE = 100
RUNS_SHOWN = 3
ADVICE = "check tracking.uri"


@dataclass(frozen=True)
class RecordedRun:
    """An experiment's run in a tracking store, finished and with its metrics."""

    run_id: str
    name: str
    fingerprint: str
    tags: Mapping[str, str]
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    uri: str
    """The address of its store."""
    which: str
    """What it was found by."""
    _artifacts: ArtifactRepository = field(repr=False, compare=False)
    """The client's own way to it asks for logged models first, and Azure ML has none to answer with (MLflow 3.15)."""

    @property
    def title(self) -> str:
        """Return its id and name, and how it came to be meant where that was no id."""
        if self.which == "best":
            return f"{self.run_id} ({self.name}), the best on its table, target and split by {METRIC}"
        named = "" if self.run_id.startswith(self.which) else f", {self.which}"
        return f"{self.run_id} ({self.name}){named}"

    def holds(self, path: str) -> bool:
        """Whether the run has an artifact, a file or a folder of the run folder; raises TrackingError."""
        with store.store_errors(self.uri, f"list the files of run {self.run_id}", ADVICE):
            return store.find_artifact(self._artifacts, path) is not None

    def fetch(self, path: str, folder: Path) -> Path:
        """
        Bring an artifact, a file or a folder of the run folder such as "model", below a local `folder`.

        Returns where it is now. Raises RunNotFoundError where the run has none of that name, and TrackingError.
        """
        with store.store_errors(self.uri, f"fetch {path} of run {self.run_id}", ADVICE):
            place = store.find_artifact(self._artifacts, path)
            if place is None:
                present = store.list_names(self._artifacts)
                raise RunNotFoundError(
                    f"run {self.run_id} ({self.name}) has no {path!r}; it has {present}; name another run"
                )
            folder.mkdir(parents=True, exist_ok=True)
            return Path(self._artifacts.download_artifacts(place, str(folder)))

    def fetch_model(self, folder: Path) -> Path:
        """
        Bring the model below a local `folder`, and return its own.

        Raises ModelFileError where it is not the file that was recorded, and as :meth:`fetch` does.
        """
        from bikeml.model_file import hash_model  # its import takes seconds, and not everybody wants a model

        model = self.fetch("model", folder)
        recorded, found = self.tags.get(MODEL), hash_model(model)
        if recorded not in (None, found):
            raise ModelFileError(
                f"the model of run {self.run_id} ({self.name}) has been changed since it was recorded: its sha256 is "
                f"{found}, and was {recorded}; name another run, or find out who changed it"
            )
        return model


def find(config: Config, which: str) -> RecordedRun:
    """
    Return the finished run of an experiment that `which` names in the store of the config.

    It is a run's id or the beginning of one, "latest", "best" (the highest cross-validated R2 among those
    with the table, target and kind of split of the latest run), the alias of a registered model, NAME@ALIAS or
    NAME/VERSION.

    Raises RunNotFoundError where there is no such run or it did not finish, ConfigError where the config names no
    store, TrackingError where the store is out of reach, and ClusterError where a workspace is.
    """
    if config.tracking.uri is None:
        raise ConfigError("tracking.uri=null records no runs; choose the tracking option that they were recorded with")
    uri = store.locate(config)
    if uri.startswith(store.SQLITE) and not Path(uri.removeprefix(store.SQLITE)).is_file():
        raise RunNotFoundError(
            f"there is no store at {uri!r}; record a run first (python -m bikeml), or set tracking.uri"
        )
    with store.store_errors(uri, f"look for run {which!r}", ADVICE):
        finder = _Finder(store.connect(uri), uri, config)
        return finder.check(finder.find(which), which)


class _Finder:
    """One look into a store; its methods raise STORE_ERRORS and RunNotFoundError."""

    def __init__(self, client: MlflowClient, uri: str, config: Config) -> None:
        self._client, self._uri = client, uri
        self._name = config.tracking.experiment_name
        self._can_order = config.tracking.uri != AZUREML  # which orders by no metric
        self._workspace = config.azure if config.tracking.uri == AZUREML else None

    def find(self, which: str) -> Run:
        if which == "latest":
            return self._latest()
        if which == "best":
            return self._best()
        if self._workspace is not None:
            return self._by_id(which) or self._by_prefix(which) or self._in_workspace(which, self._workspace)
        if "@" in which or "/" in which:
            return self._of_version(which, self._version(which))
        return self._by_id(which) or self._by_prefix(which) or self._by_alias(which)

    def check(self, run: Run, which: str) -> RecordedRun:
        """Return the run as a record; only one that finished and was an experiment has anything to give."""
        shown = f"run {run.info.run_id} ({run.info.run_name})"
        if run.info.lifecycle_stage == "deleted":
            raise RunNotFoundError(f"{shown} is deleted; {self._advice()}")
        if run.info.status != "FINISHED":
            error = run.data.tags.get("bikeml.error", "")
            reason = f" with {redact(error).splitlines()[0]}" if error else ""
            raise RunNotFoundError(f"{shown} is {run.info.status}{reason}; {self._advice()}")
        if not _is_experiment(run):
            raise RunNotFoundError(
                f"{shown} is not the run of an experiment: a sweep's own run, a candidate of a search, or not made by "
                f"bikeml; {self._advice()}"
            )
        return RecordedRun(
            run_id=str(run.info.run_id),
            name=str(run.info.run_name),
            fingerprint=str(run.data.tags[FINGERPRINT]),
            tags=dict(run.data.tags),
            params=dict(run.data.params),
            metrics=dict(run.data.metrics),
            uri=self._uri,
            which=which,
            _artifacts=store.open_artifacts(run, self._uri),
        )

    def _latest(self) -> Run:
        found = next(self._finished(), None)
        if found is None:
            raise RunNotFoundError(
                f"no finished run is recorded in {redact(self._uri)!r}, experiment {self._name!r}; record one first "
                "(python -m bikeml), or set tracking.uri and tracking.experiment_name"
            )
        return found

    def _best(self) -> Run:
        latest = self._latest().data
        same = f" and tags.`{TABLE}` = '{latest.tags.get(TABLE, '')}'"
        same += "".join(f" and params.`{key}` = '{latest.params[key]}'" for key in COMPARABLE if key in latest.params)
        runs = self._finished(same, [f"metrics.{METRIC} DESC", "attributes.start_time DESC"] if self._can_order else ())
        return max(islice(runs, 1 if self._can_order else None), key=_score)

    def _finished(self, condition: str = "", order: Sequence[str] = ()) -> Iterator[Run]:
        """Yield the finished runs of experiments, newest first unless ordered otherwise."""
        experiment = self._client.get_experiment_by_name(self._name)
        experiments = [str(experiment.experiment_id)] if experiment else []
        runs = self._search(experiments, f"attributes.status = 'FINISHED'{condition}", order)
        return (run for run in runs if _is_experiment(run))

    def _search(self, experiments: list[str], condition: str, order: Sequence[str] = ()) -> Iterator[Run]:
        newest, token = list(order) or ["attributes.start_time DESC"], None
        while experiments:
            page = self._client.search_runs(experiments, condition, max_results=PAGE, order_by=newest, page_token=token)
            yield from page
            token = page.token
            if not token:
                return

    def _by_id(self, run_id: str) -> Run | None:
        try:
            return self._client.get_run(run_id)
        except MlflowException as error:
            if error.error_code in ABSENT:
                return None
            raise

    def _by_prefix(self, prefix: str) -> Run | None:
        if not PREFIX.fullmatch(prefix):
            return None
        experiments = [str(each.experiment_id) for each in self._client.search_experiments(max_results=1000)]
        found = list(islice(self._search(experiments, f"attributes.run_id LIKE '{prefix}%'"), RUNS_SHOWN))
        if len(found) > 1:
            raise RunNotFoundError(f"{prefix!r} begins the ids of several runs: {_show(found)}; write more of it")
        return found[0] if found else None

    def _by_alias(self, alias: str) -> Run:
        named = [str(model.name) for model in self._models() if alias in model.aliases]
        if not named:
            raise RunNotFoundError(f"there is no run or alias {alias!r} in {redact(self._uri)!r}; {self._advice()}")
        if len(named) > 1:
            choice = ", ".join(f"{name}@{alias}" for name in named)
            raise RunNotFoundError(f"several registered models have the alias {alias!r}; write one of {choice}")
        return self._of_version(alias, self._client.get_model_version_by_alias(named[0], alias))

    def _models(self) -> Iterator[RegisteredModel]:
        token = None
        while True:
            page = self._client.search_registered_models(max_results=PAGE, page_token=token)
            yield from page
            token = page.token
            if not token:
                return

    def _in_workspace(self, which: str, workspace: AzureConfig) -> Run:
        """Return the run of a version in the registry of Azure ML, whose aliases MLflow does not know."""
        from bikeml.azure.models import find_run  # seconds of imports

        run_id = find_run(workspace, which)
        run = self._by_id(run_id) if run_id else None
        if run is None:
            raise RunNotFoundError(f"there is no run, alias or model version {which!r} there; {self._advice()}")
        return run

    def _version(self, which: str) -> ModelVersion:
        at = "@" in which
        name, _, detail = which.rpartition("@" if at else "/")
        try:
            get = self._client.get_model_version_by_alias if at else self._client.get_model_version
            return get(name, detail)
        except MlflowException as error:
            if error.error_code not in ABSENT:
                raise
            known = sorted(str(model.name) for model in self._models())
            what = "alias" if at else "version"
            raise RunNotFoundError(
                f"no registered model {name!r} has the {what} {detail!r}; registered are: {', '.join(known) or 'none'}"
            ) from error

    def _of_version(self, which: str, version: ModelVersion) -> Run:
        run = self._by_id(str(version.run_id)) if version.run_id else None
        if run is None:
            raise RunNotFoundError(
                f"{which!r} is version {version.version} of {version.name}, whose run is not in "
                f"{redact(self._uri)!r}; {self._advice()}"
            )
        return run

    def _advice(self) -> str:
        recent = list(islice(self._finished(), RUNS_SHOWN))
        shown = f"; the latest are {_show(recent)}" if recent else ""
        return f"name a finished run by its id, or as best or latest{shown}"


def _is_experiment(run: Run) -> bool:
    """Whether it is neither a sweep's own run nor a candidate of a search."""
    return FINGERPRINT in run.data.tags and METRIC in run.data.metrics


def _score(run: Run) -> float:
    score = float(run.data.metrics[METRIC])
    return -inf if isnan(score) else score


def _show(runs: Sequence[Run]) -> str:
    return ", ".join(f"{run.info.run_id} ({run.info.run_name})" for run in runs)
