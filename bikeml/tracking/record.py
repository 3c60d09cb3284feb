"""
Record the folder of a run in a store: its params, metrics, tags, model and files, and a search's best candidates.

What failed is recorded too, with its error, so that a sweep can find it.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Experiment, Metric, Run, RunTag
from mlflow.exceptions import MlflowException

from bikeml.config.schema import Config, TrackingConfig
from bikeml.config.sections import result_sections
from bikeml.destination.system_metrics import Sample
from bikeml.evaluation.choice import decide_metrics
from bikeml.recorded.params import build_params
from bikeml.records import tags as names
from bikeml.records.params import describe, fit_tags, options_tag, result_choices
from bikeml.records.run import Destination, Failed, RunRecord, StoreRecord, record_id
from bikeml.records.run_folder import MODEL, RunFolder
from bikeml.system.redaction import redact
from bikeml.terminal.tables import show_notice
from bikeml.tracking import artifacts, entities, store
from bikeml.tracking.backends import Store, open_store
from bikeml.tracking.description import describe_failure, escape

ERROR_FILE = "error.txt"
ATTEMPTS = 3
"""To log a table that another process logs at the same time (MLflow 3.15 looks for it first, and then adds it)."""


def record(
    folder: RunFolder, config: Config, destination: Destination | None = None, samples: Sequence[Sample] = ()
) -> StoreRecord:
    """
    Record the run in `folder` in the store of `config`, unless it is there already, and return where it is.

    `destination` names the run of that store in which it nests, or into which it is recorded; None for neither.
    The `samples` of the machine's use become metrics of the run.
    A run becomes FINISHED only after all its files have arrived. Raises RecordError if the folder holds no complete
    run, and TrackingError if the store cannot be used.
    """
    folder.verify()
    run, place = folder.require(), open_store(config)
    with store.store_errors(place.uri):
        client = store.connect(place.uri)
        recording = _Recording(client, place, folder, run, config.tracking, destination, samples)
        experiment, run_id = recording.record()
    stored = StoreRecord(
        uri=redact(place.uri),
        experiment_name=experiment.name,
        run_id=run_id,
        look=place.look(str(experiment.experiment_id), run_id),
    )
    stored.write(folder.path)
    return stored


def record_failure(config: Config, failed: Failed) -> None:
    """Record an experiment that failed, so that the same one need not fail again; raises TrackingError."""
    place, invocation = open_store(config), failed.invocation
    tags = {
        names.FINGERPRINT: failed.fingerprint,
        names.OPTIONS: options_tag(invocation.choices),
        names.ERROR: failed.error,
        names.DESCRIPTION: describe_failure(invocation.name, failed.error),
        **entities.users_tags(config.tracking),
    }
    if invocation.parent_run_id:
        tags[names.PARENT] = invocation.parent_run_id
    with store.store_errors(place.uri):
        client = store.connect(place.uri)
        experiment = str(store.require_experiment(client, config.tracking, place.uri).experiment_id)
        fitting = fit_tags(tags, place.limits.tag)
        run_id = store.begin_run(client, experiment, invocation.name, fitting, failed.started)
        sections = describe(result_sections(decide_metrics(config)))
        params = entities.to_params({**result_choices(invocation.choices), **sections}, place.limits)
        client.log_batch(run_id, params=params)
        client.log_text(run_id, failed.error, ERROR_FILE)  # the tag may hold only its beginning
        client.set_terminated(run_id, "FAILED")


@dataclass(frozen=True)
class _Recording:
    """One run folder on its way to a store; the methods raise STORE_ERRORS."""

    client: MlflowClient
    place: Store
    folder: RunFolder
    run: RunRecord
    tracking: TrackingConfig
    destination: Destination | None
    samples: Sequence[Sample] = ()

    def record(self) -> tuple[Experiment, str]:
        """Return the experiment and the id of the run in the store."""
        if self.place.job_run_id is not None:
            there = self.client.get_run(str(self.place.job_run_id))
            self._complete_job(there)
            return self._experiment_of(there), str(there.info.run_id)
        callers = self._find_callers()
        if callers is not None:
            self._continue(callers)
            return self._experiment_of(callers), str(callers.info.run_id)
        experiment = store.require_experiment(self.client, self.tracking, self.place.uri)
        return experiment, self._find_recorded(experiment) or self._record_new(str(experiment.experiment_id))

    def _experiment_of(self, run: Run) -> Experiment:
        return self.client.get_experiment(str(run.info.experiment_id))

    def _find_recorded(self, experiment: Experiment) -> str | None:
        condition = f"tags.`{names.RECORD}` = '{record_id(self.run)}' and attributes.status = 'FINISHED'"
        found = self.client.search_runs([str(experiment.experiment_id)], condition, max_results=1)
        return str(found[0].info.run_id) if found else None

    def _find_callers(self) -> Run | None:
        """Return the caller's run into which this one is recorded; None, and say it, if it cannot take it."""
        run_id = self.destination.run_id if self.destination else None
        if run_id is None:
            return None
        try:
            found = self.client.get_run(run_id)
        except MlflowException as error:
            if error.error_code not in store.ABSENT:
                raise
            show_notice(f"the store has no run {run_id}, which MLFLOW_RUN_ID named; a run of its own is made")
            return None
        if found.data.tags.get(names.RECORD, record_id(self.run)) != record_id(self.run):
            show_notice(f"run {run_id}, which MLFLOW_RUN_ID named, holds another result; a run of its own is made")
            return None
        return found

    def _continue(self, there: Run) -> None:
        """Record into a run of the caller's. A parameter that it has already stays as it is: MLflow changes none."""
        run_id = str(there.info.run_id)
        if there.info.status == "FINISHED" and names.RECORD in there.data.tags:
            return
        with store.finishing(self.client, run_id, self._times[1]):
            self.client.update_run(run_id, status="RUNNING")
            tags = dict(self._tags)
            if names.DESCRIPTION in there.data.tags and self.tracking.description is None:
                del tags[names.DESCRIPTION]  # the caller's own stays
            self.client.log_batch(run_id, tags=[RunTag(name, value) for name, value in tags.items()])
            self._fill(str(there.info.experiment_id), run_id, known=there.data.params.keys())

    def _record_new(self, experiment_id: str) -> str:
        started, ended = self._times
        with store.open_run(self.client, experiment_id, self.run.run_name, self._tags, started, ended) as run_id:
            self._fill(experiment_id, run_id)
        return run_id

    def _fill(self, experiment_id: str, run_id: str, known: Collection[str] = ()) -> None:
        values = build_params(self.folder, self.run)
        params = [param for param in entities.to_params(values, self.place.limits) if param.key not in known]
        model_id = None
        if self.place.takes_models:
            of_model = {param.key: param.value for param in params if param.key.startswith(names.ESTIMATOR_PREFIX)}
            model_id = artifacts.log_model(self.client, experiment_id, run_id, self.folder, of_model)
        self.client.log_batch(run_id, entities.build_metrics(self.run, self._times[0], model_id), params, [])
        for batch in entities.build_system_metrics(self.samples):
            self.client.log_batch(run_id, batch)
        if self.place.takes_datasets:
            self._log_datasets(run_id)
        self._send_files(run_id, has_model=model_id is not None)
        self._record_children(experiment_id, run_id)

    def _log_datasets(self, run_id: str) -> None:
        """Log the table; two cells that are the first with it make an entry of it both, and one is told so."""
        for attempt in range(ATTEMPTS):
            try:
                self.client.log_inputs(run_id, entities.build_datasets(self.run))
            except MlflowException as error:
                if "datasets" not in str(error) or attempt == ATTEMPTS - 1:
                    raise
            else:
                return

    def _send_files(self, run_id: str, *, has_model: bool) -> None:
        """Send the files of the run folder, result.json last, and the model unless the store has it already."""
        if not has_model and (self.folder.path / MODEL).is_dir():
            with artifacts.placed_model(self.folder, run_id) as place:
                self.client.log_artifacts(run_id, str(place), MODEL)
        for name in self.folder.list_files(self.run):
            if not name.startswith(f"{MODEL}/"):
                self.client.log_artifact(run_id, str(self.folder.path / name), name.rpartition("/")[0] or None)

    def _complete_job(self, there: Run) -> None:
        """
        Record in the job's own run. The service ends that run, and keeps the files as the job's output.

        If a job loses its node, it starts again in the same run. The metrics are recorded last: a run with metrics is
        complete.
        """
        if there.data.metrics:
            return
        run_id = str(there.info.run_id)
        params = entities.to_params(build_params(self.folder, self.run), self.place.limits)
        self.client.log_batch(run_id, [], params, [RunTag(name, value) for name, value in self._tags.items()])
        self._record_children(str(there.info.experiment_id), run_id)
        self.client.log_batch(run_id, entities.build_metrics(self.run, self._times[0]), [], [])

    def _record_children(self, experiment_id: str, parent: str) -> None:
        """Record the best candidates of a search as child runs, as MLflow's autologging does."""
        started, ended = self._times
        for number, values in _best_candidates(self.folder, self.run):
            name = f"{self.run.run_name}-{number}"
            tags = {names.PARENT: parent, names.SOURCE_NAME: "bikeml", names.CANDIDATE_RANK: str(number)}
            tags[names.DESCRIPTION] = f"Candidate {number} of the search of {escape(self.run.run_name)}."
            with store.open_run(self.client, experiment_id, name, tags, started, ended) as run_id:
                now = int(started * 1000)
                metrics = [Metric(key, value, now, 0) for key, value in values["scores"].items() if value is not None]
                self.client.log_batch(run_id, metrics, entities.to_params(values["params"], self.place.limits), [])

    @cached_property
    def _tags(self) -> dict[str, str]:
        parent = self.destination.parent_run_id if self.destination else None
        return entities.build_tags(self.folder, self.run, self.tracking, parent, self.place.limits)

    @cached_property
    def _times(self) -> tuple[float, float]:
        """The unix times of the start and the end. Form 1 has no start: count back from the time of its file."""
        seconds, started = self.run.seconds.get("total", 0.0), self.run.started
        if started is None:
            started = (self.folder.path / self.run.FILE).stat().st_mtime - seconds
        return started, started + seconds


def _best_candidates(folder: RunFolder, run: RunRecord) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the rank, the scores and the params of the best search.child_runs candidates, best first."""
    if run.search is None or not run.search.candidates:
        return
    wanted = folder.read_config()["search"]["child_runs"]
    best = run.search.standings
    for candidate in best if wanted == "all" else best[: int(wanted)]:
        params = {name.rpartition("__")[2]: str(value) for name, value in candidate.params.items()}
        yield candidate.rank, {"scores": candidate.scores, "params": params}
