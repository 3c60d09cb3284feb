"""
Rules for LightGBM, XGBoost and CatBoost, none of which is imported here.

A boosting with n trees begins that of more trees only if nothing in it looks at their number. So a parameter counts as
safe only if tests have shown it, and every other one keeps its candidates apart.
"""

import copy
from collections.abc import Callable, Collection, Mapping
from functools import cache, partial, update_wrapper
from typing import Any, ClassVar

import numpy as np
from sklearn.utils.validation import _num_samples

from bikeml.search.rules.determinism import is_integer
from bikeml.search.rules.rule import Data, Estimator, SharingRule

Known = Mapping[str, Collection[object]]


def _know(names: str, **values: Collection[object]) -> Known:
    """Return the safe parameters: those with `values` are safe with these, the others with any."""
    return {**dict.fromkeys(names.split(), ()), **values}


class _BoosterRule(SharingRule):
    """For boosters with a constructor like scikit-learn's."""

    fit_params = ("sample_weight",)
    known: ClassVar[Known]
    """The parameters that change no tree by the number of trees, with their safe values; empty where each is safe."""

    def why_not(self, model: Estimator) -> str | None:
        params = {name: value for name, value in model.get_params().items() if value is not None}
        seed = params.get("random_state", params.get("random_seed"))
        if not is_integer(seed):
            return f"random_state={seed!r} is not an integer, so every fit may draw other numbers"
        for name, value in params.items():
            safe = self.known.get(name)
            if callable(value) or safe is None or (safe and value not in safe):
                return f"with {name}={value!r}, the first trees may depend on the number of all"
        return None


class LightGBMRule(_BoosterRule):
    """The first n iterations of LightGBM are those of a fit with n."""

    models = ("lightgbm.sklearn.LGBMRegressor", "lightgbm.sklearn.LGBMClassifier")
    parameter = "n_estimators"
    known = _know(
        "num_leaves max_depth learning_rate n_estimators subsample_for_bin objective class_weight min_split_gain"
        " min_child_weight min_child_samples subsample subsample_freq colsample_bytree reg_alpha reg_lambda"
        " random_state n_jobs importance_type alpha tweedie_variance_power linear_tree extra_trees path_smooth"
        " monotone_constraints cat_feature max_bin deterministic force_row_wise force_col_wise verbosity verbose",
        boosting_type=("gbdt", "rf", "goss"),  # dart changes the earlier trees
    )

    def why_not(self, model: Estimator) -> str | None:
        params = model.get_params()
        if not (params.get("force_row_wise") or params.get("force_col_wise")):
            return "LightGBM adds up by rows or by columns, as it finds faster; set force_row_wise=true"
        if model.n_jobs != 1 and not params.get("deterministic"):
            return f"n_jobs={model.n_jobs} threads may add up in another order; set deterministic=true"
        return super().why_not(model)

    def cut(self, model: Estimator, value: int) -> Estimator:  # type: ignore[override] # accepts() has looked
        cut = _copy_lightgbm(model, value)
        whole = model.booster_
        text = whole.model_to_string(num_iteration=value)
        # A fit leaves such a text too, which names the parameter.
        text = text.replace(f"[num_iterations: {model.n_estimators}]", f"[num_iterations: {value}]")
        cut._Booster = type(whole)(model_str=text)  # noqa: SLF001 LightGBM 4 keeps the trees only here
        own = {"_handle": cut._Booster._handle, "params": {**whole.params, "num_iterations": value}}  # noqa: SLF001
        vars(cut._Booster).update(vars(whole) | own)  # noqa: SLF001
        return cut

    def view(self, model: Estimator, value: int) -> Estimator:  # type: ignore[override] # accepts() has looked
        # The text of a cut model takes longer than its predictions.
        view = _copy_lightgbm(model, value)
        for method in ("predict", "predict_proba"):
            if hasattr(model, method):
                whole = getattr(model, method)
                setattr(view, method, update_wrapper(partial(whole, num_iteration=value), whole))
        return view

    def make_predictor(self, model: Estimator, X: Data, method: str) -> Callable[[Estimator], Any] | None:
        if method != "predict" or not _adds_up(model) or _num_samples(X) * model.n_estimators > _MOST_LEAVES:
            return None
        add_up = cache(partial(_add_up, model, X))
        return lambda cut: add_up()[cut.n_estimators - 1].copy()


_MOST_LEAVES = 4_000_000
"""Of a table with the leaf of each row in each tree, and the sum up to it: 80 MB."""
_SUMS = "regression regression_l2 l2 mean_squared_error mse l2_root root_mean_squared_error rmse regression_l1 l1"
_SUMS += " mean_absolute_error mae huber fair quantile mape mean_absolute_percentage_error"


