"""Run a shared-fit search that reports its progress, and resumes after it was killed."""

import shutil
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from joblib import effective_n_jobs
from joblib.parallel import get_active_backend
from pydantic import Field
from sklearn.base import clone
from sklearn.utils.parallel import Parallel, delayed

from bikeml.records.record import Count, Seconds, Value
from bikeml.search.cache import PROCESS_CACHE
from bikeml.search.estimator import SharedFitGridSearchCV
from bikeml.search.evaluate import Outcome, evaluate_group
from bikeml.search.layers import Data, Estimator
from bikeml.search.plan import Group
from bikeml.search.sharing import Fold, Job
from bikeml.system.files import write_text

Task = tuple[Fold, Group]


class _Kept(Value, allow_inf_nan=True, ser_json_inf_nan="constants"):
    """The result of one candidate on one fold, in scikit-learn's form; failed fits are not kept."""

    fit_error: None
    test_scores: float | dict[str, float]
    train_scores: float | dict[str, float] | None = None
    n_test_samples: Count
    fit_time: Seconds
    score_time: Seconds


class _KeptOutcome(Value, allow_inf_nan=True, ser_json_inf_nan="constants"):
    """The outcome of one task."""

    results: tuple[_Kept, ...]
    n_fits: Annotated[int, Field(ge=1)]


@dataclass(frozen=True)
class Checkpoint:
    """
    The finished tasks of one search, in a JSON file each.

    To read them runs no code, and floats are restored bit for bit. The name of the folder must identify everything that
    determines the search; bikeml uses the fingerprint.
    """

    folder: Path

    def load(self, number: int, n_candidates: int) -> Outcome | None:
        """Return the outcome of a finished task, or None if its file is missing or is not what `keep` writes."""
        try:
            kept = _KeptOutcome.model_validate_json((self.folder / f"{number}.json").read_bytes())
        except (OSError, ValueError):
            return None
        results = [result.model_dump(exclude_unset=True) for result in kept.results]
        return Outcome(results, kept.n_fits) if len(results) == n_candidates >= kept.n_fits else None

    def keep(self, number: int, outcome: Outcome) -> None:
        """Write the outcome of a finished task, unless one of its fits failed; raises OSError."""
        if any(result["fit_error"] for result in outcome.results):
            return
        kept = _KeptOutcome.model_validate(_plain(outcome._asdict()), strict=False)
        self.folder.mkdir(parents=True, exist_ok=True)
        write_text(self.folder / f"{number}.json", kept.model_dump_json(exclude_unset=True))

    def remove(self) -> None:
        """Delete the checkpoint of a finished search."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _plain(value: Any) -> Any:  # noqa: ANN401  scores of any scorer
    """Return the value with Python's numbers in place of NumPy's."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.item() if hasattr(value, "item") else value


def _ignore_progress(done: int, total: int) -> None:
    """Ignore a progress report."""


class ResumableGridSearchCV(SharedFitGridSearchCV):
    """
    SharedFitGridSearchCV with a checkpoint and a progress report.

    Both are attributes and not parameters: a clone, as in a nested cross-validation, has neither.

    Attributes
    ----------
    checkpoint : Checkpoint or None
        Keeps the finished tasks, and returns them in a later search.
    on_progress : callable
        Called with the number of finished tasks and of all tasks; a task is one fit for a group of candidates.
    n_fits_resumed_ : int
        The number of fits that were read from the checkpoint and not made.
    """

    checkpoint: Checkpoint | None = None
    on_progress: Callable[[int, int], None] = staticmethod(_ignore_progress)
    n_fits_resumed_: int = 0
    _warned: bool = False

    def _shares_enough(self, plan: Any) -> bool:  # noqa: ANN401, ARG002
        return True  # a search that shares nothing can report its progress and be resumed too

    def _evaluate(self, tasks: Sequence[Task], X: Data, y: Data, job: Job) -> list[Outcome]:
        outcomes = dict(self._load(tasks))
        self._warned = False
        self.n_fits_resumed_ = sum(outcome.n_fits for outcome in outcomes.values())
        self.on_progress(len(outcomes), len(tasks))
        waiting = [(number, *task) for number, task in enumerate(tasks) if number not in outcomes]
        for number, outcome in self._work(waiting, X, y, job):
            outcomes[number] = outcome
            self._keep(number, outcome)
            self.on_progress(len(outcomes), len(tasks))
        return [outcomes[number] for number in range(len(tasks))]

    def _load(self, tasks: Sequence[Task]) -> Iterator[tuple[int, Outcome]]:
        for number, (_, group) in enumerate(tasks):
            outcome = self.checkpoint.load(number, len(group.indices)) if self.checkpoint else None
            if outcome is not None:
                yield number, outcome

    def _keep(self, number: int, outcome: Outcome) -> None:
        """Keep the outcome of a task; warn once if that fails, since the search can go on without."""
        if self.checkpoint is None:
            return
        try:
            self.checkpoint.keep(number, outcome)
        except OSError as error:
            if not self._warned:
                warnings.warn(
                    f"cannot keep fits in {str(self.checkpoint.folder)!r}: {error.strerror or error}; the search goes "
                    "on, and repeats them if it is killed; set search.checkpoint_dir to another folder, or "
                    "search.checkpoint=false",
                    stacklevel=2,
                )
            self._warned = True

    def _work(
        self, waiting: Sequence[tuple[int, Fold, Group]], X: Data, y: Data, job: Job
    ) -> Iterator[tuple[int, Outcome]]:
        """Yield the outcomes from joblib's active backend as they finish."""
        estimator = clone(self.estimator)
        calls = ((number, estimator, X, y, group, fold, job) for number, fold, group in waiting)
        try:
            if effective_n_jobs(self.n_jobs) == 1:
                yield from (_evaluate_numbered(*call) for call in calls)
                return
            # multiprocessing cannot return its results one by one
            one_by_one = getattr(get_active_backend()[0], "supports_return_unordered", False)
            return_as = "generator_unordered" if one_by_one else "list"
            parallel = Parallel(n_jobs=self.n_jobs, pre_dispatch=self.pre_dispatch, return_as=return_as)
            yield from parallel(delayed(_evaluate_numbered)(*call) for call in calls)
        finally:
            PROCESS_CACHE.clear()


def _evaluate_numbered(
    number: int, estimator: Estimator, X: Data, y: Data, group: Group, fold: Fold, job: Job
) -> tuple[int, Outcome]:
    return number, evaluate_group(estimator, X, y, group, fold, job)
