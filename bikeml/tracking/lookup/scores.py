"""The scores of runs, and why two of them cannot be compared."""

from math import inf, isnan, nan

from mlflow.entities import Run, RunData

from bikeml.evaluation.metric import Metric
from bikeml.records.tags import CV, FOLDS, SPLIT_PREFIX, TEST_TABLE


def find_score(run: Run, metric: Metric) -> float:
    """Return the score of a run by a metric, the greater the better; minus infinity if it has none."""
    score = float(run.data.metrics.get(metric.mean, nan))
    return -inf if isnan(score) else metric.sign * score


def explain_apart(ours: RunData, latest: RunData) -> str:
    """Return why the score of a run cannot be compared with that of the latest run; "" if it can."""
    if not _has_same_folds(ours, latest):
        return "on other folds"
    if ours.tags.get(TEST_TABLE) != latest.tags.get(TEST_TABLE):
        return "with another test file"
    if (CV in ours.tags) == (CV in latest.tags):
        return ""
    return "tuned on these rows, which flatters (evaluation.nested=true does not)" if CV in ours.tags else "not tuned"


def _has_same_folds(ours: RunData, latest: RunData) -> bool:
    """Return whether two runs of one table were scored on the same folds. Of earlier runs their parameters say it."""
    if FOLDS in ours.tags and FOLDS in latest.tags:
        return bool(ours.tags[FOLDS] == latest.tags[FOLDS])
    shared = [key for key in ours.params.keys() & latest.params.keys() if key.startswith(SPLIT_PREFIX)]
    return all(ours.params[key] == latest.params[key] for key in shared)
