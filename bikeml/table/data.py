"""Read a whole table, and a test file if there is one, and check them against the config."""

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
import pyarrow as pa

from bikeml.config.data import DataConfig
from bikeml.config.schema import Config
from bikeml.errors import DataError
from bikeml.system.printable import program
from bikeml.system.redaction import redact
from bikeml.system.spelling import show, some
from bikeml.table.column import Column, parse
from bikeml.table.columns.matching import match_columns
from bikeml.table.labelled import Labelled, decide_roles, take_labelled, unfit
from bikeml.table.problems import Tolerance, find_problems
from bikeml.table.reading.dialect import named_columns
from bikeml.table.reading.table_file import MOST_KEPT_BYTES, TableFile, read_table_file, say_missing


@dataclass(frozen=True)
class Table:
    """A checked table and its source."""

    name: str
    source: str
    """The path or URL without secrets."""
    sha256: str
    X: pd.DataFrame
    """The features in table order, shape (n_rows, n_features)."""
    y: np.ndarray
    """The target, shape (n_rows,)."""
    dates: pd.Series | None
    """The date of each row, shape (n_rows,); None unless data.date names a column."""
    rows: np.ndarray
    """The position of each row in the file, from 0, shape (n_rows,); rows without a target may be left out."""
    data: DataConfig
    """The data section with the role of every column, and with how the file is written."""
    notes: Sequence[str] = ()
    """What was decided, for people."""
    groups: pd.Series | None = None
    """The group of each row, shape (n_rows,); None unless data.group names a column."""
    weights: np.ndarray | None = None
    """The weight of each row, above 0, shape (n_rows,); None unless data.weight names a column."""
    n_train: int | None = None
    """How many rows stand before those of the test file; None if there is no such file."""
    test_sha256: str | None = None
    """Of the test file; None if there is none."""

    def weights_of(self, rows: np.ndarray) -> np.ndarray | None:
        """Return the weights of the rows at these positions; None without weights."""
        return None if self.weights is None else self.weights[rows]


_last: dict[Hashable, Table] = {}
"""The table that was checked last, for the next cell of a sweep."""


def read_table(config: Config, tolerance: Tolerance) -> Table:
    """
    Read the table at data.path, and check that it fits the config and a pipeline with this `tolerance`.

    The roles that no list names are decided from the training rows of the config's split. Gaps in the dates are never
    accepted, gaps in the target only with data.missing_target=drop. The rows of a test file follow those of the table;
    they are read as these are. Raises DataError with a list of all problems.
    """
    table = _check_once(read_table_file(config.data), config, tolerance)
    if config.data.test_path is not None:
        table = _append(table, _read_test(table, config.data.test_path, config, tolerance))
    pa.default_memory_pool().release_unused()  # the cells of a million rows took 250 MiB
    return table


def _check_once(file: TableFile, config: Config, tolerance: Tolerance) -> Table:
    """Return what :func:`_check` does; the last table is kept, by all that it depends on."""
    preprocessing = config.preprocessing
    sections = (config.data.model_dump_json(), config.split.model_dump_json(), repr(preprocessing.columns))
    key = (file.sha256, *sections, bool(preprocessing.date), repr(tolerance))
    table = _last.get(key) or _check(file, config, tolerance)
    _last.clear()
    if config.split.is_seeded and file.cells.nbytes <= MOST_KEPT_BYTES:
        _last[key] = table
    return table


