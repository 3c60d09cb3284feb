"""Search a store for a run by its id, its alias, or as "best" or "latest"."""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from itertools import islice

from mlflow import MlflowClient
from mlflow.entities import Dataset, Run, RunData
from mlflow.exceptions import MlflowException

from bikeml.config.schema import TrackingConfig
from bikeml.errors import RunNotFoundError
from bikeml.evaluation.metric import Metric
from bikeml.evaluation.metrics import find_metric
from bikeml.recorded.run import RecordedRun
from bikeml.records.tags import COMPARABLE, ERROR, FINGERPRINT, FOLD_FITS, RANK, TABLE
from bikeml.system.documents import parse_json
from bikeml.system.printable import program
from bikeml.system.redaction import redact
from bikeml.system.spelling import did_you_mean, some
from bikeml.terminal.tables import show_notice
from bikeml.tracking import store
from bikeml.tracking.artifacts import RunFiles
from bikeml.tracking.backends import Store, Version
from bikeml.tracking.lookup.scores import explain_apart, find_score

PREFIX = re.compile(r"[0-9a-f]{7,31}")
PAGE = 100
RUNS_SHOWN = 3
NAMES_READ = 1000


class Finder:
    """Searches one store; its methods raise STORE_ERRORS and RunNotFoundError."""

    def __init__(self, place: Store, tracking: TrackingConfig) -> None:
        self._store, self._uri, self._tracking = place, place.uri, tracking
        self._client: MlflowClient = store.connect(place.uri)
        self._chosen = ""

    def find(self, which: str) -> Run:
        """Return the run that `which` names; it may not be finished."""
        if which == "latest":
            return self._latest()
        if which == "best":
            return self._best()
        if "@" in which or "/" in which:
            return self._by_version(which)
        return self._by_id(which) or self._by_prefix(which) or self._by_alias(which)

    def find_repeated(self, fold_fits: str) -> Run | None:
        """Return the finished run with this tag FOLD_FITS that repeats its folds most often, if any."""
        runs = self._finished(f" and {store.equals(f'tags.`{FOLD_FITS}`', fold_fits)}")
        return max(runs, key=lambda run: int(run.data.params.get("split.repeats", 1)), default=None)

    def find_same(self, fingerprint: str, run_id: str) -> Run | None:
        """Return the newest finished run with this fingerprint and another id, if any."""
        runs = self._finished(f" and {store.equals(f'tags.`{FINGERPRINT}`', fingerprint)}")
        return next((run for run in runs if run.info.run_id != run_id), None)

    def find_fitting(self, columns: Collection[str]) -> RecordedRun | None:
        """Return the newest of the last finished runs whose features are all among these columns, if any."""
        for run in islice(self._finished(), PAGE):
            features = {*_columns_of(run)} - {run.data.params.get("data.target")}
            if features and features <= {*columns}:
                return self.check(run, run.info.run_id)
        return None

    def check(self, run: Run, which: str) -> RecordedRun:
        """Return the run as a RecordedRun; raises RunNotFoundError unless it is a finished run of an experiment."""
        shown = f"run {run.info.run_id} ({run.info.run_name})"
        if run.info.lifecycle_stage == "deleted":
            raise RunNotFoundError(f"{shown} is deleted; {self._advice()}")
        if run.info.status != "FINISHED":
            error = run.data.tags.get(ERROR, "")
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
            started=run.info.start_time / 1000 if run.info.start_time else None,
            uri=self._uri,
            table=next((str(each.name) for each in _tables_of(run)), ""),
            columns=_columns_of(run),
            which=which,
            chosen=self._chosen,
            files=RunFiles(run, self._uri),
        )

    def _latest(self) -> Run:
        found = next(self._finished(), None)
        if found is None:
            name = self._tracking.experiment_id or self._tracking.experiment_name
            known = [str(each.name) for each in self._client.search_experiments(max_results=NAMES_READ)]
            raise RunNotFoundError(
                f"no finished run is recorded in {redact(self._uri)!r}, experiment {name!r}"
                f"{did_you_mean(name, {*known} - {name})}; record one first ({program()}), or set tracking.uri "
                f"and tracking.experiment_name; the store's experiments are {some(known, show=str)}"
            )
        self._chosen = "the latest run"
        return found

    def _best(self) -> Run:
        latest = self._latest()
        metric = find_metric(latest.data.tags.get(RANK, "r2"))  # which earlier runs had
        self._chosen = f"the best by {metric.mean} on the folds of the latest run"
        best, left_out = latest, list[tuple[float, str]]()
        for run in self._find_on_same_target(latest.data, metric):
            reason = explain_apart(run.data, latest.data)
            if reason:
                left_out.append((find_score(run, metric), reason))
                continue
            # of equal scores the first is the newest
            best = run if best is latest or find_score(run, metric) > find_score(best, metric) else best
            if self._store.can_order:
                break
        better = Counter(reason for score, reason in left_out if score > find_score(best, metric))
        if better:
            told = ", ".join(f"{count} {reason}" for reason, count in better.items())
            show_notice(
                f"run=best compares the runs on the folds of the latest run, {latest.info.run_id}; left out with a "
                f"better {metric.mean}: {told}; to take one of them, name it by its id"
            )
        return best

    def _find_on_same_target(self, latest: RunData, metric: Metric) -> Iterator[Run]:
        """Yield the runs with the table and target of the latest one, best first if the store can order them."""
        comparable = {key: latest.params[key] for key in COMPARABLE if key in latest.params}
        wanted = {f"tags.`{TABLE}`": latest.tags.get(TABLE, ""), **{f"params.`{k}`": v for k, v in comparable.items()}}
        same = "".join(f" and {each}" for each in map(store.equals, wanted.keys(), wanted.values()) if each)
        best_first = f"metrics.`{metric.mean}` {'DESC' if metric.greater_is_better else 'ASC'}"
        runs = self._finished(same, [best_first, "attributes.start_time DESC"] if self._store.can_order else ())
        return (run for run in runs if comparable.items() <= run.data.params.items())

    def _finished(self, condition: str = "", order: Sequence[str] = ()) -> Iterator[Run]:
        """Yield the finished runs of experiments, newest first unless `order` says otherwise."""
        experiment = store.find_experiment(self._client, self._tracking)
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
            if error.error_code in store.ABSENT:
                return None
            raise

    def _by_prefix(self, prefix: str) -> Run | None:
        if not PREFIX.fullmatch(prefix):
            return None
        experiments = [str(each.experiment_id) for each in self._client.search_experiments(max_results=NAMES_READ)]
        found = list(islice(self._search(experiments, f"attributes.run_id LIKE '{prefix}%'"), RUNS_SHOWN))
        if len(found) > 1:
            raise RunNotFoundError(
                f"{prefix!r} is the beginning of several run ids: {_show(found)}; write more characters"
            )
        return found[0] if found else None

    def _by_version(self, which: str) -> Run:
        """Return the run of NAME@ALIAS or NAME/VERSION."""
        at = "@" in which
        name, _, detail = which.rpartition("@" if at else "/")
        found = next(iter(self._store.aliased(detail, name)), None) if at else self._store.version(name, detail)
        if found is None:
            what, models = "alias" if at else "version", self._store.models()
            meant = did_you_mean(name, models) if name not in models else ""
            if at and name in models:
                meant = did_you_mean(detail, [alias for of, alias in self._store.aliases() if of.name == name])
            folder = "" if at else f"there is no folder {which!r} with a run, and "
            raise RunNotFoundError(
                f"{folder}no registered model {name!r} has the {what} {detail!r}{meant}; the registered models are: "
                f"{', '.join(models) or 'none'}"
            )
        return self._of_version(which, found)

    def _by_alias(self, alias: str) -> Run:
        found = self._store.aliased(alias)
        if not found:
            meant = did_you_mean(alias, ["best", "latest", *(known for _, known in self._store.aliases())])
            raise RunNotFoundError(
                f"there is no run or alias {alias!r} in {redact(self._uri)!r}{meant}; {self._advice()}"
            )
        if len(found) > 1:
            choice = ", ".join(f"{each.name}@{alias}" for each in found)
            raise RunNotFoundError(f"several registered models have the alias {alias!r}; write one of {choice}")
        return self._of_version(alias, found[0])

    def _of_version(self, which: str, version: Version) -> Run:
        run = self._by_id(version.run_id) if version.run_id else None
        if run is None:
            raise RunNotFoundError(
                f"{which!r} is version {version.number} of {version.name}, but its run is not in "
                f"{redact(self._uri)!r}; {self._advice()}"
            )
        self._chosen = which if which.startswith(version.name) else f"{version.name}@{which}"
        return run

    def _advice(self) -> str:
        recent = list(islice(self._finished(), RUNS_SHOWN))
        shown = f"; the latest are {_show(recent)}" if recent else ""
        return f"name a finished run by its id, or as best or latest{shown}"


def _is_experiment(run: Run) -> bool:
    """Return whether a run is an experiment: not a sweep's own run, and not a candidate of a search."""
    is_judged = RANK in run.data.tags or "cv_r2_mean" in run.data.metrics  # earlier runs have no such tag
    return FINGERPRINT in run.data.tags and is_judged


def _tables_of(run: Run) -> list[Dataset]:
    return [each.dataset for each in run.inputs.dataset_inputs] if run.inputs else []


def _columns_of(run: Run) -> tuple[str, ...]:
    """Return the features and the target of a run; nothing if the store does not tell them."""
    schema = next((each.schema for each in _tables_of(run)), None)
    try:
        return tuple(str(column["name"]) for column in parse_json(schema or "")["mlflow_colspec"])
    except (ValueError, KeyError, TypeError):  # recorded by another program
        return ()


def _show(runs: Sequence[Run]) -> str:
    return ", ".join(f"{run.info.run_id} ({run.info.run_name})" for run in runs)
