"""Tell what new rows have that the rows which a pipeline was fitted on did not have."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from bikeml.errors import DataError
from bikeml.system.redaction import redact
from bikeml.system.spelling import some
from bikeml.table.column import show_cell
from bikeml.table.reading.dates import ISO
from bikeml.table.rows import UnknownValues

EXAMPLES_SHOWN = 3
KEEPS_COLUMNS = (FunctionTransformer, SimpleImputer)
"""Steps after which a column stands where it stood."""


class Unseen:
    """
    Collects what the chunks of a table have that the pipeline knows nothing of.

    Without a word, an encoder takes a category that it has not seen for none of those that it has, and a cell that is
    no date for a gap.
    """

    def __init__(self, pipeline: Pipeline, allowed: Mapping[str, Sequence[object]]) -> None:
        known = {name: each for name, each in list_categories(pipeline).items() if name not in allowed}
        self._values = (UnknownValues(allowed), UnknownValues(known, "the training rows had"))
        self._dates = list_dates(pipeline)

    def look_at(self, X: pd.DataFrame, path: str) -> None:
        """
        Add a chunk of the table at `path`, shape (n_rows, n_features), whose index counts the rows from 0.

        Raises DataError if a cell of a column of dates is no date.
        """
        problems = [problem for name in self._dates for problem in self._describe_other_dates(X[name])]
        if problems:
            seen = f"rows {X.index[0] + 1:,} to {X.index[-1] + 1:,} of {redact(path)}"
            raise DataError(f"{seen} do not fit the model:\n" + "\n".join(f"  {problem}" for problem in problems))
        for values in self._values:
            values.look_at(X)

    def describe(self) -> Iterator[str]:
        """Yield a line for each column with values that are not allowed, or that no training row had."""
        for values in self._values:
            yield from values.describe()

    def _describe_other_dates(self, column: pd.Series) -> Iterator[str]:
        reader = self._dates[str(column.name)]
        cells = column.dropna()
        wrong = cells[np.asarray(pd.isna(reader.transform(cells)))]
        if wrong.empty:
            return
        written = reader.kw_args["format"]
        how = "as ISO has it, such as 2026-11-27" if written == ISO else f"as {written}"
        rows = [f"row {row + 1}: {show_cell(cell)}" for row, cell in zip(wrong.index.to_numpy(), wrong, strict=True)]
        yield (
            f"{column.name!r} is no date in {some(rows, EXAMPLES_SHOWN, str)}; the training table has dates {how}: "
            "write them so, or leave the cells empty"
        )


def list_categories(pipeline: Pipeline) -> dict[str, list[object]]:
    """Return the categories of the training rows, by column, as far as an encoder of the pipeline has learned them."""
    found: dict[str, list[object]] = {}
    for steps, columns in _list_parts(pipeline):
        encoder = next((step for step in steps if not isinstance(step, KEEPS_COLUMNS)), None)
        learned = getattr(encoder, "categories_", ())
        if len(learned) == len(columns):
            found |= {name: [*pd.Series(each).dropna()] for name, each in zip(columns, learned, strict=True)}
    return found


def list_dates(pipeline: Pipeline) -> dict[str, FunctionTransformer]:
    """Return the step that reads the dates, by column."""
    return {
        columns[0]: steps[0]
        for steps, columns in _list_parts(pipeline)
        if isinstance(steps[0], FunctionTransformer) and getattr(steps[0].func, "__name__", "") == "to_datetime"
    }


def name_dates(pipeline: Pipeline) -> None:
    """
    Tell the steps that read dates which column they were fitted on, so that scikit-learn can draw the pipeline.

    A column of dates is a Series, from which scikit-learn 1.9 reads no name, and without one its diagram raises a
    TypeError.
    """
    for name, reader in list_dates(pipeline).items():
        reader.n_features_in_, reader.feature_names_in_ = 1, np.array([name], dtype=object)


def _list_parts(pipeline: Pipeline) -> Iterator[tuple[list[BaseEstimator], list[str]]]:
    """Yield the steps that the columns of a table pass first, and the names of these columns."""
    first = pipeline[0]
    for _, part, columns in first.transformers_ if isinstance(first, ColumnTransformer) else ():
        names = [columns] if isinstance(columns, str) else columns
        if not isinstance(part, str) and isinstance(names, list) and all(isinstance(name, str) for name in names):
            yield [step for _, step in part.steps] if isinstance(part, Pipeline) else [part], names
