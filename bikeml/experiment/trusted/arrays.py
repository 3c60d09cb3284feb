"""
Check the arrays of a loaded model before anything follows the indices in them.

A type that is trusted runs no code of a file's choosing. But the compiled code of scikit-learn and SciPy follows the
indices in a model's arrays without a look: one that points outside crashes the process, and a circle never ends. Each
check here is what that code takes for granted. What numpy and Python check themselves is left to them.
"""
# ruff: noqa: ANN401, SLF001  what a file holds may be anything, and compiled code reads private attributes

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from bikeml.experiment.trusted.indices import is_of, name_type, need, within
from bikeml.experiment.trusted.trees import (
    check_boosting,
    check_decision_tree,
    check_forest,
    check_hist_boosting,
    check_tree,
)

Check = Callable[[Any], None]
MATRIX = 2
"""How many dimensions an array of rows and columns has."""
PLAIN = (str, bytes, int, float, complex, type, type(None))


def check_arrays(model: object) -> None:
    """Raise ValueError, or another error of the object's own, if an array anywhere in `model` points outside."""
    seen: dict[int, object] = {}  # the objects too, so that no other one gets the id of one that is gone
    waiting = [model]
    while waiting:
        each = waiting.pop()
        if isinstance(each, PLAIN) or id(each) in seen:
            continue
        seen[id(each)] = each
        for kind in type(each).__mro__:
            check = CHECKS.get(f"{kind.__module__}.{kind.__qualname__}")
            if check:
                check(each)
        waiting.extend(_list_parts(each))


def _list_parts(each: object) -> Iterator[Any]:
    if isinstance(each, np.ndarray):
        yield from each.ravel().tolist() if each.dtype == object else ()
    elif isinstance(each, Mapping):
        yield from each.values()
    elif isinstance(each, Sequence | set | frozenset):
        yield from each
    elif isinstance(each, partial):
        yield from (*each.args, *each.keywords.values())
    yield from getattr(each, "__dict__", {}).values()


def _check_neighbour_tree(tree: Any) -> None:
    data, rows, nodes, bounds = map(np.asarray, tree.get_arrays())
    n_nodes = len(nodes)
    need(data.ndim == MATRIX and data.size and n_nodes, "a tree of neighbours has no rows")
    need(rows.shape == (len(data),) and within(rows, len(data)), "a tree of neighbours names a row that does not exist")
    starts, ends = nodes["idx_start"], nodes["idx_end"]
    need(within(starts, len(data)) and np.all(starts < ends) and ends.max() <= len(data), "a node has no rows")
    inner = np.flatnonzero(~nodes["is_leaf"].astype(bool))
    need(within(2 * inner + 2, n_nodes), "a node of a tree has a child that does not exist")
    need(bounds.shape[1:] == (n_nodes, data.shape[1]), "a tree of neighbours has bounds of other columns")
    need(len(bounds) == (2 if type(tree).__name__.startswith("KD") else 1), "a tree of neighbours has no bounds")
    metric, weights = tree.__getstate__()[-2:]
    need(weights is None or np.shape(weights) == (len(data),), "a tree of neighbours has weights of other rows")
    _check_metric(metric, data.shape[1])


def _check_metric(metric: Any, width: int) -> None:
    """A metric with a number for each column reads one for each column of the rows."""
    need(name_type(type(metric)).startswith("sklearn.metrics._dist_metrics."), "what should be a metric is none")
    _, vector, matrix = (metric.__getstate__() or (None, (), ()))[:3]
    kind = type(metric).__name__
    if kind.startswith("SEuclidean") or (kind.startswith("Minkowski") and np.size(vector) > 1):
        need(np.shape(vector) == (width,), "a metric has weights of other columns")
    if kind.startswith("Mahalanobis"):
        need(np.shape(matrix) == (width, width), "a metric is of other columns")


def _check_neighbours(model: Any) -> None:
    rows = getattr(model, "_fit_X", None)
    if rows is None:
        return
    need(rows.ndim == MATRIX and rows.shape[1] == model.n_features_in_, "neighbours have another number of columns")
    need(getattr(model, "n_samples_fit_", rows.shape[0]) == rows.shape[0], "there are other neighbours than it says")
    tree = getattr(model, "_tree", None)
    if tree is not None:
        kinds = [f"sklearn.neighbors._{kind}" for kind in ("kd_tree.KDTree", "ball_tree.BallTree")]
        need(name_type(type(tree)).startswith(tuple(kinds)), "what should be a tree of neighbours is none")
        need(np.shape(tree.data) == rows.shape, "a tree of neighbours has other rows than its model")


