"""Describe a table before any model: its columns, their relation to the target, drift, and leaks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from bikeml.config.data import DataConfig
from bikeml.config.schema import Config
from bikeml.errors import DataError
from bikeml.table.association import (
    Copies,
    compare,
    compare_gaps,
    correlate,
    correlation_ratio,
    count_copies,
    predict_alone,
)
from bikeml.table.column import parse_dates
from bikeml.table.split import split_table

FENCE = 1.5  # outliers are so many interquartile ranges beyond the quartiles (Tukey, Exploratory Data Analysis, 1977)
FEW_LEVELS = 12  # a column of numbers that has no role and at most so many values is a category


@dataclass(frozen=True)
class Column:
    """A column of the table, without its cells; a value that does not apply or cannot be computed is None."""

    name: str
    kind: str
    """number, category, date, text, or empty."""
    role: str
    """target, numeric, categorical, date, text, group, or ignored."""
    reason: str
    """Why it was given its role; empty if the config gave it."""
    dtype: str
    n_missing: int
    share_missing: float
    n_levels: int
    mean: float | None = None
    median: float | None = None
    std: float | None = None
    low: float | pd.Timestamp | None = None
    high: float | pd.Timestamp | None = None
    n_outliers: int | None = None
    correlation: float | None = None
    """Pearson's correlation of a number with the target."""
    association: float | None = None
    """With the target, 0 to 1: |Spearman's correlation| of a number or a date, the correlation ratio of a category."""
    drift: float | None = None
    """Distance of the held-out part from the rest, 0 to 1: Kolmogorov-Smirnov of a number, else total variation."""
    drift_p: float | None = None
    predicts: float | None = None
    """Correlation of the target's ranks with what the column alone predicts of them, out of fold, 0 to 1."""
    gap_drift: float | None = None
    """By how much the share of gaps is larger in the held-out part; None without gaps."""
    gap_drift_p: float | None = None

    @property
    def is_feature(self) -> bool:
        """Whether a model may learn from it."""
        return self.role not in ("target", "group", "weight", "ignored")


@dataclass(frozen=True)
class Look:
    """A table, described."""

    columns: Sequence[Column]
    frame: pd.DataFrame
    """The rows that were looked at; numbers are numbers, dates are dates and everything else is text."""
    correlations: pd.DataFrame
    """Pearson's correlation of the columns of numbers with each other, shape (n_numbers, n_numbers)."""
    held_out: np.ndarray | None
    """Which of these rows the split holds out, shape (n_rows,); None if it cannot split."""
    why_not_split: str
    """Why the split cannot hold out rows; empty if it can."""
    config: Config
    """With the roles of the columns."""
    n_rows: int
    """Of the whole table."""
    copies: Copies

    @property
    def target(self) -> Column:
        """The column to predict."""
        return next(column for column in self.columns if column.role == "target")


class _Known(NamedTuple):
    """The rows with a target, for the split."""

    source: str
    y: np.ndarray
    dates: pd.Series | None
    groups: pd.Series | None = None
    n_train: int | None = None


def look_at(frame: pd.DataFrame, config: Config, max_rows: int, reasons: Mapping[str, str] | None = None) -> Look:
    """
    Describe a table, shape (n_rows, n_columns), with the roles that the config gives, from at most `max_rows` rows.

    `reasons` says why a column has its role. Raises DataError if the target is missing or is not a column of numbers;
    the page reports all other problems.
    """
    held_out, why_not = _hold_out(frame, config)
    features = {*config.data.features, *(config.data.dates if config.preprocessing.date else [])}
    copies = count_copies(frame, np.array([name in features for name in frame.columns]), held_out)
    rows = np.arange(len(frame))
    if len(frame) > max_rows:
        rows = np.sort(
            np.random.default_rng(config.evaluation.random_state).choice(len(frame), max_rows, replace=False)
        )
    roles = {name: role for role, names in config.data.roles.items() for name in names}
    seen = frame.iloc[rows].reset_index(drop=True)
    kinds, cells = {}, {}
    for name in map(str, seen.columns):
        kinds[name], cells[name] = _prepare(seen[name], roles.get(name, "ignored"), config.data)
    shown = pd.DataFrame(cells)
    part = None if held_out is None else held_out[rows]
    columns = [
        Column(
            name=name,
            kind=kind,
            role=roles.get(name, "ignored"),
            reason=(reasons or {}).get(name, ""),
            **_describe(shown[name], shown[config.data.target], kind, part),
        )
        for name, kind in kinds.items()
    ]
    numbers = shown[[name for name, kind in kinds.items() if kind == "number"]]
    return Look(columns, shown, correlate(numbers), part, why_not, config, len(frame), copies)


