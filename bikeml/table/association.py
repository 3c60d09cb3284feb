"""Measure how columns go together: with each other, with the target, and on both sides of a split."""

import math
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from scipy.stats import chi2_contingency, fisher_exact, ks_2samp, poisson, rankdata
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.tree import DecisionTreeRegressor

FEWEST_ROWS = 10
TREE_ROWS, TREE_LEAVES = 2_000, 32  # of more rows every n-th is taken
ALMOST, ALONE = 0.999, 0.995  # of a correlation, and of a prediction alone: the column is the target in disguise
ROWS_OF_FIRST_LOOK, NEARLY = 1_000, 0.98
FOLDS, FIRST_LOOK = 5, 0.8  # of the variance
FEW_EXPECTED = 5  # levels with fewer expected rows on one side of a split are tested together (Cochran, 1954)
PAIRED_ROWS = 2_000  # of more distinct rows every n-th is taken
TOGETHER = 1.2  # pairs of rows agree so many times more often in two columns than if these were independent
RARE = 0.001
MIX = 1_000_003
MATRIX_CELLS = 5_000_000  # of the rows and columns that are correlated with each other, at most


def correlate(numbers: pd.DataFrame) -> pd.DataFrame:
    """
    Return Pearson's correlation of each pair of columns, shape (n_columns, n_columns), from the rows that have both.

    Four products of matrices give the sums of all pairs. Of a large table every n-th row is taken. NaN for a constant.
    """
    cells = numbers.iloc[:: 1 + numbers.size // MATRIX_CELLS]
    scale = cells.std(ddof=0).to_numpy()
    with np.errstate(all="ignore"):
        z = (cells.to_numpy(float) - cells.mean().to_numpy()) / np.where(scale > 0, scale, np.nan)
        known = np.isfinite(z).astype(float)
        z = np.nan_to_num(z, posinf=0, neginf=0)
        n, sums, squares = known.T @ known, z.T @ known, (z * z).T @ known
        spread = n * squares - sums**2
        matrix = (n * (z.T @ z) - sums * sums.T) / np.sqrt(spread * spread.T)
    return pd.DataFrame(np.clip(matrix, -1, 1), numbers.columns, numbers.columns)


def correlation_ratio(x: pd.Series, y: pd.Series) -> float:
    """
    Return the correlation ratio of y, shape (n_rows,), given the level of x, from 0 to 1.

    Its square is the share of y's variance between the levels, corrected for what many levels explain by chance
    (Kelley, An unbiased correlation ratio measure, PNAS 21 (1935)).
    """
    groups = y.groupby(x.to_numpy())
    n_levels = groups.ngroups
    if len(y) - n_levels < FEWEST_ROWS:
        return 0.0  # almost every level occurs once, so there is no variance within a level to compare with
    within = float(((y - groups.transform("mean")) ** 2).sum()) / (len(y) - n_levels)
    return float(np.sqrt(max(0.0, 1 - within / float(y.var(ddof=1)))))


def correlate_ranks(x: np.ndarray, y: np.ndarray) -> float:
    """Return the larger of |Pearson's| and |Spearman's correlation|, both of shape (n_rows,); 0 of a constant."""
    return max(_correlate(x, y), _correlate(rankdata(x), rankdata(y)))


def _correlate(one: np.ndarray, other: np.ndarray) -> float:
    with np.errstate(over="ignore", invalid="ignore"):
        one, other = one - one.mean(), other - other.mean()
        size = np.sqrt((one @ one) * (other @ other))
        return abs(float(one @ other / size)) if np.isfinite(size) and size > 0 else 0.0


def predict_alone(x: pd.Series, y: np.ndarray) -> float:
    """
    Return the correlation of y's ranks, shape (n_rows,), with what the column x alone predicts of them, from 0 to 1.

    Both have no gaps. A shallow tree of numbers, or the mean of each level, predicts rows that it was not fitted on. So
    functions that rise and fall are found, and a level of a single row says nothing. The result is 0 if a first look
    finds far less than almost all of the target in x.

    Source: the predictive power score of Wetschoreck et al. (2020), a cross-validated tree of one column; the tree is
    that of Breiman et al., Classification and Regression Trees (1984).
    """
    step = 1 + (len(y) - 1) // TREE_ROWS
    ranks, x = rankdata(np.asarray(y, dtype=float)[::step]), x.iloc[::step]
    if len(ranks) < FEWEST_ROWS or np.ptp(ranks) == 0:
        return 0.0
    if is_numeric_dtype(x):
        if _explain_by_bins(x.to_numpy(float), ranks) < FIRST_LOOK:
            return 0.0
        tree = DecisionTreeRegressor(max_leaf_nodes=TREE_LEAVES, random_state=0)
        folds = KFold(FOLDS, shuffle=True, random_state=0)
        errors = ranks - cross_val_predict(tree, x.to_numpy(float)[:, np.newaxis], ranks, cv=folds)
    else:
        errors = _err_by_level(x, ranks)
    if len(errors) < FEWEST_ROWS:
        return 0.0
    return float(np.sqrt(max(0.0, 1 - np.mean(errors**2) / np.var(ranks))))


def is_disguise(values: np.ndarray, target: np.ndarray) -> bool:
    """Return whether a column of numbers, shape (n_rows,), is almost the target, or a function of it."""
    known = np.isfinite(values) & np.isfinite(target)
    values, target = values[known], target[known]
    if len(values) < FEWEST_ROWS:
        return False
    step = 1 + len(values) // ROWS_OF_FIRST_LOOK
    if correlate_ranks(values[::step], target[::step]) >= NEARLY and correlate_ranks(values, target) >= ALMOST:
        return True
    return predict_alone(pd.Series(values), target) >= ALONE


def _explain_by_bins(x: np.ndarray, y: np.ndarray) -> float:
    """Return the share of the variance of y, shape (n_rows,), between bins of as many rows in the order of x."""
    parts = np.array_split(y[np.argsort(x, kind="stable")], TREE_LEAVES)
    within = sum(((part - part.mean()) ** 2).sum() for part in parts if len(part))
    return float(1 - within / len(y) / np.var(y))


def _err_by_level(x: pd.Series, y: np.ndarray) -> np.ndarray:
    """Return by how much each row differs from the mean of the other rows of its level; without rows that are alone."""
    codes, _ = pd.factorize(x)
    counts, sums = np.bincount(codes)[codes], np.bincount(codes, weights=y)[codes]
    known = counts > 1
    return np.asarray(y[known] - (sums[known] - y[known]) / (counts[known] - 1))


def compare_gaps(is_gap: np.ndarray, held_out: np.ndarray) -> dict[str, float]:
    """Return by how much the share of gaps, shape (n_rows,), differs in the held-out rows, and Fisher's p-value."""
    if not is_gap.any() or held_out.all() or not held_out.any():
        return {}
    counts = [[int((is_gap[part] == wanted).sum()) for wanted in (True, False)] for part in (held_out, ~held_out)]
    drift = float(is_gap[held_out].mean() - is_gap[~held_out].mean())
    return {"gap_drift": drift, "gap_drift_p": float(fisher_exact(counts).pvalue)}


def compare(held_out: pd.Series, rest: pd.Series, kind: str) -> dict[str, float]:
    """Return the distance of a column's held-out part from the rest, and the p-value of no difference."""
    if held_out.empty or rest.empty:
        return {}
    if kind == "number":
        test = ks_2samp(held_out, rest, method="asymp")
        return {"drift": float(test.statistic), "drift_p": float(test.pvalue)}
    counts = pd.concat([held_out.value_counts(), rest.value_counts()], axis=1).fillna(0).to_numpy(float)
    shares = counts / counts.sum(axis=0)
    is_rare = counts.sum(axis=1) * counts.sum(axis=0).min() / counts.sum() < FEW_EXPECTED
    tested = np.vstack([counts[~is_rare], counts[is_rare].sum(axis=0, keepdims=True)])
    tested = tested[tested.sum(axis=1) > 0]
    p_value = float(chi2_contingency(tested).pvalue) if len(tested) > 1 else 1.0
    return {"drift": float(np.abs(shares[:, 0] - shares[:, 1]).sum() / 2), "drift_p": p_value}


class Copies(NamedTuple):
    """Equal rows of the whole table."""

    n_duplicates: int
    """Rows that are copies of earlier ones."""
    n_shared: int
    """Held-out rows with the same features as a row of the rest."""
    are_duplicates: bool
    """Whether there are more copies than chance makes, as where all columns have few levels."""
    are_shared: bool
    """Whether more held-out rows than chance makes have a twin in the rest."""


def count_copies(frame: pd.DataFrame, is_feature: np.ndarray, held_out: np.ndarray | None) -> Copies:
    """
    Count the rows of a table that are copies of earlier ones, and the held-out rows with a twin in the rest.

    `is_feature` tells which columns are features, shape (n_columns,), and `held_out` which rows, (n_rows,).
    """
    cells = hash_columns(frame)
    rows = hash_rows(cells)
    n_duplicates, n_shared, are_shared = len(rows) - len(np.unique(rows)), 0, False
    are_duplicates = n_duplicates > 0 and exceeds_chance(count_pairs(rows), math.comb(len(rows), 2), cells)
    if held_out is not None and is_feature.any():
        seen = cells[:, is_feature]
        rows = hash_rows(seen)
        n_shared = int(np.isin(rows[held_out], rows[~held_out]).sum())
        n_equal = count_pairs(rows) - count_pairs(rows[held_out]) - count_pairs(rows[~held_out])
        are_shared = n_shared > 0 and exceeds_chance(n_equal, float(held_out.sum() * (~held_out).sum()), seen)
    return Copies(n_duplicates, n_shared, are_duplicates, are_shared)


def find_twins(rows: pd.DataFrame, others: pd.DataFrame) -> tuple[int, bool]:
    """Return how many rows are equal to one of the others, gaps too, and whether chance makes fewer."""
    left = others
    for name in sorted(rows.columns, key=lambda name: -rows[name].nunique()):
        left = left[left[name].isin(rows[name])]  # a column at a time: the first leaves few rows of most tables
    found = pd.util.hash_pandas_object(left, index=False).value_counts()
    counts = pd.util.hash_pandas_object(rows, index=False).map(found).fillna(0)
    if not counts.any():
        return 0, False
    cells = hash_columns(pd.concat([rows, others]))
    return int((counts > 0).sum()), exceeds_chance(float(counts.sum()), float(len(rows) * len(others)), cells)


def hash_columns(frame: pd.DataFrame) -> np.ndarray:
    """Return a number for each cell, shape (n_rows, n_columns): equal values of a column, also gaps, have the same."""
    hashed = [pd.util.hash_pandas_object(frame[name], index=False).to_numpy() for name in frame.columns]
    return np.column_stack(hashed) if hashed else np.zeros((len(frame), 0), dtype=np.uint64)


def hash_rows(cells: np.ndarray) -> np.ndarray:
    """Return a number for each row of what hash_columns returns, shape (n_rows,): equal rows have the same."""
    rows = np.zeros(len(cells), dtype=np.uint64)
    for column in cells.T:
        rows = rows * np.uint64(MIX) + column  # wraps
    return rows


def count_pairs(rows: np.ndarray) -> float:
    """Return how many pairs of rows, shape (n_rows,), are equal."""
    counts = np.unique(rows, return_counts=True)[1].astype(float)
    return float((counts * (counts - 1) / 2).sum())


def exceeds_chance(n_equal: float, n_pairs: float, cells: np.ndarray) -> bool:
    """
    Return whether `n_equal` of `n_pairs` pairs of rows are equal more often than chance makes them.

    `cells`, shape (n_rows, n_columns), are those of all rows, as hash_columns returns them. By chance, two rows agree
    in all columns with the product of the probabilities that they agree in each. Columns that agree together count as
    one, such as a city and its country. Some dependence remains, so twice as many are still taken for chance.

    Source: the birthday problem, with the number of coincidences as a Poisson variable, in Diaconis and Mosteller,
    Methods for Studying Coincidences, JASA 84 (1989).
    """
    blocks = _find_blocks(cells)
    agree = [count_pairs(hash_rows(cells[:, blocks == block])) for block in np.unique(blocks)]
    share = np.prod(np.array(agree) / (len(cells) * (len(cells) - 1) / 2))
    return bool(poisson.sf(n_equal - 1, 2 * n_pairs * share) < RARE)


def _find_blocks(cells: np.ndarray) -> np.ndarray:
    """Return the number of each column's block, shape (n_columns,): pairs of rows agree in its columns together."""
    distinct = np.unique(hash_rows(cells), return_index=True)[1]  # copies agree in all columns
    sample = cells[np.sort(distinct)][:: 1 + len(distinct) // PAIRED_ROWS]
    n_columns, n_pairs = cells.shape[1], len(sample) * (len(sample) - 1) / 2
    alone = [count_pairs(column) for column in sample.T]
    is_linked = np.zeros((n_columns, n_columns), dtype=bool)
    for i, j in combinations(range(n_columns), 2):
        if min(alone[i], alone[j]) >= FEWEST_ROWS:
            both = count_pairs(hash_rows(sample[:, [i, j]]))
            is_linked[i, j] = both >= FEWEST_ROWS and both * n_pairs > TOGETHER * alone[i] * alone[j]
    return np.asarray(connected_components(csr_array(is_linked), directed=False)[1])
