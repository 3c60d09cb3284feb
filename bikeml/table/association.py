"""Measure how columns go together: with each other, with the target, and on both sides of a split."""

import numpy as np
import pandas as pd
from scipy.stats import chi2_contingency, ks_2samp

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
    if n_levels == len(y):
        return 0.0  # every level occurs once, so there is no variance within a level to compare with
    within = float(((y - groups.transform("mean")) ** 2).sum()) / (len(y) - n_levels)
    return float(np.sqrt(max(0.0, 1 - within / float(y.var(ddof=1)))))


def compare(held_out: pd.Series, rest: pd.Series, kind: str) -> dict[str, float]:
    """Return the distance of a column's held-out part from the rest, and the p-value of no difference."""
    if held_out.empty or rest.empty:
        return {}
    if kind == "number":
        test = ks_2samp(held_out, rest, method="asymp")
        return {"drift": float(test.statistic), "drift_p": float(test.pvalue)}
    counts = pd.concat([held_out.value_counts(), rest.value_counts()], axis=1).fillna(0).to_numpy(float)
    shares = counts / counts.sum(axis=0)
    p_value = float(chi2_contingency(counts).pvalue) if len(counts) > 1 else 1.0
    return {"drift": float(np.abs(shares[:, 0] - shares[:, 1]).sum() / 2), "drift_p": p_value}
