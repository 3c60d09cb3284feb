"""Write the page of a run, report.html, from the files in its folder, and draw the figures that it shares."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from matplotlib.figure import Figure

from bikeml.config.overrides import as_one_line, shell
from bikeml.config.sections import complete
from bikeml.errors import RecordError
from bikeml.evaluation.metrics import find_metric
from bikeml.pages.figures import EVALUATE, IMPORTANCE, RESIDUALS, SEARCH, draw, save_figure
from bikeml.pages.numbers import show_plain, show_seconds, show_value
from bikeml.pages.page import Panel, embed, load, render
from bikeml.pages.run.columns import MANY_COLUMNS, list_columns
from bikeml.pages.run.environment import describe_environment
from bikeml.pages.run.members import list_members
from bikeml.pages.run.metrics import DIGITS, MANY_FOLDS, list_cautions, list_metrics, summarize
from bikeml.pages.run.settings import list_changes, list_commands
from bikeml.records.run import RunRecord, StoreRecord
from bikeml.records.run_folder import CONFIG, PAGE, RunFolder, parse_config
from bikeml.system.files import write_text

MANY_CANDIDATES, MANY_NOTES = 20, 50
MOST_CONFIG = 50_000  # characters; a config of so many columns is read in its file
TEMPLATE = "run.html.j2"
FILTERS: Mapping[str, Callable[..., str]] = {"seconds": show_seconds, "number": show_plain, "one_line": as_one_line}
CAPTIONS = {
    EVALUATE: ("Actual against predicted", "A point above the dashed line is predicted too low."),
    RESIDUALS: ("Residuals", "A pattern, such as a funnel or a bend, is something the model has missed."),
    IMPORTANCE: (
        "Importance of the columns",
        "How much worse the predictions are if the values of a column are shuffled.",
    ),
    SEARCH: ("Scores of the candidates", "The mean over the folds of the search."),
}


def get_ready() -> None:
    """Do what the first page takes beyond a later one, while there is nothing else to do."""
    load(TEMPLATE, tuple(FILTERS.items()))


def write_run_page(folder: RunFolder) -> Path:
    """Write report.html to the folder of a run and return its path; raises RecordError and OSError."""
    return _write(folder, draw(folder))


def save(folder: RunFolder) -> None:
    """Write the figures and the page of a run, drawn once, to its folder; raises RecordError and OSError."""
    figures = draw(folder)
    for name, figure in figures.items():
        save_figure(figure, folder.path / name)
    _write(folder, figures)


def _write(folder: RunFolder, figures: Mapping[str, Figure]) -> Path:
    path = folder.path / PAGE
    write_text(path, render_run_page(folder, figures))
    return path


def render_run_page(folder: RunFolder, figures: Mapping[str, Figure]) -> str:
    """Return the page of a run as HTML; raises RecordError if its record is missing or broken."""
    record = folder.require()
    config, text = _read_config(folder, record)
    units = {name: str(unit) for name, unit in config.get("data", {}).get("units", {}).items()}
    metrics, rank = list_metrics(record, units), find_metric(record.rank)
    panels = {name: _make_panel(name, figure, record) for name, figure in figures.items()}
    searched = [panels.pop(SEARCH)] if SEARCH in panels else []
    candidates = record.search.standings if record.search else ()
    return render(
        TEMPLATE,
        FILTERS,
        record=record,
        started=record.started and datetime.fromtimestamp(record.started, UTC),
        metrics=metrics,
        main=metrics[0],
        summary=summarize(record),
        folds=[show_value(rank, value, DIGITS) for value in record.cv.scores[record.rank][:MANY_FOLDS]],
        cautions=list(list_cautions(folder, record)),
        figures=list(panels.values()),
        searched=searched,
        members=list_members(config),
        candidates=candidates[:MANY_CANDIDATES],
        columns=list_columns(record, units)[:MANY_COLUMNS],
        many_notes=MANY_NOTES,
        changes=list_changes(record),
        config=text if len(text) <= MOST_CONFIG else "",
        commands=list(list_commands(folder, record)),
        remake=shell("python", "-m", "bikeml", "report", str(folder.path.absolute())),
        origin=_describe_origin(folder, record),
        environment=describe_environment(record.environment),
    )


def _read_config(folder: RunFolder, record: RunRecord) -> tuple[dict[str, dict[str, dict[str, object]]], str]:
    """Return the sections of a run's config, and its text; both are empty if it cannot be read."""
    try:
        content = folder.check_file(CONFIG, record)
        return complete(parse_config(content, CONFIG)), content.decode()
    except (RecordError, UnicodeDecodeError):
        return {}, ""


def _make_panel(name: str, figure: Figure, record: RunRecord) -> Panel:
    title, text = CAPTIONS[name]
    said = figure.axes[0].get_title("left")
    return Panel(title, text, embed(figure, f"{title} of {record.run_name}: {said}", name.partition(".")[0]))


def _describe_origin(folder: RunFolder, record: RunRecord) -> dict[str, str]:
    """Return where the table, the split, the code and the result are from, and where they are."""
    dataset = record.dataset
    facts = {"table": dataset.source, "sha256 of the table": dataset.sha256}
    if dataset.test_source:
        facts |= {"test file": dataset.test_source, "sha256 of the test file": dataset.test_sha256 or ""}
    facts |= {"options": ", ".join(f"{group}={option}" for group, option in sorted(record.choices.items()))}
    facts |= {"folder": str(folder.path.absolute()), "fingerprint": record.fingerprint}
    try:
        store = StoreRecord.read(folder.path)
    except RecordError:
        store = None
    if store:
        facts |= {"run": f"{store.run_id} in {store.uri}, experiment {store.experiment_name}", "look": store.look}
    return facts
