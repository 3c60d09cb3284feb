"""Evaluate a group of candidates on one fold: with one shared fit, or one by one as scikit-learn does."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

from joblib import parallel_config
from joblib.parallel import get_active_backend
from sklearn.base import clone

# Private in scikit-learn 1.8 to 1.9: GridSearchCV calls it for each candidate and fold. No public function replaces it:
# cross_validate has no groups, and failing scorers must be handled in the same way.
from sklearn.model_selection._validation import _fit_and_score

from bikeml.search.plan import Group, Params
from bikeml.search.rules.rule import Data, Estimator
from bikeml.search.sharing import Fold, Job, Result, Sharing


class Outcome(NamedTuple):
    """
    The results of a group on one fold.

    Attributes
    ----------
    results : list of dict
        One for each candidate of the group, in its order.
    n_fits : int
        The number of models fitted for them.
    """

    results: list[Result]
    n_fits: int


class Scored(NamedTuple):
    """
    All candidates of a search.

    Attributes
    ----------
    candidates : list of mapping
        Their parameters.
    results : list of dict
        One for each candidate and fold, by candidate and then by fold.
    columns : mapping of str to list
        More columns of cv_results_.
    """

    candidates: list[Params]
    results: list[Result]
    columns: Mapping[str, list[Any]]


def evaluate_group(estimator: Estimator, X: Data, y: Data, group: Group, fold: Fold, job: Job) -> Outcome:
    """
    Fit and score a group of candidates on a fold.

    If the shared fit fails in any way, scikit-learn evaluates the candidates one by one, so that every message, warning
    and error score is its own.

    Parameters
    ----------
    estimator : estimator
        Unfitted; it is cloned.
    X : array-like of shape (n_samples, n_features)
    y : array-like of shape (n_samples,) or (n_samples, n_outputs), or None
    group : Group
    fold : Fold
    job : Job

    Returns
    -------
    outcome : Outcome
        As many results as the group has candidates.
    """
    if group.rule or group.keeps_transformers:
        try:
            with _staying_on_this_thread():
                return Outcome(Sharing(group, fold, job).evaluate(estimator, X, y), 1)
        except Exception:  # noqa: BLE001, S110 a user's error occurs again below
            pass
    return Outcome(
        [_evaluate_alone(estimator, X, y, params, fold, job) for params in group.candidates],
        len(group.indices),
    )


def _staying_on_this_thread() -> AbstractContextManager[Any]:
    """
    Run the nested parallel work of a Dask task, such as a ColumnTransformer's, on the task's own thread.

    While a task waits for nested work, joblib's Dask backend starts another task in its place. That one may wait for a
    lock that the first holds, and both would wait forever.
    """
    backend, _ = get_active_backend()
    is_dask = type(backend).__name__ == "DaskDistributedBackend"  # by name, since Dask may not be installed
    return parallel_config(backend="sequential") if is_dask else nullcontext()


def _evaluate_alone(estimator: Estimator, X: Data, y: Data, params: Mapping[str, Any], fold: Fold, job: Job) -> Result:
    result: Result = _fit_and_score(
        clone(estimator),
        X,
        y,
        scorer=job.scorer,
        train=fold.train,
        test=fold.test,
        verbose=job.verbose,
        parameters=params,
        fit_params=job.fit_params,
        score_params=job.score_params,
        return_train_score=job.return_train_score,
        return_n_test_samples=True,
        return_times=True,
        error_score=job.error_score,
    )
    return result