def _hold_out(frame: pd.DataFrame, config: Config) -> tuple[np.ndarray | None, str]:
    """Return which rows the split of the config holds out, or None and the reason why it cannot."""
    data = config.data
    if data.test_path is not None:
        return None, "the held-out rows are those of data.test_path, and these are the rows of data.path"
    known = frame[data.target].notna().to_numpy()
    dates, groups = None, frame[data.group][known] if data.group in frame.columns else None
    try:
        if config.split.kind == "chronological":
            date = next((name for name in data.dates if name in frame.columns), None)
            dates = None if date is None else parse_dates(frame[date], data.date_format_of(date))[known]
            if dates is None or dates.isna().any():
                return None, "the column of dates is missing, or has a row without a date"
        table = _Known(data.path, frame[data.target][known].to_numpy(float), dates, groups)
        test = split_table(table, config.split, None).test
    except DataError as error:
        return None, str(error)
    held_out = np.zeros(len(frame), dtype=bool)
    held_out[np.flatnonzero(known)[test]] = True
    return held_out, ""


def _prepare(column: pd.Series, role: str, data: DataConfig) -> tuple[str, pd.Series]:
    """Return the kind of a column, and its cells as that kind needs them: numbers, dates, or text."""
    is_number = is_numeric_dtype(column) and not is_bool_dtype(column)
    if column.isna().all() or (is_number and not np.isfinite(column).any()):
        return "empty", column
    if role == "target" or (is_number and role != "categorical" and (role == "numeric" or _has_many(column))):
        return "number", column.astype(float).replace([np.inf, -np.inf], np.nan)
    if role == "date":
        dates = _parse(column, data)
        if dates.notna().any():
            return "date", dates
    text = column.map(str, na_action="ignore").astype(object)
    is_text = role in ("date", "text") or (role == "ignored" and 2 * text.nunique() > len(text))
    return "text" if is_text else "category", text


def _has_many(column: pd.Series) -> bool:
    return bool(column.nunique() > FEW_LEVELS)


def _parse(column: pd.Series, data: DataConfig) -> pd.Series:
    try:
        return parse_dates(column, data.date_format_of(str(column.name)))
    except DataError:  # a bad format; only a split by date needs a good one
        return pd.Series(pd.NaT, column.index)


def _describe(cells: pd.Series, y: pd.Series, kind: str, part: np.ndarray | None) -> dict[str, Any]:
    found: dict[str, Any] = {
        "dtype": kind if kind != "number" else ("integer" if (cells.dropna() % 1 == 0).all() else "decimal"),
        "n_missing": int(cells.isna().sum()),
        "share_missing": float(cells.isna().mean()),
        "n_levels": int(cells.nunique()),
    }
    if kind == "number":
        found |= _summarise(cells.dropna())
    if kind == "date":
        found |= {"low": cells.min(), "high": cells.max()}
    if kind in ("number", "category", "date") and cells.name != y.name:
        found |= _relate(cells, y, kind)
    if part is not None and kind in ("number", "category"):
        found |= compare(cells[part].dropna(), cells[~part].dropna(), kind)
    if part is not None and cells.name != y.name:
        found |= compare_gaps(cells.isna().to_numpy(), part)
    return found


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
    predicts = {} if kind == "date" else {"predicts": predict_alone(x, y.to_numpy(float))}
    if kind == "category":
        return {"association": correlation_ratio(x, y)} | predicts
    association = float(abs(np.corrcoef(x.rank(), y.rank())[0, 1]))
    return (
        {"association": association}
        | predicts
        | ({"correlation": float(np.corrcoef(x, y)[0, 1])} if kind == "number" else {})
    )