def _copy_lightgbm(model: Estimator, value: int) -> Estimator:
    if model.n_iter_ < model.n_estimators:
        # An iteration that finds no split leaves no tree, and the next one may draw other rows: which, nobody knows.
        raise ValueError("LightGBM found no split in some iterations")  # each is fitted alone then
    view = copy.copy(model)
    view._other_params = {**model._other_params}  # noqa: SLF001 LightGBM 4: set_params writes here too
    return view.set_params(n_estimators=value)


def _adds_up(model: Estimator) -> bool:
    """Whether what a regressor predicts is the sum of its leaves."""
    params = model.get_params()
    return (
        type(model).__name__ == "LGBMRegressor"
        and model.objective_ in _SUMS.split()
        and params["boosting_type"] != "rf"
        and not params.get("linear_tree")
    )


def _add_up(model: Estimator, X: Data) -> np.ndarray:
    """Return the predictions after each tree, of shape (n_trees, n_rows): LightGBM adds tree by tree too."""
    leaves = np.atleast_2d(model.predict(X, pred_leaf=True).T)
    get_value = model.booster_.get_leaf_output
    total, stages = np.zeros(leaves.shape[1]), np.empty(leaves.shape)
    for tree, rows in enumerate(leaves):
        total = total + np.array([get_value(tree, leaf) for leaf in range(rows.max() + 1)])[rows]
        stages[tree] = total
    return stages


class XGBoostRule(_BoosterRule):
    """The first n rounds of XGBoost are those of a fit with n."""

    models = ("xgboost.sklearn.XGBRegressor", "xgboost.sklearn.XGBClassifier")
    parameter = "n_estimators"
    known = _know(
        "objective quantile_alpha base_score n_estimators learning_rate max_depth max_leaves grow_policy"
        " min_child_weight gamma max_delta_step subsample sampling_method colsample_bytree colsample_bylevel"
        " colsample_bynode feature_weights reg_alpha reg_lambda scale_pos_weight num_parallel_tree multi_strategy"
        " max_bin enable_categorical feature_types max_cat_to_onehot max_cat_threshold monotone_constraints"
        " interaction_constraints missing importance_type eval_metric validate_parameters n_jobs verbosity"
        " random_state",
        booster=("gbtree",),  # dart changes the earlier trees, and gblinear has none
        tree_method=("auto", "hist", "exact", "approx"),
        device=("cpu",),
    )

    def cut(self, model: Estimator, value: int) -> Estimator:  # type: ignore[override] # accepts() has looked
        cut = copy.copy(model)
        cut.n_estimators = value
        cut._Booster = model.get_booster()[:value]  # noqa: SLF001 XGBoost 3 keeps the trees only here
        cut._Booster.set_param({"nthread": model.n_jobs or 0})  # noqa: SLF001 a slice takes all cores
        return cut


class CatBoostRule(_BoosterRule):
    """
    The first n trees of CatBoost are those of a fit with n.

    A cut model predicts as that one does, but its history, importances and metadata cannot be cut.
    """

    models = ("catboost.core.CatBoostRegressor", "catboost.core.CatBoostClassifier")
    parameter = "iterations"
    takes_locked = False  # CatBoost 1.2 asks for rows of a sparse matrix that it could write to
    only_predicts = True
    known = _know(
        "loss_function iterations learning_rate depth l2_leaf_reg random_strength bootstrap_type subsample cat_features"
        " bagging_temperature mvs_reg sampling_frequency rsm min_data_in_leaf score_function boosting_type border_count"
        " feature_border_type nan_mode leaf_estimation_method leaf_estimation_iterations leaf_estimation_backtracking"
        " boost_from_average feature_weights penalties_coefficient first_feature_use_penalties has_time"
        " fold_permutation_block fold_len_multiplier allow_const_label eval_metric class_weights auto_class_weights"
        " allow_writing_files thread_count verbose logging_level random_state random_seed",
        grow_policy=("SymmetricTree",),  # CatBoost cuts only these
        task_type=("CPU",),
    )

    def why_not(self, model: Estimator) -> str | None:
        if model.get_params().get("learning_rate") is None:
            return "learning_rate=None is chosen from the number of iterations"
        return super().why_not(model)

    def cut(self, model: Estimator, value: int) -> Estimator:  # type: ignore[override] # accepts() has looked
        if model.tree_count_ < model.get_param("iterations"):
            raise ValueError("CatBoost stopped before")  # each is fitted alone then
        cut = model.copy()
        cut.shrink(value)
        cut._init_params["iterations"] = value  # noqa: SLF001 CatBoost 1: set_params refuses a fitted model
        return cut
