"""Predict the rows of a table with the model of a recorded run."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any, Self

import numpy as np
import pandas as pd
from pydantic import Field

from bikeml.config.fields import Name, Section
from bikeml.config.schema import Config
from bikeml.errors import ConfigError, DataError, RecordError, RunFolderError
from bikeml.records.run_folder import CONFIG, RunFolder
from bikeml.system.files import move
from bikeml.system.redaction import redact
from bikeml.table.reading.source import EMBEDDED
from bikeml.table.rows import STANDARD_INPUT, Chunk, UnknownValues, read_rows
from bikeml.tasks.models.interval import Interval, list_files, read_interval
from bikeml.terminal.progress import progress

if TYPE_CHECKING:
    from bikeml.tracking.recorded import RecordedRun

STANDARD_OUTPUT = "-"
COLUMNS = ("row", "predicted", "low", "high")
Ends = tuple[np.ndarray, np.ndarray]


class Options(Section):
    """The keys of conf/task/predict.yaml."""

    run: Name
    output: Name
    key: Name | None
    interval: Annotated[float, Field(gt=0, lt=1)] | None
    given: Annotated[list[str], Field(default_factory=list)]
    """The keys of data that the command line names."""


def predict(config: Config, options: Options) -> None:
    """
    Predict the rows of data.path with the model of a run, and write them to options.output.

    The columns are the row's number from 1, the key if the options name one, the prediction, and the ends of its
    interval if the options ask for one. Raises ConfigError, RunNotFoundError, ModelFileError, DataError and
    TrackingError before anything is written, and RunFolderError if the file cannot be written.
    """
    _check_output(config, options)
    import bikeml.experiment.trusted.lean_skops  # noqa: F401  before skops
    from bikeml.experiment.model_file import load_recorded, read_as_trained  # seconds of imports from here on
    from bikeml.tracking import lookup

    with progress() as announce, TemporaryDirectory(prefix="bikeml-") as folder:
        announce("looking for the run")
        run = lookup.find(config, options.run)
        announce("loading the model")
        recorded, model = run.fetch_record(Path(folder), CONFIG), run.fetch_model(Path(folder))
        pipeline, description = load_recorded(model)
        interval = None
        if options.interval is not None:
            run.fetch_record(Path(folder), *list_files(recorded))
            interval = read_interval(recorded, options.interval, config.data, options.given)
        gaps, unknown = pd.Series(0, list(description.inputs)), UnknownValues(_read_allowed(recorded))
        rows = read_rows(read_as_trained(config.data, description, options.given), description.inputs, options.key)
        with closing(rows), _Writer(options.output) as writer:
            for chunk in rows:
                X = chunk.X
                gaps += X.isna().sum()
                unknown.look_at(X)
                predicted = _predict_chunk(pipeline.predict, X, config.data.path)
                ends = interval.around(pipeline, X, predicted) if interval else None
                writer.write(_table(chunk, options.key, predicted, ends))
                announce("predicting", writer.n_rows)
    _tell(run, config.data.path, options, writer, gaps, interval)
    for line in unknown.describe():
        print(line, file=sys.stderr)


def _check_output(config: Config, options: Options) -> None:
    """Raise ConfigError or RunFolderError if the output is wrong. This comes before imports that take seconds."""
    output = Path(options.output)
    if options.output != STANDARD_OUTPUT and output.suffix not in (".csv", ".parquet"):
        raise ConfigError(f"output={options.output!r} should end in .csv or .parquet, or be - for the standard output")
    if config.data.path != STANDARD_INPUT and output.resolve() == Path(config.data.path).expanduser().resolve():
        raise ConfigError(f"output={options.output!r} is the table itself; write to another file")
    if options.output != STANDARD_OUTPUT and not output.parent.is_dir():
        raise RunFolderError(f"cannot write {options.output!r}: there is no folder {str(output.parent)!r}; make it")
    if options.key in COLUMNS:
        raise ConfigError(f"key={options.key!r} is a column of the output already ({', '.join(COLUMNS)}); rename it")


def _predict_chunk(predict: Callable[[pd.DataFrame], np.ndarray], X: pd.DataFrame, path: str) -> np.ndarray:
    """Return the predictions of X, shape (n_rows, n_features); raises DataError if the model refuses the rows."""
    try:
        return np.asarray(predict(X), dtype=float)
    except (ValueError, TypeError) as error:
        gaps = [f"{name!r} is missing in row {X.index[rows][0] + 1}" for name, rows in X.isna().items() if rows.any()]
        reason = "; ".join([*gaps, *([] if gaps else [str(error).splitlines()[0]])])
        seen = f"rows {X.index[0] + 1:,} to {X.index[-1] + 1:,} of {redact(path)}"
        raise DataError(f"the model refuses {seen}: {reason}; mend these cells, or leave the rows out") from error


def _read_allowed(recorded: RunFolder) -> dict[str, list[object]]:
    """Return the run's own data.allowed, since the present config may belong to another table."""
    try:
        allowed = dict(recorded.read_config()["data"]["allowed"])
    except (KeyError, TypeError, ValueError) as error:
        raise RecordError(f"{CONFIG} of the run has no data.allowed; name another run") from error
    strange = next((name for name, values in allowed.items() if not isinstance(values, list)), None)
    if strange is not None:
        raise RecordError(f"{CONFIG} of the run has no list at data.allowed.{strange}; name another run")
    return allowed


