"""Find a column whose rows belong together, such as those of a patient: seen on both sides of a split, they flatter."""

import re
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from pandas.api.types import is_float_dtype, is_numeric_dtype
from scipy.stats import f as f_distribution
from sklearn.model_selection import GroupKFold, KFold

from bikeml.config.overrides import override, shell
from bikeml.table.structure.forest import MOST_COLUMNS, MOST_ROWS, Fall, encode, find_fall

FEWEST_GROUPS, ROWS_OF_A_GROUP = 8, 2
FOLDS, MOST_MEASURED = 4, 3
SIGNIFICANT = 0.001
RECOGNISED = 0.6
"""The share of the variance of some other column that lies between the groups: it tells the group of a row."""
MANY_GAPS = 0.05
NAMES = re.compile(
    r"(^|[\W_])(patient|subject|person|participant|respondent|student|pupil|teacher|driver|user|customer|client|member|"
    r"household|family|animal|donor|player|team|athlete|shop|store|branch|clinic|hospital|ward|school|class|site|station|"
    r"sensor|device|machine|engine|unit|vehicle|batch|lot|plot|field|plate|specimen|sample|session|trial|visit|group)"
    r"(s|[\W_]?(id|no|nr|number|code|name|key))?($|[\W_\d])",
    re.IGNORECASE,
)
"""Names of columns that say whom or what a row is about."""
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


