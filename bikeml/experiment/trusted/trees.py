"""Check that the nodes of a tree lead to nodes and columns that there are."""
# ruff: noqa: ANN401, SLF001  what a file holds may be anything, and compiled code reads private attributes

from typing import Any

import numpy as np

from bikeml.experiment.trusted.indices import is_of, name_type, need, within

LEAF = -1
BITSET_WORDS, MOST_CATEGORIES = 8, 256
"""A category of a HistGradientBoosting is a bit of 8 numbers of 32 bits."""
_HIST = "sklearn.ensemble._hist_gradient_boosting"


def _check_nodes(left: np.ndarray, right: np.ndarray, feature: np.ndarray, is_inner: np.ndarray, width: int) -> None:
    """Check nodes, shape (n_nodes,) each: a child stands behind its parent, so that no way leads in a circle."""
    inner = np.flatnonzero(is_inner)
    for child in (left[inner].astype(np.int64), right[inner].astype(np.int64)):
        need(np.all(child > inner) and within(child, len(left)), "a node of a tree has a child that is not behind it")
    need(within(feature[inner], width), "a node of a tree asks for a column that does not exist")


def check_tree(tree: Any) -> None:
    """Raise ValueError unless each way through a tree of sklearn.tree ends in a leaf."""
    need(0 < tree.node_count <= tree.capacity, "a tree has another number of nodes than it says")
    need(tree.n_outputs > 0 and tree.max_n_classes > 0, "a tree has no outputs")
    is_inner = tree.children_left != LEAF
    _check_nodes(tree.children_left, tree.children_right, tree.feature, is_inner, tree.n_features)


def check_decision_tree(model: Any) -> None:
    """Raise ValueError unless the tree of an estimator is for its columns."""
    if hasattr(model, "tree_"):
        need(is_of(model.tree_, "sklearn.tree._tree.Tree"), "what should be a tree is none")
        need(model.tree_.n_features == model.n_features_in_, "a tree has another number of columns than its model")
        need(model.tree_.n_outputs == model.n_outputs_, "a tree has another number of outputs than its model")


def check_forest(model: Any) -> None:
    """Raise ValueError unless all trees are for the forest's columns: none of them looks at the rows again."""
    trees = np.asarray(getattr(model, "estimators_", ()), dtype=object).ravel()
    are_trees = all(is_of(each, "sklearn.tree._classes.BaseDecisionTree") for each in trees)
    need(are_trees, "what should be a tree of a forest is none")
    alike = all(each.n_features_in_ == model.n_features_in_ for each in trees)
    need(alike, "a tree has another number of columns than its forest")


def check_boosting(model: Any) -> None:
    """Raise ValueError unless the trees of a GradientBoosting are for its columns and outputs."""
    if hasattr(model, "estimators_"):
        check_forest(model)
        shape = np.shape(model.estimators_)
        need(shape[1:] == (model.n_trees_per_iteration_,), f"trees of the shape {shape} are not in one column")


def check_hist_boosting(model: Any) -> None:
    """Raise ValueError unless the trees and bins of a HistGradientBoosting are for its columns."""
    if not hasattr(model, "_predictors"):
        return
    width, bins = model._n_features, model._bin_mapper
    need(width == model.n_features_in_, "a model has two numbers of columns")
    if model._preprocessor is not None:
        parts = [part for part in model._preprocessor.transformers_ if not isinstance(part[1], str)]  # what is dropped
        columns = np.concatenate([np.arange(width)[columns] for _, _, columns in parts])
        kinds = ("sklearn.preprocessing._encoders.OrdinalEncoder", "sklearn.preprocessing._function_transformer.")
        made = all(is_of(part, kinds[0]) or name_type(type(part)).startswith(kinds[1]) for _, part, _ in parts)
        need(made and sorted(columns) == list(range(width)), "a model prepares other columns than it has")
    need(len(bins.is_categorical_) == len(bins.bin_thresholds_) == width, "a model has bins of other columns")
    for number in np.flatnonzero(bins.is_categorical_):
        need(within(bins.bin_thresholds_[number], MOST_CATEGORIES), "a category has a number that does not exist")
    for each in (each for iteration in model._predictors for each in iteration):
        need(is_of(each, f"{_HIST}.predictor.TreePredictor"), "what should be a tree is none")
        _check_predictor(each, width)
        is_split = each.nodes["is_categorical"].astype(bool) & ~each.nodes["is_leaf"].astype(bool)
        asked = np.unique(each.nodes["feature_idx"][is_split])
        need(np.all(np.asarray(bins.is_categorical_)[asked]), "a node asks for categories in a column of numbers")


def _check_predictor(predictor: Any, width: int) -> None:
    nodes, bits = predictor.nodes, predictor.raw_left_cat_bitsets
    is_inner = ~nodes["is_leaf"].astype(bool)
    need(nodes.ndim == 1 and len(nodes) > 0, "a tree has no nodes")
    _check_nodes(nodes["left"], nodes["right"], nodes["feature_idx"], is_inner, width)
    need(bits.dtype == np.uint32 and bits.shape == (len(bits), BITSET_WORDS), "a tree has no bits of categories")
    is_split = is_inner & nodes["is_categorical"].astype(bool)
    need(within(nodes["bitset_idx"][is_split].astype(np.int64), len(bits)), "a node asks for bits that do not exist")
