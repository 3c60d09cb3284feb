"""List the recorded runs of a store."""

import re
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pandas as pd
from pydantic import AfterValidator, BeforeValidator, Field

from bikeml.config.fields import SQLITE, ColumnName, Section, absolute
from bikeml.config.schema import Config
from bikeml.destination.local_store import SECONDS, StoredRun, name_metrics, read_runs
from bikeml.destination.sqlite_faults import explain
from bikeml.errors import ConfigError, RunNotFoundError, TrackingError
from bikeml.evaluation.metrics import find_metric, is_metric
from bikeml.records.tags import ESTIMATOR_PREFIX, FINGERPRINT
from bikeml.system.printable import printable, program
from bikeml.system.redaction import redact
from bikeml.system.sheets import to_sheet
from bikeml.system.spelling import did_you_mean
from bikeml.terminal.clean import with_escapes
from bikeml.terminal.numbers import show_number
from bikeml.terminal.progress import progress
from bikeml.terminal.tables import build_table, show_notice, show_table

if TYPE_CHECKING:
    from rich.table import Table

COLUMNS = (
    *("run_id", "name", "table", "model", "metric", "cv_mean", "test", "test_low", "test_high"),
    *("started", "seconds", "status", "fingerprint", "aliases"),
)
FINISHED = "FINISHED"
ID_SHOWN = 8
RIGHT = ("cv mean", "test", "time")
UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_AGE = re.compile(r"(\d{1,5})([mhdw])")


def _since(text: str) -> str:
    if not _AGE.fullmatch(text):
        try:
            datetime.fromisoformat(text)
        except ValueError as error:
            raise ValueError("should be an age such as 30m, 12h, 7d or 4w, or a date such as 2026-11-01") from error
    return text


def _split(value: object) -> object:
    return [each.strip() for each in str(value).split(",")] if isinstance(value, str | int) else value


Filter = Annotated[list[ColumnName] | None, BeforeValidator(_split)]


class Options(Section):
    """The keys of conf/task/runs.yaml."""

    data: Filter
    model: Filter
    since: Annotated[str, AfterValidator(_since)] | None
    sort: Literal["started", "score", "seconds", "name", "table", "model"]
    limit: Annotated[int, Field(ge=1)] | None
    format: Literal["table", "csv", "json"]


def show_runs(config: Config, options: Options) -> None:
    """Print the runs as a table for people, or as CSV or JSON; see :func:`list_runs`."""
    with progress() as announce:
        announce("reading the store")
        runs = list_runs(config, options.model_copy(update={"limit": None}))
    shown = runs.head(options.limit) if options.limit else runs
    if options.format == "csv":
        print(to_sheet(shown), end="", file=with_escapes(sys.stdout))
    elif options.format == "json":
        print(shown.to_json(orient="records", date_format="iso", indent=2))
    elif len(shown):
        show_table(_build_table(shown), wide=True)
    if len(shown) < len(runs):
        print(f"{len(shown):,} of {len(runs):,} runs; limit=null shows all", file=sys.stderr)


def list_runs(config: Config, options: Options) -> pd.DataFrame:
    """
    Return the runs of the config's store and its experiment of MLflow, a row each, with COLUMNS.

    A run that failed in the model's code has no figures. The ends of the interval are those of the held-out rows.
    Raises ConfigError if the config names no store, RunNotFoundError if there is no store at a path, TrackingError and
    ClusterError.
    """
    stored = _read(config)
    rows = pd.DataFrame([_describe(run) for run in stored if _is_wanted(run, options)], columns=COLUMNS)
    if rows.empty:
        _explain_nothing(stored, options, config)
    rows["started"] = pd.to_datetime((rows["started"].astype(float) * 1000).round(), unit="ms", utc=True)
    for column in ("cv_mean", "test", "test_low", "test_high", "seconds"):
        rows[column] = pd.to_numeric(rows[column], errors="coerce").astype(float)  # a file of SQLite may hold any value
    rows = _sort(rows, options.sort)
    return rows.head(options.limit) if options.limit else rows


def _read(config: Config) -> list[StoredRun]:
    uri = config.tracking.uri
    if uri is None:
        raise ConfigError("tracking.uri=null names no store; choose the tracking option that runs were recorded with")
    if absolute(uri).startswith(SQLITE):
        file = Path(absolute(uri).removeprefix(SQLITE))
        if not file.is_file():
            raise RunNotFoundError(
                f"there is no store at {str(file)!r}; record a run first ({program()}), or set tracking.uri"
            )
        try:
            return read_runs(file, config.tracking)
        except sqlite3.Error as error:
            fault = explain(error, absolute(uri))
            if fault is not None:
                raise TrackingError(f"cannot list the runs in {absolute(uri)!r}: {'; '.join(fault)}") from error
            # else of another version of MLflow, or no store: its client knows
    from bikeml.tracking.lookup import list_stored  # mlflow's import takes seconds

    return list_stored(config)


