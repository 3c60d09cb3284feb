"""Record a sweep's own run, and find recorded runs that a sweep can reuse instead of fitting again."""

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from mlflow.entities import Experiment, Metric, Run

from bikeml.config.schema import Config
from bikeml.errors import RecordError
from bikeml.records import tags as names
from bikeml.records.fingerprint import OF_AN_EARLIER_VERSION, check_fingerprint, is_comparable
from bikeml.records.params import (
    OF_MLFLOW,
    PARAM_VALUE,
    describe,
    fit_tags,
    identity_tags,
    options_tag,
    options_tag_of_form_1,
    result_choices,
    shorten,
)
from bikeml.records.run import StoreRecord
from bikeml.records.run_folder import KEPT, RESULT, RunFolder
from bikeml.records.sweep import SweepRecord
from bikeml.records.sweep_folder import PAGE
from bikeml.system.files import move
from bikeml.system.redaction import redact
from bikeml.terminal.numbers import show_count
from bikeml.tracking import store
from bikeml.tracking.artifacts import RunFiles
from bikeml.tracking.backends import open_store
from bikeml.tracking.description import describe_sweep
from bikeml.tracking.entities import to_params, users_tags
from bikeml.tracking.owners import end_runs_of_dead_processes

RELATIVES = 20
"""How many earlier runs of the same options are compared to explain why none could be reused."""
DIFFERENCES_SHOWN = 3


@dataclass(frozen=True)
class Recorded:
    """A recorded run that a cell can reuse."""

    run_id: str
    error: str | None
    """The error that the run failed with; None if it finished."""