def find_left_out(frame: pd.DataFrame, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Return the code of each row, shape (n_rows,), by column of those with `names` that may be a column of groups."""
    found = {}
    for name in names:
        codes = pd.factorize(frame[name])[0]
        if _may_be_groups(codes):
            found[name] = codes
    return found


def find_groups(X: pd.DataFrame, y: np.ndarray, left_out: Mapping[str, np.ndarray]) -> Fall | None:
    """
    Return a column whose groups of rows a forest profits from; None if it profits from none beyond chance.

    A column that is named as such comes first, then words, then numbers; of these, the one most alike in the target.

    X, shape (n_rows, n_features), and y, shape (n_rows,), are the rows; `left_out` are the codes of other columns. A
    forest without the column predicts rows once when it has seen others of their groups and once when it has not. So
    the other columns have to tell the group, unless the name of the column says that its rows are of one person or
    thing.
    """
    y = np.asarray(y, dtype=float)
    candidates = {**{str(name): pd.factorize(X[name])[0] for name in X.columns}, **left_out}
    encoded = encode(X)
    screened = dict(_screen(X, encoded, y, candidates))
    numbers = {str(name) for name in X.columns if is_numeric_dtype(X[name])}
    likely = sorted(screened, key=lambda name: (not is_named_as_group(name), name in numbers, -screened[name]))
    falls = (_measure(name, X, y, candidates[name]) for name in likely[:MOST_MEASURED])
    return next((fall for fall in falls if fall is not None), None)


def tell_group(fall: Fall, target: str) -> tuple[str, str]:
    """Return a headline, and what to do."""
    seen = f"{fall.with_kin:.2f} if it has seen other rows of the same {fall.column}, and {fall.without:.2f} if not"
    cure = f"split=group {shell(override('data.group', fall.column))}"
    advice = f"A random split has such rows on both sides; if new rows are of others: {cure}"
    return f"Rows of one {fall.column} are alike", f"A small forest predicts {target} with R² {seen}. {advice}"


def is_named_as_group(name: str) -> bool:
    """Return whether a column has a name that people give to what rows have in common."""
    return NAMES.search(_CAMEL.sub("_", name)) is not None


def _may_be_groups(codes: np.ndarray) -> bool:
    n_rows, n_groups = len(codes), int(codes.max(initial=-1)) + 1
    is_gappy = np.mean(codes < 0) > MANY_GAPS if n_rows else True
    return not is_gappy and FEWEST_GROUPS <= n_groups <= n_rows / ROWS_OF_A_GROUP


def _screen(
    X: pd.DataFrame, encoded: np.ndarray, y: np.ndarray, candidates: Mapping[str, np.ndarray]
) -> Iterator[tuple[str, float]]:
    """Yield the columns whose groups are alike in the target, and are told by some other column of numbers."""
    places = {str(name): place for place, name in enumerate(X.columns[:MOST_COLUMNS])}
    numbers = [places[str(name)] for name in X.columns[:MOST_COLUMNS] if is_numeric_dtype(X[name])]
    for name, codes in candidates.items():
        if not _may_be_groups(codes):
            continue
        alike, p_value = find_likeness(y, codes)
        if p_value * len(candidates) > SIGNIFICANT:
            continue
        others = [find_likeness(encoded[:, place], codes)[0] for place in numbers if place != places.get(name)]
        if is_named_as_group(name) or max(others, default=0) >= RECOGNISED:
            yield name, alike


def find_likeness(values: np.ndarray, codes: np.ndarray) -> tuple[float, float]:
    """
    Return the share of the variance of values, shape (n_rows,), that lies between groups, and the p-value of none.

    Source: the intraclass correlation of a one-way analysis of variance, Fisher, Statistical Methods for Research
    Workers (1925), chapter 7, with the mean size for groups of unequal sizes.
    """
    known = (codes >= 0) & np.isfinite(values)
    values, codes = values[known], np.unique(codes[known], return_inverse=True)[1]
    sizes = np.bincount(codes)
    n_rows, n_groups = len(values), len(sizes)
    if n_groups < 2 or n_rows <= n_groups:  # noqa: PLR2004  a variance takes two
        return 0.0, 1.0
    values = values - values.mean()
    between = float((np.bincount(codes, weights=values) ** 2 / sizes).sum())
    within = max(float((values**2).sum()) - between, 0.0)
    mean_between, mean_within = between / (n_groups - 1), within / (n_rows - n_groups)
    size = (n_rows - (sizes**2).sum() / n_rows) / (n_groups - 1)
    total = mean_between + (size - 1) * mean_within
    if not total > 0:
        return 0.0, 1.0
    ratio = mean_between / mean_within if mean_within > 0 else np.inf
    return (mean_between - mean_within) / total, float(f_distribution.sf(ratio, n_groups - 1, n_rows - n_groups))


def _measure(name: str, X: pd.DataFrame, y: np.ndarray, codes: np.ndarray) -> Fall | None:
    rows = _sample_groups(codes)
    X, y, codes = X.iloc[rows], y[rows], codes[rows]
    if is_named_as_group(name):
        seen = X
    else:
        seen = X[[each for each in X.columns if str(each) != name and not _is_part(X[each], codes)]]
    encoded = encode(seen)
    groups = list(GroupKFold(FOLDS).split(encoded, y, codes))
    mixed = list(KFold(FOLDS, shuffle=True, random_state=0).split(encoded))
    return find_fall(name, encoded, y, codes, mixed, groups)


def _sample_groups(codes: np.ndarray) -> np.ndarray:
    """Return the rows of many groups, as many of each as a forest takes in short time."""
    rng = np.random.default_rng(0)
    rows = rng.permutation(np.flatnonzero(codes >= 0))
    n_groups = min(len(np.unique(codes[rows])), MOST_ROWS // ROWS_OF_A_GROUP)
    place = pd.Series(codes[rows]).groupby(codes[rows]).cumcount().to_numpy()
    rows = rows[place < max(ROWS_OF_A_GROUP, MOST_ROWS // n_groups)]
    order = rng.permutation(int(codes.max()) + 1)[codes[rows]]  # whole groups, as long as there is room
    return np.sort(rows[np.argsort(order, kind="stable")][:MOST_ROWS])


def _is_part(column: pd.Series, codes: np.ndarray) -> bool:
    """Return whether each level of a column of words lies in one group, as a city in its region."""
    if is_float_dtype(column) or is_numeric_dtype(column):
        return False
    levels = pd.factorize(column)[0]
    return len(np.unique(np.column_stack([levels, codes]), axis=0)) == len(np.unique(levels))
