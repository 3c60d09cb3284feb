"""SharedFitGridSearchCV: the story of one search."""

import time
import uuid
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any, Self

# Private in scikit-learn 1.8 to 1.9: validates the constructor's arguments as every fit there does.
from sklearn.base import _fit_context, clone, is_classifier

# Private in scikit-learn 1.8 to 1.9: the multimetric scorer, and GridSearchCV's own words about failed fits.
from sklearn.metrics._scorer import _MultimetricScorer
from sklearn.model_selection import GridSearchCV, ParameterGrid, check_cv
from sklearn.model_selection._validation import _insert_error_scores, _warn_or_raise_about_fit_failures
from sklearn.utils import indexable
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import _check_method_params

from bikeml.search.cache import PROCESS_CACHE
from bikeml.search.evaluate import Outcome, evaluate_group
from bikeml.search.layers import Data
from bikeml.search.plan import Group, Params, Plan, make_plan
from bikeml.search.sharing import Fold, Job, Result


class SharedFitGridSearchCV(GridSearchCV):  # type: ignore[misc] # scikit-learn has no types
    """
    Search a grid exactly as GridSearchCV does, with far fewer fits.

    The first 20 trees of a gradient boosting of 100 are the gradient boosting of 20 trees, so one fit with the
    largest `n_estimators` serves all smaller ones. Likewise for the parameters that `register_rule` knows:

    ======================================================  ================  ==========================
    model (regressor and classifier)                        shared parameter  how
    ======================================================  ================  ==========================
    GradientBoosting                                        n_estimators      the first trees
    HistGradientBoosting                                    max_iter          the first iterations
    RandomForest, ExtraTrees                                n_estimators      the first trees
    AdaBoost, Bagging                                       n_estimators      the first models
    DecisionTree, ExtraTree                                 ccp_alpha         one full tree, pruned
    ======================================================  ================  ==========================

    The model may be bare, last in a Pipeline or inside a TransformedTargetRegressor, and needs an integer
    `random_state`. The transformers of a pipeline are fitted once for each distinct setting and fold (once in each
    process with `n_jobs`) if they are deterministic: scikit-learn's own are, with an integer `random_state` where
    they have one; others can be declared with `register_deterministic`. Functions given to a
    TransformedTargetRegressor or a FunctionTransformer must be NumPy's, or be declared too.

    Every score, rank, `best_params_` and prediction of `best_estimator_` is the same to the last bit as
    GridSearchCV's on the same machine, and `cv_results_` has the same columns in the same order. What is not
    provably the same is fitted as scikit-learn would; `explain` tells which axis is shared and why another is not.
    A scorer of your own receives a real fitted estimator, cut to size.

    Only the time columns differ: candidates that share a fit each bear an equal part of the time for fitting and
    scoring them all, so that a column's sum is the time really spent. With `verbose` > 1 there is a line for each
    fit and not for each candidate, and a warning that scikit-learn would repeat with every fit comes once.
    The work goes fold by fold and not candidate by candidate: where several fits fail in different ways,
    error_score="raise" may raise another of their errors.

    The constructor's parameters and the fitted attributes are GridSearchCV's; two attributes are new.

    Attributes
    ----------
    n_fits_ : int
        The number of models fitted for cross-validation, that is without the final refit.
    n_fits_avoided_ : int
        The number that GridSearchCV would have fitted in addition. Where a shared fit fails it is 0: the
        candidates are then fitted one by one, to see which of them fail.

    Examples
    --------
    >>> from sklearn.datasets import make_regression
    >>> from sklearn.ensemble import GradientBoostingRegressor
    >>> X, y = make_regression(n_samples=60, n_features=3, random_state=0)
    >>> grid = {"n_estimators": [2, 5, 10], "learning_rate": [0.1, 0.3]}
    >>> search = SharedFitGridSearchCV(GradientBoostingRegressor(random_state=0), grid, cv=3).fit(X, y)
    >>> search.n_fits_, search.n_fits_avoided_
    (6, 12)
    """

    @_fit_context(prefer_skip_nested_validation=False)  # type: ignore[untyped-decorator] # scikit-learn has no types
    def fit(self, X: Data, y: Data = None, **params: object) -> Self:
        """
        Try all candidates by cross-validation and fit the best one on all data.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training data.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Target; None for unsupervised learning.
        **params : object
            For the estimator's fit, the scorer and the splitter, as in GridSearchCV.

        Returns
        -------
        self : SharedFitGridSearchCV
            The fitted search.

        Raises
        ------
        ValueError
            If every fit fails, or an axis of the grid is empty: as in GridSearchCV.
        """
        plan = self._plan(params)
        if plan is None:
            super().fit(X, y, **params)
            self.n_fits_, self.n_fits_avoided_ = len(self.cv_results_["params"]) * self.n_splits_, 0
            return self
        return self._fit_shared(plan, X, y, params)

    def explain(self) -> dict[str, str]:
        """
        Say for each axis of the grid what is shared, or why not.

        Returns
        -------
        remarks : dict of str to str
            A sentence for each axis. It needs no data and no fit, and so cannot tell of fits that will fail.
        """
        return dict(make_plan(self.estimator, list(ParameterGrid(self.param_grid))).remarks)

    def _plan(self, params: Mapping[str, object]) -> Plan | None:
        """Return the plan, or None where scikit-learn must do it all."""
        if hasattr(self, "_skl_callbacks") or any(callable(value) for value in params.values()):
            return None  # a callback or GradientBoosting's `monitor` watches every fit
        if type(self)._run_search is not GridSearchCV._run_search:  # noqa: SLF001 a subclass searches its own way
            return None
        try:
            plan = make_plan(self.estimator, list(ParameterGrid(self.param_grid)))
        except (TypeError, ValueError):
            return None  # the grid is malformed, and GridSearchCV says so after it has looked at the rest
        return plan if self._shares_enough(plan) else None

    def _shares_enough(self, plan: Plan) -> bool:
        return plan.is_worthwhile

    def _fit_shared(self, plan: Plan, X: Data, y: Data, params: Mapping[str, object]) -> Self:
        """Do what GridSearchCV.fit does, group by group."""
        scorers, refit_metric = self._get_scorers()
        X, y = indexable(X, y)
        params = _check_method_params(X, params=params)
        routed = self._get_routed_params_for_fit(params)
        folds = self._split(X, y, routed.splitter.split)
        job = Job(
            token=uuid.uuid4().hex,
            scorer=scorers,
            fit_params=routed.estimator.fit,
            score_params=routed.scorer.score,
            return_train_score=self.return_train_score,
            error_score=self.error_score,
            verbose=self.verbose,
        )
        # The order of the work: fold by fold and setting by setting, so that one slot of the cache is enough.
        tasks = list(product(folds, plan.groups))
        candidates = list(ParameterGrid(self.param_grid))
        self._announce(len(tasks), len(candidates))
        results = self._collect(tasks, self._evaluate(tasks, X, y, job), len(candidates))
        self._judge(candidates, results, refit_metric)
        if self.refit:
            self._refit(X, y, routed.estimator.fit)
        self.scorer_ = scorers._scorers if isinstance(scorers, _MultimetricScorer) else scorers  # noqa: SLF001 as there
        return self

    def _split(self, X: Data, y: Data, split_params: Mapping[str, object]) -> list[Fold]:
        self._checked_cv_orig = check_cv(self.cv, y, classifier=is_classifier(self.estimator))
        self.n_splits_ = self._checked_cv_orig.get_n_splits(X, y, **split_params)
        splits = list(self._checked_cv_orig.split(X, y, **split_params))
        if len(splits) != self.n_splits_:
            raise ValueError(
                "cv.split and cv.get_n_splits return inconsistent results. "
                f"Expected {self.n_splits_} splits, got {len(splits)}"
            )
        return [Fold(number, train, test) for number, (train, test) in enumerate(splits)]

    def _announce(self, n_fits: int, n_candidates: int) -> None:
        if self.verbose > 0:
            print(  # noqa: T201 as GridSearchCV does
                f"Fitting {self.n_splits_} folds for each of {n_candidates} candidates,"
                f" totalling {n_fits} fits instead of {n_candidates * self.n_splits_}"
            )

    def _evaluate(self, tasks: Sequence[tuple[Fold, Group]], X: Data, y: Data, job: Job) -> list[Outcome]:
        """
        Run the tasks on joblib's backend, whichever is active, and return their outcomes in the same order.

        This is the place to skip tasks that an earlier, interrupted search has finished, or to count those done.
        """
        estimator = clone(self.estimator)
        parallel = Parallel(n_jobs=self.n_jobs, pre_dispatch=self.pre_dispatch)
        try:
            outcomes: list[Outcome] = parallel(
                delayed(evaluate_group)(estimator, X, y, group, fold, job) for fold, group in tasks
            )
        finally:
            PROCESS_CACHE.clear()
        return outcomes

    def _collect(
        self, tasks: Sequence[tuple[Fold, Group]], outcomes: Sequence[Outcome], n_candidates: int
    ) -> list[Result]:
        """Put the results into scikit-learn's order: candidate by candidate, and in each fold by fold."""
        if not tasks:
            raise ValueError("No fits were performed. Was the CV iterator empty? Were there no candidates?")
        ordered: dict[int, Result] = {}
        for (fold, group), outcome in zip(tasks, outcomes, strict=True):
            positions = (index * self.n_splits_ + fold.number for index in group.indices)
            ordered.update(zip(positions, outcome.results, strict=True))
        self.n_fits_ = sum(outcome.n_fits for outcome in outcomes)
        self.n_fits_avoided_ = n_candidates * self.n_splits_ - self.n_fits_
        return [ordered[position] for position in range(len(ordered))]

    def _judge(self, candidates: list[Params], results: list[Result], refit_metric: Any) -> None:  # noqa: ANN401 str or callable
        """Fill cv_results_ and choose the best, with GridSearchCV's own functions."""
        _warn_or_raise_about_fit_failures(results, self.error_score)
        if callable(self.scoring):
            _insert_error_scores(results, self.error_score)
        self.cv_results_ = self._format_results(candidates, self.n_splits_, results)
        first = results[0]["test_scores"]
        self.multimetric_ = isinstance(first, dict)
        if callable(self.scoring) and self.multimetric_:
            self._check_refit_for_multimetric(first)
            refit_metric = self.refit
        if self.refit or not self.multimetric_:
            self.best_index_ = self._select_best_index(self.refit, refit_metric, self.cv_results_)
            if not callable(self.refit):
                self.best_score_ = self.cv_results_[f"mean_test_{refit_metric}"][self.best_index_]
            self.best_params_ = self.cv_results_["params"][self.best_index_]

    def _refit(self, X: Data, y: Data, fit_params: Mapping[str, object]) -> None:
        self.best_estimator_ = clone(self.estimator).set_params(**clone(self.best_params_, safe=False))
        start = time.time()
        self.best_estimator_.fit(X, **fit_params) if y is None else self.best_estimator_.fit(X, y, **fit_params)
        self.refit_time_ = time.time() - start
        if hasattr(self.best_estimator_, "feature_names_in_"):
            self.feature_names_in_ = self.best_estimator_.feature_names_in_