def _table(chunk: Chunk, key: str | None, predicted: np.ndarray, ends: Ends | None) -> pd.DataFrame:
    """Return the predictions of a chunk as they are written; the key keeps the type of its whole column."""
    columns: dict[str, Any] = {"row": chunk.X.index + 1}
    if key is not None:
        columns[key] = pd.arrays.ArrowExtensionArray(chunk.key)
    columns["predicted"] = predicted
    if ends is not None:
        columns |= dict(zip(("low", "high"), ends, strict=True))
    return pd.DataFrame(columns)


class _Writer:
    """Writes chunks of a table to a temporary file, and moves it to its place after the last one."""

    def __init__(self, output: str) -> None:
        self._output, self.n_rows, self._widths = output, 0, 0.0
        self._parquet: Any = None

    def __enter__(self) -> Self:
        with _writing_errors(self._output):
            folder = None if self._output == STANDARD_OUTPUT else Path(self._output).parent
            self._aside = TemporaryDirectory(prefix=".unfinished-", dir=folder)
            self._file = Path(self._aside.name) / "predictions"
        return self

    def write(self, table: pd.DataFrame) -> None:
        """Append predictions, shape (n_rows, n_columns); raises RunFolderError."""
        with _writing_errors(self._output):
            if self._output.endswith(".parquet"):
                self._write_parquet(table)
            else:
                table.to_csv(self._file, mode="a", header=self.n_rows == 0, index=False)
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


def _print(file: Path) -> None:
    with file.open("rb") as content:
        try:
            shutil.copyfileobj(content, sys.stdout.buffer)
            sys.stdout.flush()
        except BrokenPipeError:  # the reader, such as head, has closed the pipe
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def _writing_errors(output: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RunFolderError(
            f"cannot write {output!r}: {error.strerror or error}; set output to another file"
        ) from error


def _tell(
    run: "RecordedRun", table: str, options: Options, writer: _Writer, gaps: pd.Series, interval: Interval | None
) -> None:
    """Describe the predictions on stderr, since they themselves may go to stdout."""
    lines = [f"{writer.n_rows:,} rows of {_shown(table)} predicted by run {run.title}"]
    if table.startswith(EMBEDDED):
        lines.append("these are the rows of the embedded table; set data.path to your own")
    if gaps.any():
        counts = ", ".join(f"{count:,} in {name}" for name, count in gaps[gaps > 0].items())
        lines.append(f"gaps that the model took: {counts}")
    if interval is not None:
        lines += interval.describe(run.params, writer.mean_width)
    if options.output != STANDARD_OUTPUT:
        lines.append(options.output)
    print("\n".join(lines), file=sys.stderr)


def _shown(table: str) -> str:
    return "the standard input" if table == STANDARD_INPUT else redact(table)
