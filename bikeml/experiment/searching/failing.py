"""Let a candidate that cannot be fitted or scored cost itself, and keep the reason."""

from dataclasses import replace

from bikeml.search.evaluate import Outcome, evaluate_group
from bikeml.search.plan import Group
from bikeml.search.rules.rule import Data, Estimator
from bikeml.search.sharing import Fold, Job, Result

RAISE = "raise"


def evaluate(estimator: Estimator, X: Data, y: Data, group: Group, fold: Fold, job: Job) -> Outcome:
    """Return what evaluate_group does; a candidate that raises any error has it as `fit_error`, and job.error_score."""
    strict = replace(job, error_score=RAISE)
    try:
        return evaluate_group(estimator, X, y, group, fold, strict)
    except Exception as error:
        if job.error_score == RAISE:
            raise
        if len(group.indices) == 1:
            return Outcome([describe_failure(f"{type(error).__name__}: {error}", fold, job)], 1)
    pairs = zip(group.indices, group.candidates, strict=True)
    alone = [Group((index,), (params,), group.setting) for index, params in pairs]
    outcomes = [evaluate(estimator, X, y, each, fold, job) for each in alone]
    return Outcome([result for outcome in outcomes for result in outcome.results], len(alone))


def describe_failure(reason: str, fold: Fold, job: Job) -> Result:
    """Return the result of a candidate that has failed, in scikit-learn's form."""
    scores = dict.fromkeys(["test_scores", *(["train_scores"] if job.return_train_score else [])], job.error_score)
    return {"fit_error": reason, **scores, "n_test_samples": len(fold.test), "fit_time": 0.0, "score_time": 0.0}
