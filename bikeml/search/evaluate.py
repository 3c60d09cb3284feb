"""A group of candidates on one fold: sharing a fit, or each alone as scikit-learn does it."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

from joblib import parallel_config
from joblib.parallel import get_active_backend
from sklearn.base import clone

# Private in scikit-learn 1.8 to 1.9: what GridSearchCV itself calls for each candidate and fold. Nothing public does
# it: cross_validate knows no groups, and the handling of failing scorers must be the same.
from sklearn.model_selection._validation import _fit_and_score

from bikeml.search.layers import Data, Estimator
from bikeml.search.plan import Group
from bikeml.search.sharing import Fold, Job, Result, Sharing


class Outcome(NamedTuple):
    """
    A group's results on one fold.

    Attributes
    ----------
    results : list of dict
        One for each candidate of the group, in its order.
    n_fits : int
        How many models were fitted for them.
    """

    results: list[Result]
    n_fits: int


def evaluate_group(estimator: Estimator, X: Data, y: Data, group: Group, fold: Fold, job: Job) -> Outcome:
    """
    Fit and score a group of candidates on a fold.

    Whatever goes wrong on the way that is shared, the candidates are then done one by one by scikit-learn itself, so
    that every message, warning and error score is its own.

    Parameters
    ----------
    estimator : estimator
        Not fitted; it is cloned.
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
        except Exception:  # noqa: BLE001, S110 it comes again below where it is the user's
            pass
    return Outcome(
        [_evaluate_alone(estimator, X, y, params, fold, job) for params in group.candidates],
        len(group.indices),
    )


def _staying_on_this_thread() -> AbstractContextManager[Any]:
    """
    Keep the nested parallel work of a Dask task, such as a ColumnTransformer's, on its own thread.

    joblib's backend gives the place of a task that waits for such work to another one, and that one may wait for what
    the first keeps locked: both would wait forever.
    """
    backend, _ = get_active_backend()
    is_dask = type(backend).__name__ == "DaskDistributedBackend"  # which cannot be imported where Dask is not
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
