"""Run a grid search whose candidates share fits: SharedFitGridSearchCV."""

import time
import uuid
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any, Self

# Private in scikit-learn 1.8 to 1.9: validates the constructor's arguments as every fit there does.
from sklearn.base import _fit_context, clone, is_classifier

# Private in scikit-learn 1.8 to 1.9: the multimetric scorer, and GridSearchCV's messages about failed fits.
from sklearn.metrics._scorer import _MultimetricScorer
from sklearn.model_selection import GridSearchCV, ParameterGrid, check_cv
from sklearn.model_selection._validation import _insert_error_scores, _warn_or_raise_about_fit_failures
from sklearn.utils import indexable
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import _check_method_params

from bikeml.search.cache import PROCESS_CACHE
from bikeml.search.evaluate import Outcome, Scored, evaluate_group
from bikeml.search.plan import Group, Plan, make_plan
from bikeml.search.rules.rule import Data
from bikeml.search.sharing import Fold, Job, Result


class SharedFitGridSearchCV(GridSearchCV):  # type: ignore[misc] # scikit-learn has no types
    """
    Search a grid exactly as GridSearchCV does, with far fewer fits.

    The first 20 trees of a gradient boosting with 100 trees are the gradient boosting with 20 trees. So one fit with
    the largest `n_estimators` serves all smaller ones. These rules are built in, and `register_rule` adds others:

    ======================================================  ================  ==========================
    model (regressor and classifier)                        shared parameter  how
    ======================================================  ================  ==========================
    GradientBoosting                                        n_estimators      the first trees
    HistGradientBoosting                                    max_iter          the first iterations
    RandomForest, ExtraTrees                                n_estimators      the first trees
    AdaBoost, Bagging                                       n_estimators      the first models
    LightGBM, XGBoost                                       n_estimators      the first trees
    CatBoost                                                iterations        the first trees
    KNeighbors                                              n_neighbors       the first neighbours
    DecisionTree, ExtraTree                                 ccp_alpha         one full tree, pruned
    ======================================================  ================  ==========================

    The model may stand alone, at the end of a Pipeline or inside a TransformedTargetRegressor. If it draws numbers, it
    needs an integer `random_state`. Boosters of other packages share a fit only with known parameters.

    Transformers of a pipeline are fitted once for each distinct setting and fold (once in each process with `n_jobs`),
    if they are deterministic. scikit-learn's own are, provided that a `random_state` is an integer; declare others with
    `register_deterministic`. The functions of a TransformedTargetRegressor or a FunctionTransformer must be NumPy's, or
    declared.

    Every score, rank, `best_params_` and prediction of `best_estimator_` is the same to the last bit as
    GridSearchCV's on the same machine, and `cv_results_` has the same columns in the same order. A candidate whose
    result might differ is fitted as scikit-learn fits it. `explain` says which axes are shared, and why others are not.
    Your own scorer receives a fitted estimator, cut to size.

    Three things differ from GridSearchCV:

    - Time columns: candidates that share a fit also share its time in equal parts, so the sum of a column is the time
      really spent.
    - Output: `verbose` > 1 prints a line for each fit, not for each candidate. A warning that scikit-learn would repeat
      for every fit appears once.
    - Order of the fits: by fold, not by candidate. If several fits fail in different ways, error_score="raise" may
      raise another of their errors.

    The constructor's parameters and the fitted attributes are GridSearchCV's; two attributes are new.

    Attributes
    ----------
    n_fits_ : int
        The number of models fitted for cross-validation; the final refit does not count.
    n_fits_avoided_ : int
        The number of models that GridSearchCV would have fitted in addition. A shared fit that fails avoids none: its
        candidates are then fitted one by one, to find which of them fail.

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
        Score all candidates by cross-validation, and fit the best one on all data.

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
            If every fit fails, or an axis of the grid is empty, as in GridSearchCV.
        """
        plan = self._plan(params)
        if plan is None:
            super().fit(X, y, **params)
            self.n_fits_, self.n_fits_avoided_ = len(self.cv_results_["params"]) * self.n_splits_, 0
            return self
        return self._fit_shared(plan, X, y, params)

    def explain(self) -> dict[str, str]:
        """
        Return for each axis of the grid what is shared, or why nothing is.

        It needs no data and no fit, so it cannot foresee fits that fail.

        Returns
        -------
        remarks : dict of str to str
            A sentence for each axis.
        """
        return dict(make_plan(self.estimator, list(ParameterGrid(self.param_grid))).remarks)

    def _plan(self, params: Mapping[str, object]) -> Plan | None:
        """Return the plan, or None if GridSearchCV must run the whole search."""
        if hasattr(self, "_skl_callbacks") or any(callable(value) for value in params.values()):
            return None  # a callback or GradientBoosting's `monitor` watches every fit
        if type(self)._run_search is not GridSearchCV._run_search:  # noqa: SLF001 a subclass searches its own way
            return None
        try:
            plan = make_plan(self.estimator, list(ParameterGrid(self.param_grid)))
        except (TypeError, ValueError):
            return None  # the grid is malformed; GridSearchCV raises the error after its other checks
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
        self._rank(self._score(plan, X, y, folds, job), refit_metric)
        if self.refit:
            self._refit(X, y, routed.estimator.fit)
        self.scorer_ = scorers._scorers if isinstance(scorers, _MultimetricScorer) else scorers  # noqa: SLF001 as there
        return self

    def _score(self, plan: Plan, X: Data, y: Data, folds: list[Fold], job: Job) -> Scored:
        # Ordered by fold and then by setting, so that one slot of the cache is enough.
        tasks = list(product(folds, plan.groups))
        candidates = list(ParameterGrid(self.param_grid))
        self._announce(len(tasks), len(candidates))
        return Scored(candidates, self._collect(tasks, self._evaluate(tasks, X, y, job), len(candidates)), {})

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
        Run the tasks on joblib's active backend, and return their outcomes in the order of the tasks.

        A subclass can override it to skip tasks that an interrupted search has finished, or to report progress.
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
        """Put the results into scikit-learn's order: by candidate, then by fold."""
        if not tasks:
            raise ValueError("No fits were performed. Was the CV iterator empty? Were there no candidates?")
        ordered: dict[int, Result] = {}
        for (fold, group), outcome in zip(tasks, outcomes, strict=True):
            positions = (index * self.n_splits_ + fold.number for index in group.indices)
            ordered.update(zip(positions, outcome.results, strict=True))
        self.n_fits_ = sum(outcome.n_fits for outcome in outcomes)
        self.n_fits_avoided_ = n_candidates * self.n_splits_ - self.n_fits_
        return [ordered[position] for position in range(len(ordered))]

    def _rank(self, scored: Scored, refit_metric: Any) -> None:  # noqa: ANN401 str or callable
        """Fill cv_results_ and choose the best, with GridSearchCV's own functions."""
        candidates, results, columns = scored
        _warn_or_raise_about_fit_failures(results, self.error_score)
        if callable(self.scoring):
            _insert_error_scores(results, self.error_score)
        self.cv_results_ = self._format_results(candidates, self.n_splits_, results, columns)
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
