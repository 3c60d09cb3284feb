"""Decide the role of every column that no list of the config names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bikeml.config.data import DataConfig
from bikeml.errors import DataError
from bikeml.table.columns.kinds import Kind, find_dates, find_numbers, in_rows, with_kind
from bikeml.table.columns.look import look_at
from bikeml.table.columns.names import is_unnamed
from bikeml.table.columns.notes import tell_columns, tell_kinds, tell_left_out
from bikeml.table.reading.cells import is_text
from bikeml.table.reading.dates import ISO, is_day_first, is_time_of_day

ROWS_LOOKED_AT = 100_000
ROLES = ("numeric", "categorical", "date", "text", "ignored")
Kinds = dict[str, Kind]


@dataclass(frozen=True)
class Decision:
    """The role of every column."""

    data: DataConfig
    """With a list of columns for each role, and with the units, formats, gaps and codes that were found."""
    notes: tuple[str, ...] = ()
    """Lines for people."""
    reasons: Mapping[str, str] = field(default_factory=dict)
    """For each column that was decided, a few words why."""


def decide(cells: pa.Table, data: DataConfig, train: np.ndarray | None = None) -> Decision:
    """
    Decide the role of every column that no list of `data` names, from the training rows at `train`, or from all.

    How a column is written is a question to all rows: one word that is held out makes a column of words too. With more
    than ROWS_LOOKED_AT training rows, levels are counted in a sample, the same one each time. The name of a column
    matters only if it is like that of an id. If `data` has lists of both numbers and categories, nothing is decided.
    Raises DataError if no column is left to learn from.
    """
    if data.is_decided:
        return Decision(data)
    rows = _take_sample(cells.num_rows, train)
    named = {name: role for role, names in data.roles.items() for name in names}
    kinds = {name: look_at(cells[name], data, name, rows) for name in cells.column_names if name not in named}
    found = _leave_out_row_names(kinds, cells, data)
    given = {
        name: _look_at_named(cells, data, name, role, rows)
        for name, role in named.items()
        if name in cells.schema.names
    }
    target = given.pop(data.target, None)
    data = with_kind(data, data.target, target) if target else data
    kinds = _leave_out_dates(_settle_days(_leave_out_copies(given, found)), data)
    decided = _keep_words(cells, _fill_in(data, kinds, found), [word for kind in kinds.values() for word in kind.gaps])
    if not decided.features and not decided.dates:
        advice = "name one in data.numeric, data.categorical or another role"
        raise DataError(f"no column is left to learn from: {tell_left_out(kinds)}; {advice}")
    notes = [tell_columns(decided, kinds), *tell_kinds(kinds)]
    return Decision(decided, tuple(notes), {name: kinds[name].reason for name in found})


def decide_dates(cells: pa.Table, data: DataConfig) -> DataConfig:
    """
    Return `data` with its columns of dates, found in all rows: to split by a date, it has to be known before.

    Raises no error if there is none.
    """
    if data.is_decided or data.dates or data.date is None:
        return data
    named = {name for names in data.roles.values() for name in names}
    rows = _take_sample(cells.num_rows)
    kinds = {name: look_at(cells[name], data, name, rows) for name in cells.column_names if name not in named}
    dates = {name: kind for name, kind in _settle_days(kinds).items() if kind.role == "date" and not _has_times(kind)}
    if not dates:
        return data
    return data.model_copy(update={"date": list(dates), "date_format": _list_formats(data, dates)})


def decide_target(cells: pa.Table, data: DataConfig) -> tuple[DataConfig, list[str]]:
    """Return `data` with the unit of the target and the words for gaps in it, found in all rows, and notes on them."""
    found = None if data.is_decided else find_numbers(cells[data.target], data, data.target)
    if found is None or not (found.unit or found.gaps):
        return data, []
    data = with_kind(data, data.target, found)
    holding = [name for name in cells.column_names if name != data.target and _holds(cells[name], found.gaps)]
    words = [name for name in holding if look_at(cells[name], data, name).role not in ("numeric", "date")]
    return _keep_words(cells.select(words), data, found.gaps), tell_kinds({data.target: found})


def _take_sample(n_rows: int, train: np.ndarray | None = None) -> np.ndarray | None:
    """Return the positions of the rows to look at, in order; None for all."""
    rows = np.arange(n_rows) if train is None else np.sort(train)
    if len(rows) > ROWS_LOOKED_AT:
        return np.sort(np.random.default_rng(0).choice(rows, ROWS_LOOKED_AT, replace=False))
    return None if train is None else rows


def _look_at_named(cells: pa.Table, data: DataConfig, name: str, role: str, rows: np.ndarray | None) -> Kind:
    """Return what has to be known of a column whose role is named."""
    if role in ("numeric", "target"):
        return in_rows(find_numbers(cells[name], data, name), rows) or Kind("numeric", "named")
    if role == "date":
        return in_rows(find_dates(cells[name], data, name), rows) or Kind("date", "named")
    if role == "group":
        return Kind("ignored", "the group of each row")
    if role == "weight":
        return Kind("ignored", "the weight of each row")
    kind = Kind("ignored", "in data.ignored") if role == "ignored" else look_at(cells[name], data, name, rows)
    return replace(kind, role=role, unit=None, formats=(), gaps=(), notes=())  # type: ignore[arg-type] # a role of roles


def _leave_out_row_names(kinds: Kinds, cells: pa.Table, data: DataConfig) -> Kinds:
    """Leave out the first column if it has no name of its own and another value in each row."""
    first = cells.schema.names[0]
    kind = kinds.get(first)
    if kind is None or not kind.key or not (data.header and is_unnamed(first)):
        return kinds
    is_name = kind.role == "numeric" and _are_whole(kind) if kind.numbers is not None else kind.role != "categorical"
    if not is_name or pc.count_distinct(cells[first]).as_py() < cells.num_rows:
        return kinds
    return {**kinds, first: replace(kind, role="ignored", reason="row names")}


def _are_whole(kind: Kind) -> bool:
    return kind.numbers is not None and bool((kind.numbers == np.floor(kind.numbers)).all())


def _leave_out_copies(given: Kinds, found: Kinds) -> Kinds:
    """Leave out the found columns that are equal to an earlier one, or to one that the config names."""
    kept = {kind.key: name for name, kind in given.items() if kind.key and kind.role != "ignored"}
    kinds = dict(given)
    for name, kind in found.items():
        if kind.role == "ignored" or kept.setdefault(kind.key, name) == name:
            kinds[name] = kind
        else:
            kinds[name] = replace(kind, role="ignored", reason=f"a copy of {kept[kind.key]}", notes=())
    return kinds


def _settle_days(kinds: Kinds) -> Kinds:
    """Read the dates whose day and month cannot be told apart as the other dates of the table are read."""
    first = {is_day_first(kind.formats[0]) for kind in kinds.values() if len(kind.formats) == 1} - {None}
    if len(first) != 1:
        return kinds
    settled = dict(kinds)
    for name, kind in kinds.items():
        alike = [form for form in kind.formats if is_day_first(form) in first]
        if len(kind.formats) > 1 and alike:
            settled[name] = replace(kind, formats=(alike[0],))
    return settled


def _leave_out_dates(kinds: Kinds, data: DataConfig) -> Kinds:
    """Leave out the dates if the config wants none."""
    if data.date is not None:
        return kinds
    reason = "a date, and data.date is null"
    left_out = {
        name: replace(kind, role="ignored", reason=reason) for name, kind in kinds.items() if kind.role == "date"
    }
    return {**kinds, **left_out}


def _fill_in(data: DataConfig, kinds: Kinds, found: Kinds) -> DataConfig:
    """Return `data` with the found columns in the lists of their roles, and with what was found in all columns."""
    roles = {role: [name for name in found if kinds[name].role == role] for role in ROLES}
    roles["date"].sort(key=lambda name: _has_times(kinds[name]))  # a split by the first date needs a date
    for name, kind in kinds.items():
        data = with_kind(data, name, kind) if kind.role != "ignored" else data
    formats = _list_formats(data, {name: kind for name, kind in kinds.items() if kind.role == "date"})
    codes = {name: list(kind.codes) for name, kind in kinds.items() if kind.codes and kind.role != "ignored"}
    lists = {role: [*data.roles[role], *names] for role, names in roles.items()}
    return data.model_copy(update={**lists, "date_format": formats, "not_gaps": {**codes, **data.not_gaps}})


def _has_times(kind: Kind) -> bool:
    return bool(kind.formats) and is_time_of_day(kind.formats[0])


def _list_formats(data: DataConfig, dates: Kinds) -> str | dict[str, str] | None:
    """Return the format of each column of dates, unless one is given for all; ISO dates need none."""
    if isinstance(data.date_format, str):
        return data.date_format
    formats = {name: kind.formats[0] for name, kind in dates.items() if kind.formats and kind.formats[0] != ISO}
    return {**formats, **(data.date_format or {})} or None


def _holds(column: pa.ChunkedArray, words: Sequence[str]) -> list[str]:
    """Return those of the words that a column of text has as a cell."""
    if not is_text(column.type):
        return []
    cells = pc.utf8_trim_whitespace(column)
    return [word for word in dict.fromkeys(words) if pc.any(pc.equal(cells, word)).as_py()]


def _keep_words(cells: pa.Table, data: DataConfig, words: Sequence[str]) -> DataConfig:
    """Return `data` so that words that are gaps among numbers stay words in the columns of words."""
    numbers, not_gaps = {data.target, *data.roles["numeric"], *data.dates}, dict(data.not_gaps)
    for name in cells.column_names if words else ():
        if name not in numbers and (held := _holds(cells[name], words)):
            not_gaps[name] = [*not_gaps.get(name, []), *(word for word in held if word not in not_gaps.get(name, ()))]
    return data.model_copy(update={"not_gaps": not_gaps})
