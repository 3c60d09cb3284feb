"""Find everything in a table that does not fit the config, with column, row and value."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bikeml.config.data import DataConfig
from bikeml.config.spelling import did_you_mean
from bikeml.errors import DataError
from bikeml.table.column import Column, parse_dates

COMMAS_IN_NUMBER = r"\s*[-+]?\d+(,\d+)+\s*"
FILL = "fill the gaps, or choose preprocessing=imputed"
COLUMNS_SHOWN = 6


@dataclass(frozen=True)
class Tolerance:
    """The cells that a pipeline accepts besides finite numbers."""

    text_categories: bool = False
    numeric_gaps: bool = False
    categorical_gaps: bool = False
    date_gaps: bool = False
    text_gaps: bool = False


def find_problems(
    columns: Mapping[str, Column], names: Sequence[str], data: DataConfig, tolerance: Tolerance
) -> Iterator[str]:
    """
    Yield a line for each problem of the `columns` that have a role; rows are counted from 1, below the header.

    `names` are all columns of the table.
    """
    yield from _find_missing(names, data)
    if any(column.parsed.empty for column in columns.values()):
        yield "it has no rows"
        return
    roles = {role: [columns[name] for name in listed if name in columns] for role, listed in data.roles.items()}
    for column in roles["target"]:
        yield from _check_target(column)
    yield from _check_numbers(roles["numeric"], tolerance)
    yield from _check_categories(roles["categorical"], roles["numeric"], tolerance)
    for column in roles["date"]:
        if not tolerance.date_gaps:
            yield from column.describe("is missing", column.is_gap, "leave these rows out")
        yield from _find_non_dates(column, data.date_format_of(column.name))
    yield from _find_gaps(roles["text"], tolerated=tolerance.text_gaps)
    for name, values in data.allowed.items():
        if name in columns:
            yield from find_others(columns[name], values)


def _check_target(column: Column) -> Iterator[str]:
    yield from find_non_numbers(column, "fix the cells, or set data.target to a column of numbers")
    yield from column.describe("is missing", column.is_gap, "leave these rows out, or set data.missing_target=drop")
    values = column.parsed
    if not column.wrong.any() and (values == values.iloc[0]).all():
        yield f"target {column.name!r} is {column.cells[0]} in every row; there is nothing to learn"


def _check_numbers(columns: Sequence[Column], tolerance: Tolerance) -> Iterator[str]:
    for column in columns:
        yield from find_non_numbers(column, "fix the cells, or list the column in data.categorical")
    yield from _find_gaps(columns, tolerated=tolerance.numeric_gaps)


def _check_categories(columns: Sequence[Column], numeric: Sequence[Column], tolerance: Tolerance) -> Iterator[str]:
    if not tolerance.text_categories:
        has_gaps = any(column.is_gap.any() for column in numeric)
        encoder = "imputed" if has_gaps and not tolerance.numeric_gaps else "standard"  # the one that solves all
        for column in columns:
            yield from find_non_numbers(column.as_numbers(), f"choose preprocessing={encoder}, which encodes text")
    yield from _find_gaps(columns, tolerated=tolerance.categorical_gaps)


def _find_missing(names: Sequence[str], data: DataConfig) -> Iterator[str]:
    wanted = {f"data.{role}": listed for role, listed in data.roles.items()} | {"data.allowed": list(data.allowed)}
    missing = [(key, name) for key, listed in wanted.items() for name in listed if name not in names]
    for key, name in missing:
        yield f"there is no column {name!r} for {key}{did_you_mean(name, names)}"
    if missing:
        advice = "data=csv without lists for numeric and categorical lets columns decide themselves"
        yield f"the table has the columns {list(names)}; {advice}"


def _find_gaps(columns: Sequence[Column], *, tolerated: bool) -> Iterator[str]:
    """Yield a line for each column with gaps; one line for all of them if there are many."""
    for column in columns:
        if column.is_gap.all():
            yield f"column {column.name!r} is empty in every row; leave it out"
    gappy = [] if tolerated else [column for column in columns if column.is_gap.any() and not column.is_gap.all()]
    if len(gappy) > COLUMNS_SHOWN:
        shown = ", ".join(f"{column.name!r} ({column.is_gap.sum():,})" for column in gappy[:COLUMNS_SHOWN])
        yield f"{len(gappy)} columns have gaps: {shown} and {len(gappy) - COLUMNS_SHOWN} more; {FILL}"
        return
    for column in gappy:
        yield from column.describe("is missing", column.is_gap, FILL)


def find_non_numbers(column: Column, advice: str) -> Iterator[str]:
    """Yield one line for the cells of a column that are not numbers, and one for infinite cells."""
    wrong = column.cells.filter(column.wrong).to_pandas()
    if len(wrong) and wrong.astype(str).str.fullmatch(COMMAS_IN_NUMBER).all():
        advice = f"set data.decimal or data.thousands; if it is not a number, {advice}"
    yield from column.describe("is not a number", column.wrong, advice)
    if column.parsed.dtype.kind == "f":
        yield from column.describe("is infinite", np.isinf(column.parsed.to_numpy()), "fix the cells")


def find_others(column: Column, values: Sequence[object]) -> Iterator[str]:
    """Yield a line for the cells that data.allowed does not list."""
    is_text = column.parsed.dtype.kind == "O"
    allowed = {str(value) for value in values} | set(values) if is_text else set(values)
    wrong = ~column.is_gap & ~column.parsed.isin(allowed).to_numpy()
    yield from column.describe("is not allowed", wrong, f"data.allowed.{column.name} is {list(values)}")


def _find_non_dates(column: Column, date_format: str | None) -> Iterator[str]:
    try:
        wrong = ~column.is_gap & parse_dates(column.parsed, date_format).isna().to_numpy()
    except DataError as error:
        yield str(error)
        return
    wanted = f"data.date_format is {date_format!r}" if date_format else "set data.date_format, such as %m/%d/%Y"
    yield from column.describe("is not a date", wrong, wanted)
