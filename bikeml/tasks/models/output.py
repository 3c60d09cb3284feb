"""Write predictions in chunks: to a file or a pipe with all of their digits, to a terminal with those that count."""

import math
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import pandas as pd

from bikeml.errors import RunFolderError
from bikeml.system.files import UNFINISHED, move

STANDARD_OUTPUT = "-"
PREDICTED = ("predicted", "low", "high")
COLUMNS = ("row", *PREDICTED)


def count_decimals(error: float | None) -> int | None:
    """
    Return how many decimals of a prediction count, by the mean absolute error of its run; None if all do.

    A digit counts if it is worth at least a tenth of the error.
    """
    if error is None or not 0 < error < math.inf:
        return None
    return max(0, math.floor(1 - math.log10(error)))


class Writer:
    """
    Writes chunks of a table to a temporary file, and moves it to its place after the last one.

    A terminal gets predictions with `decimals`, which None leaves as they are.
    """

    def __init__(self, output: str, decimals: int | None = None) -> None:
        self._output, self.n_rows, self._widths = output, 0, 0.0
        self.decimals = decimals if output == STANDARD_OUTPUT and sys.stdout.isatty() else None
        self._parquet: Any = None

    def __enter__(self) -> Self:
        with _writing_errors(self._output):
            folder = None if self._output == STANDARD_OUTPUT else Path(self._output).parent
            self._aside = TemporaryDirectory(prefix=UNFINISHED, dir=folder)
            self._file = Path(self._aside.name) / "predictions"
        return self

    def write(self, table: pd.DataFrame) -> None:
        """Append predictions, shape (n_rows, n_columns); raises RunFolderError."""
        with _writing_errors(self._output):
            if self._output.endswith(".parquet"):
                self._write_parquet(table)
            else:
                _round(table, self.decimals).to_csv(self._file, mode="a", header=self.n_rows == 0, index=False)
        self.n_rows += len(table)
        self._widths += float((table["high"] - table["low"]).sum()) if "high" in table else 0.0

    @property
    def mean_width(self) -> float:
        """The mean width of the intervals; 0 without intervals."""
        return self._widths / self.n_rows

    def _write_parquet(self, table: pd.DataFrame) -> None:
        import pyarrow as pa
        from pyarrow.parquet import ParquetWriter

        schema = None if self._parquet is None else self._parquet.schema
        rows = pa.Table.from_pandas(table, schema=schema, preserve_index=False).replace_schema_metadata()
        self._parquet = self._parquet or ParquetWriter(self._file, rows.schema)
        self._parquet.write_table(rows)

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        with self._aside, _writing_errors(self._output):
            if self._parquet is not None:
                self._parquet.close()
            if error is None and self._output == STANDARD_OUTPUT:
                _print(self._file)
            elif error is None:
                move(self._file, Path(self._output))


def _round(table: pd.DataFrame, decimals: int | None) -> pd.DataFrame:
    """Return the predictions as text with so many decimals; 0.0 is added, since -0 is 0 to a reader."""
    if decimals is None:
        return table
    shown = {
        name: table[name].map(lambda value: f"{round(value, decimals) + 0.0:.{decimals}f}")
        for name in PREDICTED
        if name in table
    }
    return table.assign(**shown)


def _print(file: Path) -> None:
    with file.open("rb") as content:
        shutil.copyfileobj(content, sys.stdout.buffer)
    sys.stdout.flush()


@contextmanager
def _writing_errors(output: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RunFolderError(
            f"cannot write {output!r}: {error.strerror or error}; set output to another file"
        ) from error
