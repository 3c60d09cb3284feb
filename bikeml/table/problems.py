"""Find everything in a table that does not fit the config, with column, row and value."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

import numpy as np
import pyarrow as pa

from bikeml.config.data import DataConfig
from bikeml.config.overrides import override, say_to_quote, shell
from bikeml.errors import DataError
from bikeml.system.spelling import did_you_mean, show, some
from bikeml.table.column import Column, parse_dates
from bikeml.table.faults import COLUMNS_SHOWN, Fault
from bikeml.table.reading.cells import is_text, unit_of

OTHER_SIGNS = re.compile(r"\s*[-+]?(\d+([.,' ]\d+)+|[.,]\d+)\s*")
"""Numbers with signs that data.decimal or data.thousands does not name."""
NUMERIC_TARGET = "fix the cells, or set data.target to a column of numbers"
ENCODE = "choose preprocessing=auto, which fills gaps and encodes text"
EXAMPLE = "set data.date_format, such as %m/%d/%Y"
MOSTLY = 0.8  # of the cells
GAP_WORDS = 3  # more kinds of words among numbers are no gaps
NAMES_SHOWN = 10
MAX_GAPS = 120  # characters of an override


@dataclass(frozen=True)
class Tolerance:
    """The cells that a pipeline accepts besides finite numbers."""

    text_categories: bool = False
    numeric_gaps: bool = False
    categorical_gaps: bool = False
    date_gaps: bool = False
    text_gaps: bool = False
    own: Mapping[str, "Tolerance"] = field(default_factory=dict)
    """Of the columns that have steps of their own."""

    def without_date_gaps(self) -> "Tolerance":
        """Return it for a split by date, for which every row needs one."""
        own = {name: each.without_date_gaps() for name, each in self.own.items()}
        return replace(self, date_gaps=False, own=own)

    def of(self, column: Column) -> "Tolerance":
        """Return what the steps of a column accept."""
        return self.own.get(column.name, self)


def find_problems(
    columns: Mapping[str, Column], names: Sequence[str], data: DataConfig, tolerance: Tolerance
) -> Iterator[Fault | str]:
    """
    Yield each problem of the `columns` that have a role; rows are counted from 1, below the header.

    `names` are all columns of the table.
    """
    yield from find_missing(names, data)
    if any(column.parsed.empty for column in columns.values()):
        yield "it has no rows"
        return
    roles = {role: [columns[name] for name in listed if name in columns] for role, listed in data.roles.items()}
    for column in roles["target"]:
        yield from find_target_faults(column)
        yield from find_constant_target(column)
        yield from column.describe("is missing", column.is_gap, "leave these rows out, or set data.missing_target=drop")
    yield from chain.from_iterable(map(find_weight_faults, roles["weight"]))
    yield from chain.from_iterable(
        find_non_numbers(column, "fix the cells, or list the column in data.categorical") for column in roles["numeric"]
    )
    yield from _find_gaps(roles["numeric"], "numeric", lambda column: tolerance.of(column).numeric_gaps)
    for column in roles["categorical"]:
        if not tolerance.of(column).text_categories:
            yield from find_non_numbers(column.as_numbers(), ENCODE, offers_gap=False)
    yield from _find_gaps(roles["categorical"], "categorical", lambda column: tolerance.of(column).categorical_gaps)
    for column in roles["date"]:
        if not tolerance.of(column).date_gaps:
            yield from column.describe("is missing", column.is_gap, "leave these rows out")
        yield from find_non_dates(column, data.date_format_of(column.name))
    yield from _find_gaps(roles["text"], "text", lambda column: tolerance.of(column).text_gaps)
    for name, values in data.allowed.items():
        if name in columns:
            yield from find_others(columns[name], values)


def find_target_faults(column: Column) -> Iterator[Fault | str]:
    """Yield what makes a target useless, whatever the rows that are left out."""
    yield from find_non_numbers(column, NUMERIC_TARGET)
    if not column.wrong.any() and column.is_gap.all():
        yield f"column {show(column.name)} is empty in every row; {NUMERIC_TARGET}"


def find_constant_target(column: Column) -> Iterator[str]:
    """Yield a line on a target with one value."""
    values = column.parsed.dropna()
    if not column.wrong.any() and len(values) and (values == values.iloc[0]).all() and np.isfinite(values.iloc[0]):
        value = column.cells[int(np.flatnonzero(~column.is_gap)[0])]
        advice = "there is nothing to learn; set data.target to another column"
        if len(column.cells) == 1:
            advice = "there is nothing to learn from one row; add rows"
        yield f"target {show(column.name)} is {value} in every row; {advice}"


def find_weight_faults(column: Column) -> Iterator[Fault | str]:
    """Yield what makes a column useless as weights, which are 0 or more."""
    yield from find_non_numbers(column, "weights are numbers; fix the cells, or set data.weight=null", offers_gap=False)
    yield from column.describe("is missing", column.is_gap, "give each row a weight, or 0 to leave it out")
    weights = column.parsed.to_numpy(float)
    yield from column.describe("is negative", weights < 0, "weights are 0 or more; fix the cells")
    if len(weights) and not weights.any():
        yield f"weight {show(column.name)} is 0 in every row; set data.weight to another column, or to null"


def find_missing(names: Sequence[str], data: DataConfig) -> Iterator[str]:
    """Yield lines on the columns that `data` names and the table, whose columns are `names`, does not have."""
    formats = data.date_format if isinstance(data.date_format, Mapping) else {}
    keys: dict[str, Iterable[str]] = {**data.roles, "allowed": data.allowed, "units": data.units}
    keys |= {"not_gaps": data.not_gaps, "date_format": formats}
    known = {*names}
    missing = [(f"data.{key}", name) for key, listed in keys.items() for name in listed if name not in known]
    for key, name in missing[:COLUMNS_SHOWN]:
        hint = say_to_quote(names, int(name)) if name.isdecimal() else ""
        yield f"there is no column {show(name)} for {key}{hint or did_you_mean(name, names)}"
    if more := len(missing[COLUMNS_SHOWN:]):
        yield f"there are {more:,} more of these"
    if missing:
        advice = "data=csv without lists for numeric and categorical lets columns decide themselves"
        yield f"the table has the columns [{some(names, NAMES_SHOWN)}]; {advice}"


def _find_gaps(columns: Sequence[Column], role: str, tolerates: Callable[[Column], bool]) -> Iterator[Fault | str]:
    """Yield the columns of a role with gaps; those without any value always."""
    gappy = [(column, gaps) for column in columns if (gaps := column.is_gap).any()]
    empty = [column.name for column, gaps in gappy if gaps.all()]
    if empty:
        what = f"column {show(empty[0])} is empty in every row; leave it out:"
        if len(empty) > 1:
            what = f"{len(empty):,} columns are empty in every row: {some(empty)}; leave them out:"
        yield f"{what} data.ignored is the list for that, not data.{role}"
    for column, gaps in gappy:
        if not tolerates(column) and not gaps.all():
            yield from column.describe("is missing", gaps, ENCODE)


def find_non_numbers(column: Column, advice: str, *, offers_gap: bool = True) -> Iterator[Fault]:
    """Yield a fault for the cells of a column that are not numbers, and one for infinite cells."""
    if column.wrong.any():
        hint = _advise(column, offers_gap=offers_gap)
        yield from column.describe("is not a number", column.wrong, f"{hint}{advice}")
    if column.parsed.dtype.kind == "f":
        yield from column.describe("is infinite", np.isinf(column.parsed.to_numpy()), "fix the cells")


def _advise(column: Column, *, offers_gap: bool) -> str:
    """Say how cells that look like numbers could be read as such, or that a word among numbers may be a gap."""
    if not is_text(column.cells.type):
        return ""
    words = sorted({str(cell).strip() for cell in column.cells.filter(pa.array(column.wrong)).unique().to_pylist()})
    if all(map(OTHER_SIGNS.fullmatch, words)):
        alike = "set data.decimal or data.thousands if all its numbers are written so, or write them alike"
        return f"{alike}; if it is not a number, "
    units = {unit_of(word) for word in words}
    if None not in units and len(units) > 1:
        return "write its numbers with one unit; if it is not a number, "
    is_number = ~column.wrong & ~column.is_gap
    if offers_gap and len(words) <= GAP_WORDS and is_number.sum() >= MOSTLY * (is_number.sum() + column.wrong.sum()):
        is_one = "is a gap" if len(words) == 1 else "are gaps"
        gaps = shell(override("data.gaps", [*column.data.gaps, *words]))
        return f"if {', '.join(map(show, words))} {is_one}, set {gaps}; otherwise " if len(gaps) <= MAX_GAPS else ""
    return ""


def find_others(column: Column, values: Sequence[object]) -> Iterator[Fault]:
    """Yield a fault for the cells that data.allowed does not list."""
    is_text = column.parsed.dtype.kind == "O"
    allowed = {str(value) for value in values} | set(values) if is_text else set(values)
    wrong = ~column.is_gap & ~column.parsed.isin(allowed).to_numpy()
    if not wrong.any():
        return
    words = column.parsed[wrong].drop_duplicates().iloc[:COLUMNS_SHOWN]
    texts = [word for word in words if isinstance(word, str)]
    quote = next((hint for value in values if (hint := say_to_quote(texts, value))), "")
    advice = f"data.allowed has {some(values)} for it{quote}; fix the cells, or add their values there"
    yield from column.describe("is not allowed", wrong, advice)


def find_non_dates(column: Column, date_format: str | None) -> Iterator[Fault | str]:
    """Yield a fault for the cells that are not dates of the format, or an error of the format itself."""
    try:
        wrong = ~column.is_gap & parse_dates(column.parsed, date_format).isna().to_numpy()
    except DataError as error:
        yield str(error)
        return
    wanted = f"data.date_format is {date_format!r}: change it" if date_format else EXAMPLE
    yield from column.describe("is not a date", wrong, f"{wanted}, or spell all its dates alike")