class SweepStore:
    """
    The store of a sweep. A missing local store is created here, before cells in parallel would each create it.

    It is made with the configs of the cells, of which the first names the store. Every method raises TrackingError if
    the store cannot be used.
    """

    def __init__(self, config: Config, *others: Config) -> None:
        self._place, self._tracking = open_store(config), config.tracking
        self.uri, self.holds_jobs = self._place.uri, self._place.holds_jobs
        tags = [users_tags(each.tracking) for each in (config, *others)]
        self._tags = dict(set(tags[0].items()).intersection(*(each.items() for each in tags)))
        with store.store_errors(self.uri, "begin the sweep"):
            self._client = store.connect(self.uri)

    def check(self) -> None:
        """Ask the store whether it answers."""
        with store.store_errors(self.uri, "begin the sweep"):
            self._client.search_experiments(max_results=1)

    def begin(self, sweep: SweepRecord, folder: Path) -> StoreRecord:
        """
        Begin the sweep's own run, unless it exists; write where it is to the sweep's folder, and return it.

        Runs of dead processes are ended as KILLED.
        """
        with store.store_errors(self.uri, "begin the sweep"):
            end_runs_of_dead_processes(self._client)
            experiment = store.require_experiment(self._client, self._tracking, self.uri)
            number = str(experiment.experiment_id)
            known = self._client.search_runs([number], f"tags.`{names.RECORD}` = '{sweep.id}'", max_results=1)
            run_id = str(known[0].info.run_id) if known else self._begin(number, sweep)
        stored = self._describe(experiment, run_id)
        stored.write(folder)
        return stored

    def _describe(self, experiment: Experiment, run_id: str) -> StoreRecord:
        return StoreRecord(
            uri=redact(self.uri),
            experiment_name=experiment.name,
            run_id=run_id,
            look=self._place.look(str(experiment.experiment_id), run_id),
        )

    def _begin(self, experiment: str, sweep: SweepRecord) -> str:
        tags = {
            names.RECORD: sweep.id,
            names.COMMAND: sweep.command,
            names.SOURCE_NAME: "bikeml",
            names.SOURCE_TYPE: "LOCAL",
            **self._tags,
        }
        parent = sweep.destination
        if parent and parent.parent_run_id and parent.uri == redact(self.uri):
            tags[names.PARENT] = parent.parent_run_id
        name = f"sweep of {show_count(sweep.n_trials or len(sweep.cells), 'cell')}"
        fitting = fit_tags(tags, self._place.limits.tag)
        return store.begin_run(self._client, experiment, name, fitting, sweep.started)

    def settle(self) -> None:
        """Return at once: :meth:`begin` has waited."""

    def end(self, run_id: str, files: Iterable[Path], metrics: Mapping[str, float], status: str) -> None:
        """Record the files and metrics of the sweep's run; end it, as FINISHED, FAILED or KILLED, and dead ones."""
        with store.store_errors(self.uri, "end the sweep"):
            end_runs_of_dead_processes(self._client)  # workers that were killed, say
            now = int(time.time() * 1000)
            self._client.log_batch(run_id, [Metric(name, value, now, 0) for name, value in metrics.items()])
            page = None
            for file in files:
                page = file if file.name == PAGE else page
                self._client.log_artifact(run_id, str(file))
            if names.DESCRIPTION not in self._tags:
                text = describe_sweep(page, metrics)
                self._client.set_tag(run_id, names.DESCRIPTION, shorten(text, self._place.limits.tag))
            self._client.set_terminated(run_id, status)

    def find(self, fingerprint: str, *, failures: bool, has_budget: bool = False) -> Recorded | None:
        """
        Return the latest run of this fingerprint that finished or, with `failures`, failed in the model's code.

        A run of a search that `has_budget` may have another fingerprint than the one it was started with.
        """
        same = f"tags.`{names.FINGERPRINT}` = '{fingerprint}'"
        asked = [f"tags.`{names.ASKED}` = '{fingerprint}'"] if has_budget else []
        with store.store_errors(self.uri, "look for recorded runs"):
            for condition in [same, *asked]:
                for run in self._search(f"{condition} and attributes.status = 'FINISHED'", most=1):
                    return Recorded(str(run.info.run_id), None)
            for run in self._search(f"{same} and attributes.status = 'FAILED'", most=RELATIVES) if failures else ():
                if names.ERROR in run.data.tags:
                    return Recorded(str(run.info.run_id), str(run.data.tags[names.ERROR]))
        return None

    def take(self, run_id: str, folder: Path, fingerprint: str) -> None:
        """
        Download the KEPT files of a recorded run to a cell's folder, and check them.

        Raises RecordError if the files are missing or broken, or are of another experiment.
        """
        with store.store_errors(self.uri, f"take run {run_id}"):
            run = self._client.get_run(run_id)
            files = RunFiles(run, self.uri)
            below = str(PurePosixPath(files.find(RESULT) or RESULT).parent)
            present = files.list_names("" if below == "." else below)
            folder.mkdir(parents=True, exist_ok=True)
            for place in present:
                if PurePosixPath(place).name in KEPT:
                    move(files.download(place, folder), folder / PurePosixPath(place).name)
        taken = RunFolder(folder)
        if not taken.has(RESULT):
            raise RecordError("its files are missing")
        check_fingerprint(taken.require(), fingerprint)
        taken.verify()
        self._describe(self._client.get_experiment(str(run.info.experiment_id)), run_id).write(folder)

    def explain(self, identity: Mapping[str, Any], choices: Mapping[str, str]) -> str:
        """Return how a cell differs from the most similar finished run of the same options."""
        relatives = self._find_relatives(options_tag(choices)) or self._find_relatives(options_tag_of_form_1(choices))
        if not relatives:
            return "no finished run of these options is recorded"
        comparable = [run for run in relatives if is_comparable(run.data.tags)]
        if not comparable:
            return OF_AN_EARLIER_VERSION
        given = {**result_choices(choices), **describe(identity["config"])}
        now = {param.key: param.value for param in to_params(given, OF_MLFLOW)}
        differences = [_differences(now, identity, run) for run in comparable]
        nearest = min(differences, key=len)
        more = f" and {len(nearest) - DIFFERENCES_SHOWN} more" if len(nearest) > DIFFERENCES_SHOWN else ""
        return "; ".join(nearest[:DIFFERENCES_SHOWN]) + more or "no reproducible run of these options is recorded"

    def _find_relatives(self, options: str) -> list[Run]:
        """Return the latest finished runs of the same options; ask the store only once."""
        with store.store_errors(self.uri, "look for recorded runs"):
            if options not in self._relatives:
                same = store.equals(f"tags.`{names.OPTIONS}`", options)
                condition = " and ".join(filter(None, ["attributes.status = 'FINISHED'", same]))
                found = self._search(condition, most=RELATIVES)
                self._relatives[options] = [run for run in found if run.data.tags.get(names.OPTIONS) == options]
        return self._relatives[options]

    @cached_property
    def _relatives(self) -> dict[str, list[Run]]:
        return {}

    @property
    def _experiments(self) -> list[str]:
        """The ids of all experiments, asked for each time: the sweep itself adds one to a fresh store."""
        return [str(experiment.experiment_id) for experiment in self._client.search_experiments(max_results=1000)]

    def _search(self, condition: str, most: int) -> Iterator[Run]:
        newest = ["attributes.start_time DESC"]
        yield from self._client.search_runs(self._experiments, condition, max_results=most, order_by=newest)


def _differences(now: Mapping[str, str], identity: Mapping[str, Any], run: Run) -> list[str]:
    """
    Return how the recorded run differs in what determines the result; `now` are the parameters of the cell.

    No value is longer than MLflow lets one be: a store may have been altered.
    """
    recorded = run.data.params
    found = [
        f"{key} is {value}, the recorded run has {recorded.get(key, 'nothing')[:PARAM_VALUE]}"
        for key, value in now.items()
        if not _is_same(key, value, recorded)
    ]
    for name, value in identity_tags(identity).items():
        if run.data.tags.get(name, value) != value:
            there = run.data.tags[name][:PARAM_VALUE]
            found.append(f"{name.removeprefix('bikeml.')} is {value}, the recorded run has {there}")
    return found


def _is_same(key: str, value: str, recorded: Mapping[str, str]) -> bool:
    """Tell whether a recorded parameter may have come from this value: a search or a store's limit changes it."""
    axes = (param.removeprefix(names.BEST_PREFIX) for param in recorded if param.startswith(names.BEST_PREFIX))
    if key in map(names.of_axis, axes):
        return True
    there = recorded.get(key)
    return there == value or (there is not None and len(there) == PARAM_VALUE and value.startswith(there))
