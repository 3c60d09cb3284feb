"""Describe a table before any model: its columns, their relation to the target, drift, and leaks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype
from scipy.stats import chi2_contingency, ks_2samp

from bikeml.config.data import DataConfig
from bikeml.config.schema import Config
from bikeml.errors import DataError
from bikeml.table.column import parse_dates
from bikeml.table.split import split_table

FENCE = 1.5  # outliers are so many interquartile ranges beyond the quartiles (Tukey, Exploratory Data Analysis, 1977)
FEW_LEVELS = 12  # a numeric column with at most so many values is a category, unless data.numeric lists it


@dataclass(frozen=True)
class Column:
    """A column of the table, without its cells; a value that does not apply or cannot be computed is None."""

    name: str
    kind: str
    """number, category, date, or empty."""
    role: str
    """target, feature, date or unused."""
    dtype: str
    n_missing: int
    share_missing: float
    n_levels: int
    mean: float | None = None
    median: float | None = None
    std: float | None = None
    low: float | None = None
    high: float | None = None
    n_outliers: int | None = None
    correlation: float | None = None
    """Pearson's correlation of a number with the target."""
    association: float | None = None
    """With the target, from 0 to 1: |Spearman's correlation| of a number, the correlation ratio of a category."""
    drift: float | None = None
    """Distance of the held-out part from the rest, 0 to 1: Kolmogorov-Smirnov of a number, else total variation."""
    drift_p: float | None = None


@dataclass(frozen=True)
class Look:
    """A table, described."""

    columns: Sequence[Column]
    frame: pd.DataFrame
    """The rows that were read; numbers are numbers and everything else is text."""
    held_out: np.ndarray | None
    """Which of these rows the split holds out, shape (n_rows,); None if it cannot split."""
    why_not_split: str
    """Why the split cannot hold out rows; empty if it can."""
    n_rows: int
    """Of the whole table."""
    n_duplicates: int
    """Rows of the whole table that are copies of earlier ones."""
    n_shared: int
    """Held-out rows with the same features as a row of the rest."""

    @property
    def target(self) -> Column:
        """The column to predict."""
        return next(column for column in self.columns if column.role == "target")


class _Known(NamedTuple):
    """The rows with a target, for the split."""

    source: str
    y: np.ndarray
    dates: pd.Series | None


def look_at(frame: pd.DataFrame, config: Config, max_rows: int) -> Look:
    """
    Describe a table, shape (n_rows, n_columns), with the roles that the config gives, from at most `max_rows` rows.

    Raises DataError if the target is missing or is not a column of numbers; the page reports all other problems.
    """
    data = config.data
    held_out, why_not = _hold_out(frame, config)
    features = [name for name in data.features if name in frame.columns]
    duplicates = frame.duplicated()
    rows = np.arange(len(frame))
    if len(frame) > max_rows:
        rows = np.sort(
            np.random.default_rng(config.evaluation.random_state).choice(len(frame), max_rows, replace=False)
        )
    shared = 0
    if held_out is not None and features:
        hashes = pd.util.hash_pandas_object(frame[features].astype(str), index=False)
        shared = int(hashes[held_out].isin(hashes[~held_out]).sum())
    shown = frame.iloc[rows].reset_index(drop=True)
    part = None if held_out is None else held_out[rows]
    kinds = {str(name): _kind(shown[name], data) for name in shown.columns}
    shown = shown.assign(**{name: _prepare(shown[name], kind) for name, kind in kinds.items()})
    columns = [_describe(shown, name, kind, part, data) for name, kind in kinds.items()]
    return Look(columns, shown, part, why_not, len(frame), int(duplicates.sum()), shared)


def _hold_out(frame: pd.DataFrame, config: Config) -> tuple[np.ndarray | None, str]:
    """Return which rows the split of the config holds out, or None and the reason why it cannot."""
    data = config.data
    known = frame[data.target].notna().to_numpy()
    dates = None
    try:
        if config.split.kind == "chronological":
            date = next((name for name in data.dates if name in frame.columns), None)
            dates = None if date is None else parse_dates(frame[date], data.date_format_of(date))[known]
            if dates is None or dates.isna().any():
                return None, "the column of dates is missing, or has a row without a date"
        table = _Known(data.path, frame[data.target][known].to_numpy(float), dates)
        test = split_table(table, config.split, None).test
    except DataError as error:
        return None, str(error)
    held_out = np.zeros(len(frame), dtype=bool)
    held_out[np.flatnonzero(known)[test]] = True
    return held_out, ""


def _kind(column: pd.Series, data: DataConfig) -> str:
    is_number = is_numeric_dtype(column) and not is_bool_dtype(column)
    if column.isna().all() or (is_number and not np.isfinite(column).any()):
        return "empty"
    if column.name == data.target:
        return "number"  # also if its cells are booleans, or integers of more than 64 bits
    if column.name in data.dates:
        return "date"
    is_meant = column.name in data.numeric or column.nunique() > FEW_LEVELS
    return "number" if is_number and is_meant and column.name not in data.categorical else "category"


def _prepare(column: pd.Series, kind: str) -> pd.Series:
    if kind == "number":
        return column.astype(float).replace([np.inf, -np.inf], np.nan)
    return column.map(str, na_action="ignore").astype(object)


def _describe(shown: pd.DataFrame, name: str, kind: str, part: np.ndarray | None, data: DataConfig) -> Column:
    cells, y = shown[name], shown[data.target]
    role = "target" if name == data.target else "feature" if name in data.features else "unused"
    role = "date" if name in data.dates else role
    column = {
        "name": name,
        "kind": kind,
        "role": role,
        "dtype": kind if kind != "number" else ("integer" if (cells.dropna() % 1 == 0).all() else "decimal"),
        "n_missing": int(cells.isna().sum()),
        "share_missing": float(cells.isna().mean()),
        "n_levels": int(cells.nunique()),
    }
    if kind == "number":
        column |= _summarise(cells.dropna())
    if kind in ("number", "category") and role != "target":
        column |= _relate(cells, y, kind)
    if part is not None and kind in ("number", "category"):
        column |= _compare(cells[part].dropna(), cells[~part].dropna(), kind)
    return Column(**column)  # type: ignore[arg-type]


def _summarise(cells: pd.Series) -> dict[str, float | int]:
    lower, median, upper = np.quantile(cells, (0.25, 0.5, 0.75))
    far = FENCE * (upper - lower)
    return {
        "mean": float(cells.mean()),
        "median": float(median),
        "std": float(cells.std(ddof=0)),
        "low": float(cells.min()),
        "high": float(cells.max()),
        "n_outliers": int(((cells < lower - far) | (cells > upper + far)).sum()),
    }


def _relate(cells: pd.Series, y: pd.Series, kind: str) -> dict[str, float]:
    """Return how a column is associated with the target, if both vary; rows with a gap in either are left out."""
    both = cells.notna() & y.notna()
    x, y = cells[both], y[both]
    if x.nunique() < 2 or y.nunique() < 2:  # noqa: PLR2004  a constant has no association
        return {}
    if kind == "category":
        return {"association": correlation_ratio(x, y)}
    ranks = np.corrcoef(x.rank(), y.rank())[0, 1]
    return {"correlation": float(np.corrcoef(x, y)[0, 1]), "association": float(abs(ranks))}


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


def _compare(held_out: pd.Series, rest: pd.Series, kind: str) -> dict[str, float]:
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
