"""Predict the rows of a table with the model of a recorded run."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import pandas as pd
from pydantic import Field

from bikeml.config.fields import Name, Section
from bikeml.config.schema import Config
from bikeml.errors import ConfigError, DataError, RecordError, RunFolderError
from bikeml.records.run_folder import CONFIG, RunFolder
from bikeml.system.printable import printable
from bikeml.system.redaction import redact
from bikeml.system.spelling import some
from bikeml.table.reading.source import EMBEDDED
from bikeml.table.rows import STANDARD_INPUT, Chunk, OtherTableError, read_rows
from bikeml.tasks.models.interval import Interval, list_files, read_interval
from bikeml.tasks.models.output import COLUMNS, STANDARD_OUTPUT, Writer, count_decimals
from bikeml.terminal.numbers import show_number
from bikeml.terminal.progress import progress

if TYPE_CHECKING:
    from bikeml.recorded.run import RecordedRun

Ends = tuple[np.ndarray, np.ndarray]


ID_SHOWN = 12


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
    from bikeml.experiment.encoding.unseen import Unseen  # seconds of imports from here on
    from bikeml.experiment.model_file import read_as_trained, read_description
    from bikeml.recorded.model import fetch_checked

    # the stack is outside, so that the progress line is gone when the predictions are printed
    with TemporaryDirectory(prefix="bikeml-") as folder, ExitStack() as stack, progress() as announce:
        announce("looking for the run")
        run = _find(config, options.run)
        stack.enter_context(run.named_in_errors())
        stack.enter_context(_naming_tables(config, run))
        announce("loading the model")
        recorded, (model, pipeline) = run.fetch_record(Path(folder), CONFIG), fetch_checked(run, Path(folder))
        description = read_description(model)
        interval = _fetch_interval(run, recorded, Path(folder), config, options)
        gaps, unseen = pd.Series(0, list(description.inputs)), Unseen(pipeline, read_allowed(recorded))
        rows = read_rows(read_as_trained(config.data, description, options.given), description.inputs, options.key)
        stack.enter_context(closing(rows))
        writer = stack.enter_context(Writer(options.output, count_decimals(run.metrics.get("test_mae"))))
        for chunk in rows:
            X = chunk.X
            gaps += X.isna().sum()
            unseen.look_at(X, config.data.path)
            predicted = predict_chunk(pipeline.predict, X, config.data.path)
            ends = interval.around(pipeline, X, predicted) if interval else None
            writer.write(_table(chunk, options.key, predicted, ends))
            announce("predicting", writer.n_rows)
    _tell(run, config.data.path, options, writer, gaps, interval)
    for line in unseen.describe():
        print(line, file=sys.stderr)


def _find(config: Config, which: str) -> "RecordedRun":
    """Return the run that `which` names; a folder needs no store, whose import takes seconds."""
    from bikeml.recorded.folder import find_folder, read_folder

    folder = find_folder(which)
    if folder is not None:
        return read_folder(folder, which)
    from bikeml.tracking import lookup

    return lookup.find(config, which)


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


@contextmanager
def _naming_tables(config: Config, run: "RecordedRun") -> Iterator[None]:
    """Name the table of the run in the error for rows of another one, and the run that they fit, if there is one."""
    try:
        yield
    except OtherTableError as error:
        from bikeml.tracking.lookup import find_fitting

        other = find_fitting(config, error.names)
        looks = f" look like the table {printable(other.table)}" if other and other.table else " are of another table"
        cure = (
            f"run={other.run_id[:ID_SHOWN]} ({other.name}) fits them" if other else "name a run of this table with run="
        )
        own = f"{printable(run.table) or 'its own'}, with [{some(run.columns)}]"
        raise DataError(
            f"the rows of {_shown(config.data.path)}{looks}, with the columns [{some(error.names)}]; run "
            f"{run.run_id[:ID_SHOWN]} was fitted on {own}; {cure}"
        ) from error


def _fetch_interval(
    run: "RecordedRun", recorded: RunFolder, folder: Path, config: Config, options: Options
) -> Interval | None:
    if options.interval is None:
        return None
    run.fetch_record(folder, *list_files(recorded))
    return read_interval(recorded, options.interval, config.data, options.given)


def predict_chunk(predict: Callable[[pd.DataFrame], np.ndarray], X: pd.DataFrame, path: str) -> np.ndarray:
    """Return the predictions of X, shape (n_rows, n_features); raises DataError if the model refuses the rows."""
    try:
        return np.asarray(predict(X), dtype=float)
    except (ValueError, TypeError) as error:
        gaps = [f"{name!r} is missing in row {X.index[rows][0] + 1}" for name, rows in X.isna().items() if rows.any()]
        reason = "; ".join([*gaps, *([] if gaps else [str(error).splitlines()[0]])])
        seen = f"rows {X.index[0] + 1:,} to {X.index[-1] + 1:,} of {redact(path)}"
        raise DataError(f"the model refuses {seen}: {reason}; mend these cells, or leave the rows out") from error


def read_allowed(recorded: RunFolder) -> dict[str, list[object]]:
    """Return the run's own data.allowed, since the present config may belong to another table."""
    try:
        allowed = dict(recorded.read_config()["data"]["allowed"])
    except (KeyError, TypeError, ValueError) as error:
        raise RecordError(f"{CONFIG} of the run has no data.allowed; name another run") from error
    strange = next((name for name, values in allowed.items() if not _is_flat_list(values)), None)
    if strange is not None:
        raise RecordError(f"{CONFIG} of the run has no list of values at data.allowed.{strange}; name another run")
    return allowed


def _is_flat_list(values: object) -> bool:
    return isinstance(values, list) and not any(isinstance(each, list | dict) for each in values)


def _table(chunk: Chunk, key: str | None, predicted: np.ndarray, ends: Ends | None) -> pd.DataFrame:
    """Return the predictions of a chunk as they are written; the key keeps the type of its whole column."""
    columns: dict[str, Any] = {"row": chunk.X.index + 1}
    if key is not None:
        columns[key] = pd.arrays.ArrowExtensionArray(chunk.key)
    columns["predicted"] = predicted
    if ends is not None:
        columns |= dict(zip(("low", "high"), ends, strict=True))
    return pd.DataFrame(columns)


def _tell(
    run: "RecordedRun", table: str, options: Options, writer: Writer, gaps: pd.Series, interval: Interval | None
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
    if writer.decimals is not None:
        error = show_number(run.metrics.get("test_mae"))
        lines.append(f"rounded, since the run's mean absolute error is {error}; a file or a pipe gets all digits")
    if options.output != STANDARD_OUTPUT:
        lines.append(options.output)
    print("\n".join(lines), file=sys.stderr)


def _shown(table: str) -> str:
    return "the standard input" if table == STANDARD_INPUT else redact(table)