def _describe(run: StoredRun) -> dict[str, Any]:
    mean, test, low, high, _ = name_metrics(run.rank)
    is_ended = run.started is not None and run.ended is not None
    return {
        "run_id": run.run_id,
        "name": run.name,
        "table": run.table or run.params.get("data"),
        "model": _name_model(run),
        "metric": run.rank,
        "cv_mean": run.metrics.get(mean),
        "test": run.metrics.get(test),
        "test_low": run.metrics.get(low),
        "test_high": run.metrics.get(high),
        "started": run.started,
        "seconds": run.metrics.get(SECONDS, run.ended - run.started if is_ended else None),  # type: ignore[operator]
        "status": run.status,
        "fingerprint": run.tags[FINGERPRINT],
        "aliases": ", ".join(run.aliases),
    }


def _name_model(run: StoredRun) -> str | None:
    """Return the option of the model; of a run whose config was given whole, the class."""
    target = run.params.get(f"{ESTIMATOR_PREFIX}_target_", "").rpartition(".")[2]
    return run.params.get("model") or target or None


def _is_wanted(run: StoredRun, options: Options) -> bool:
    is_of_table = not options.data or bool({run.table, run.params.get("data")} & {*options.data})
    is_of_model = not options.model or _name_model(run) in options.model
    return is_of_table and is_of_model and (not options.since or (run.started or 0) >= _read_since(options.since))


def _read_since(since: str) -> float:
    age = _AGE.fullmatch(since)
    if age is None:
        return datetime.fromisoformat(since).timestamp()  # without a zone, it is this machine's time
    return (datetime.now(UTC) - timedelta(**{UNITS[age[2]]: int(age[1])})).timestamp()


def _explain_nothing(stored: Sequence[StoredRun], options: Options, config: Config) -> None:
    """Say why the list is empty: there is no run, or a filter has no such value."""
    tracking = config.tracking
    where = f"{redact(str(tracking.uri))!r}, experiment {tracking.experiment_id or tracking.experiment_name!r}"
    if not stored:
        show_notice(f"no run is recorded in {where}; {program()} records one")
        return
    tables = {name for run in stored for name in (run.table, run.params.get("data")) if name}
    models = {name for run in stored if (name := _name_model(run))}
    said = [*_explain_filter("data", options.data, tables), *_explain_filter("model", options.model, models)]
    said += [f"none began since {options.since}"] if options.since and not said else []
    show_notice(f"none of {len(stored):,} runs in {where}: {'; '.join(said) or 'no run fits all filters'}")


def _explain_filter(key: str, wanted: Sequence[str] | None, known: set[str]) -> Iterator[str]:
    for name in wanted or ():
        if name not in known:
            yield f"no run has {key}={name}{did_you_mean(name, known)}; there are {', '.join(sorted(known))}"


def _sort(rows: pd.DataFrame, by: str) -> pd.DataFrame:
    """Return the rows in order; those with an equal value stay the newest first. Scores are sorted within a metric."""
    if by == "started":
        return rows  # as the store has them
    if by != "score":
        return rows.sort_values(by, kind="stable", na_position="last", ignore_index=True)
    signs = {name: find_metric(name).sign if is_metric(name) else 1 for name in rows["metric"].unique()}
    keys = rows.assign(key=-rows["cv_mean"] * rows["metric"].map(signs))
    return rows.loc[keys.sort_values(["metric", "key"], kind="stable", na_position="last").index].reset_index(drop=True)


def _build_table(rows: pd.DataFrame) -> "Table":
    """Return the table for people, without the columns that would say nothing."""
    told = [_show(row) for _, row in rows.iterrows()]
    left_out = [] if rows["aliases"].any() else ["alias"]
    left_out += ["status"] if (rows["status"] == FINISHED).all() else []
    headings = [heading for heading in told[0] if heading not in left_out]
    return build_table(headings, ([row[heading] for heading in headings] for row in told), right=RIGHT)


def _show(row: "pd.Series[Any]") -> dict[str, str]:
    show = find_metric(row["metric"]).show if is_metric(row["metric"]) else show_number  # of another version
    ends, started = [row["test_low"], row["test_high"]], row["started"]
    return {
        "run": row["run_id"][:ID_SHOWN],
        "name": printable(row["name"]),
        "status": row["status"].lower(),
        "table": printable(row["table"] or ""),
        "model": printable(row["model"] or ""),
        "metric": row["metric"],
        "cv mean": show(row["cv_mean"], missing=""),
        "test": show(row["test"], missing=""),
        "interval": "" if pd.isna(ends).any() else " to ".join(map(show, ends)),
        "started": "" if pd.isna(started) else f"{started.to_pydatetime().astimezone():%Y-%m-%d %H:%M}",
        "time": "" if pd.isna(row["seconds"]) else f"{row['seconds']:.1f} s",
        "fingerprint": row["fingerprint"][:ID_SHOWN],
        "alias": ", ".join(alias.rpartition("@")[2] for alias in row["aliases"].split(", ")),
    }