def _check(file: TableFile, config: Config, tolerance: Tolerance) -> Table:
    labelled = decide_roles(take_labelled(file.cells, file.data, redact(file.data.path)), config)
    data, cells = labelled.data, labelled.cells
    columns = _parse(labelled)
    if config.split.kind == "chronological":
        tolerance = tolerance.without_date_gaps()
    features = [*data.features, *(data.dates if config.preprocessing.date else [])]
    own = match_columns(config.preprocessing.columns, [name for name in cells.column_names if name in features], data)
    tolerance = replace(
        tolerance, own={name: tolerance.own.get(key, tolerance) for key, names in own.items() for name in names}
    )
    problems = list(find_problems(columns, file.cells.column_names, data, tolerance))
    problems += labelled.find_gaps_in_groups()
    if problems:
        raise unfit(labelled.source, problems)
    if not features:
        raise DataError(
            f"no column is left to learn from: data.date=[{some(data.dates)}], and this preprocessing has no steps for "
            "dates; choose preprocessing=auto"
        )
    return Table(
        name=data.name or split_name(data.path)[0],
        source=labelled.source,
        sha256=file.sha256,
        X=pd.DataFrame(
            {name: columns[name].parsed.reset_index(drop=True) for name in cells.column_names if name in features}
        ),
        y=labelled.y,
        dates=labelled.dates,
        groups=labelled.groups,
        weights=labelled.weights,
        rows=labelled.rows,
        data=data,
        notes=[*file.notes, *labelled.notes],
    )


def _parse(labelled: Labelled) -> dict[str, Column]:
    """Return the columns that have a role, in table order."""
    data, cells = labelled.data, labelled.cells
    roles = {name: role for role, names in data.roles.items() for name in names}
    roles = dict.fromkeys(data.allowed, "allowed") | roles
    return {
        name: parse(cells[name], name, roles[name], data, pd.Index(labelled.rows))
        for name in cells.column_names
        if roles.get(name, "ignored") != "ignored"
    }


def _read_test(table: Table, path: str, config: Config, tolerance: Tolerance) -> Table:
    """Read the test file of a `table` as that was read; raises DataError if it lacks a column that is used."""
    data = table.data.model_copy(update={"path": path, "test_path": None, "ignored": []})
    try:
        file = read_table_file(data)
    except DataError as error:
        raise DataError(str(error).replace("data.path", "data.test_path")) from error
    if file.sha256 == table.sha256:
        raise DataError(f"data.test_path={redact(path)!r} is the table at data.path itself; name a file of other rows")
    missing = [name for name in sorted(named_columns(data)) if name not in file.cells.column_names]
    if missing:
        raise DataError(
            f"{redact(path)} lacks columns of {table.source}:\n"
            + "\n".join(say_missing(missing, file.cells.column_names))
            + "\n  data.test_path needs the target and all columns that are used; rows without a target are for: "
            f"{program()} predict"
        )
    return _check(file, config.model_copy(update={"data": data}), tolerance)


def _append(table: Table, test: Table) -> Table:
    """Return the table with the rows of its test file at the end; raises DataError if a type differs."""
    for name in table.X.columns:
        here, there = (_name_type(each.X[name].dtype) for each in (table, test))
        if here != there:
            raise DataError(
                f"column {show(name)} holds {here} in {table.source} and {there} in {test.source}; write its cells "
                "alike, or set data.categories=text"
            )
    pairs = ((table.dates, test.dates), (table.groups, test.groups))
    dates, groups = (None if a is None or b is None else pd.concat([a, b], ignore_index=True) for a, b in pairs)
    weights = None
    if table.weights is not None and test.weights is not None:
        weights = np.concatenate([table.weights, test.weights])
    return replace(
        table,
        X=pd.concat([table.X, test.X[table.X.columns]], ignore_index=True),
        y=np.concatenate([table.y, test.y]),
        dates=dates,
        groups=groups,
        weights=weights,
        rows=np.concatenate([table.rows, test.rows]),
        notes=[*table.notes, *test.notes, f"{len(test.y):,} rows of {test.source} are held out"],
        n_train=len(table.y),
        test_sha256=test.sha256,
    )


def _name_type(dtype: Any) -> str:  # noqa: ANN401  of NumPy or pandas
    return "numbers" if dtype.kind in "iuf" else {"b": "true and false"}.get(dtype.kind, "text")


def split_name(path: str) -> tuple[str, str]:
    """Return the name of a table's file without and with nothing but its endings: houses and .csv.gz."""
    name = Path(urlsplit(path).path).name
    match = re.fullmatch(r"(.+?)((\.[A-Za-z0-9]{1,8}){1,2})", name)
    return (match[1], match[2].lower()) if match else (name, "")