def _check_support_vectors(model: Any) -> None:
    if not hasattr(model, "support_vectors_"):
        return
    counts, n_vectors = np.asarray(model._n_support), model.support_vectors_.shape[0]
    n_pairs = len(counts) * (len(counts) - 1) // 2
    need(np.all(counts >= 0) and n_vectors in (counts[0], counts.sum()), "there are other support vectors than it says")
    need(model._dual_coef_.shape == (len(counts) - 1, n_vectors), "support vectors have other coefficients")
    need(model.support_vectors_.shape[1] == model.n_features_in_, "support vectors have another number of columns")
    need(len(model.support_) == n_vectors and np.size(model._intercept_) == n_pairs, "a machine lacks its intercepts")
    need({np.size(model._probA), np.size(model._probB)} <= {0, n_pairs}, "a machine has other probabilities")


def _check_centres(model: Any) -> None:
    centres = getattr(model, "cluster_centers_", None)
    if centres is not None:
        need(np.shape(centres) == (len(centres), model.n_features_in_), "centres have another number of columns")
    waiting, seen = [getattr(model, "_bisecting_tree", None)], set[int]()
    while waiting:
        node = waiting.pop()
        if node is None:
            continue
        need(
            id(node) not in seen and is_of(node, "sklearn.cluster._bisect_k_means._BisectingTree"),
            "what should be a tree of centres is none, or leads in a circle",
        )
        need(np.shape(node.center) == (model.n_features_in_,), "a centre has another number of columns")
        seen.add(id(node))
        waiting += [node.left, node.right]


def _check_one_hot(model: Any) -> None:
    if hasattr(model, "categories_"):
        counts = model._compute_n_features_outs()
        need(list(model._n_features_outs) == list(counts), "there are other categories than encoded columns")
        for mapping, count in zip(getattr(model, "_default_to_infrequent_mappings", ()), counts, strict=False):
            need(mapping is None or within(mapping, count + 1), "a category is encoded in a column that does not exist")


def _check_vocabulary(model: Any) -> None:
    words = getattr(model, "vocabulary_", {})
    need(sorted(words.values()) == list(range(len(words))), "the columns of words are not numbered")


def _check_sparse(matrix: Any) -> None:
    matrix.check_format(full_check=True)


def _check_spline(spline: Any) -> None:
    knots, coefficients, degree = spline.t, spline.c, spline.k
    need(isinstance(degree, int | np.integer) and degree >= 0, "a spline has no degree")
    need(knots.ndim == 1 and knots.dtype == float and np.isfinite(knots).all(), "the knots of a spline are no numbers")
    need(len(knots) > 2 * degree + 1 and np.all(np.diff(knots) >= 0), "the knots of a spline are in no order")
    need(coefficients.dtype == float and len(coefficients) >= len(knots) - degree - 1, "a spline lacks coefficients")


_HIST = "sklearn.ensemble._hist_gradient_boosting"
CHECKS: Mapping[str, Check] = {
    "sklearn.tree._tree.Tree": check_tree,
    "sklearn.tree._classes.BaseDecisionTree": check_decision_tree,
    "sklearn.ensemble._forest.BaseForest": check_forest,
    "sklearn.ensemble._gb.BaseGradientBoosting": check_boosting,
    f"{_HIST}.gradient_boosting.BaseHistGradientBoosting": check_hist_boosting,
    **{
        f"sklearn.neighbors._{module}_tree.{name}Tree{bits}": _check_neighbour_tree
        for module, name in (("ball", "Ball"), ("kd", "KD"))
        for bits in ("", "32", "64")
    },
    "sklearn.neighbors._base.NeighborsBase": _check_neighbours,
    "sklearn.svm._base.BaseLibSVM": _check_support_vectors,
    "sklearn.cluster._kmeans._BaseKMeans": _check_centres,
    "sklearn.preprocessing._encoders.OneHotEncoder": _check_one_hot,
    "sklearn.feature_extraction.text.CountVectorizer": _check_vocabulary,
    "sklearn.feature_extraction._dict_vectorizer.DictVectorizer": _check_vocabulary,
    "scipy.sparse._compressed._cs_matrix": _check_sparse,
    "scipy.interpolate._bsplines.BSpline": _check_spline,
}
"""By the name of a class, which is not imported for it."""
