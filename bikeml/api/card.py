"""
Draw the card of an object for a notebook: HTML without script, in the colours of the notebook.

Text and background are inherited, so a card is legible on any theme; JupyterLab, VS Code and Colab need no style of
their own.
"""

import io
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from bikeml.evaluation.metric import Metric
from bikeml.evaluation.metrics import find_metric
from bikeml.pages.style import our_style
from bikeml.records.judgement import find_weight
from bikeml.records.run import RunRecord
from bikeml.records.run_folder import PAGE as RUN_PAGE
from bikeml.records.sweep import Sweep
from bikeml.records.sweep_folder import PAGE as SWEEP_PAGE
from bikeml.system.printable import show_path
from bikeml.table.hints import Hint
from bikeml.table.look import Look
from bikeml.terminal.numbers import show_count, show_number

if TYPE_CHECKING:
    from bikeml.pages.comparison.comparison import Comparison

ROWS = 10
"""The most rows of a card."""
CELL = 120
"""The most characters of a cell of a card."""


def draw_picture(figure: Figure) -> bytes:
    """Return a figure as PNG."""
    content = io.BytesIO()
    with our_style():
        FigureCanvasAgg(figure).print_png(content)
    return content.getvalue()


def draw_run(record: RunRecord, folder: Path, run_id: str | None) -> str:
    """Return the card of a run."""
    metrics, ranked = [find_metric(name) for name in record.cv.scores], find_metric(record.rank)
    rows = []
    for metric in metrics:
        ends = record.intervals.get(metric.test, ())
        rows.append(
            (metric.label, metric.show(record.metrics.get(metric.test)), " to ".join(map(metric.show, ends)),
             f"{metric.show(record.metrics.get(metric.mean))} ± {metric.show(record.metrics.get(metric.std))}")
        )  # fmt: skip
    confidence = f"{100 * (record.confidence or 0.95):g}% interval"
    weight = find_weight(record.dataset.roles)
    return _render(
        title=record.run_name,
        lead=f"{record.dataset.name}: {record.dataset.n_train:,} rows to train, {record.dataset.n_test:,} held out; "
        f"{f'weighted by {weight}; ' if weight else ''}ranked by {ranked.label}",
        headings=("metric", "held out", confidence, f"mean ± sd of {len(record.cv.n_fit)} folds"),
        rows=rows,
        notes=[*record.hints, *record.dataset.notes],
        facts={"run": run_id, "page": _link(folder, RUN_PAGE), "folder": show_path(folder)},
    )


def draw_leaderboard(sweep: Sweep, table: pd.DataFrame, failures: Mapping[int, str]) -> str:
    """Return the card of a sweep: its best cells, and why others failed."""
    metric = find_metric(sweep.record.rank)
    rows = [_tell_cell(row, metric) for row in table.head(ROWS).to_dict("records")]
    more = [f"{show_count(len(table) - ROWS, 'more cell')}; see to_frame()"] if len(table) > ROWS else []
    causes = [f"cell {number}: {cause}" for number, cause in list(failures.items())[:ROWS]]
    return _render(
        title=f"{show_count(len(table), 'cell')}, by cross-validated {metric.label}",
        lead="",
        headings=(
            "rank",
            "cell",
            "name",
            f"cv {metric.label}",
            "to the best",
            f"test {metric.label}",
            "time",
            "status",
        ),
        rows=rows,
        notes=[*more, *causes],
        facts={"run": sweep.run_id, "page": _link(sweep.folder, SWEEP_PAGE), "folder": show_path(sweep.folder)},
    )


def _tell_cell(row: Mapping[Hashable, Any], metric: Metric) -> Sequence[str]:
    """Return the cells of the card for a row of the leaderboard; what is missing is empty."""
    known = {name: None if pd.isna(value) else value for name, value in row.items()}
    low, high, mean, seconds = (known[name] for name in ("difference_low", "difference_high", metric.mean, "seconds"))
    interval = (
        "" if low is None else "equal" if low == high == 0 else f"{metric.show(low, 3)} to {metric.show(high, 3)}"
    )
    return (
        "" if known["rank"] is None else str(known["rank"]),
        str(known["cell"]),
        str(known["name"]),
        "" if mean is None else f"{metric.show(mean)} ± {metric.show(known[metric.std])}",
        "best" if known["rank"] == 1 else interval,
        metric.show(known[metric.test], missing=""),
        "" if seconds is None else f"{seconds:.1f} s",
        str(known["status"]),
    )


def draw_exploration(look: Look, findings: Sequence[Hint]) -> str:
    """Return the card of a table: what to look at, and its columns."""
    rows = [
        (column.name, column.role, column.kind, f"{column.share_missing:.1%}" if column.n_missing else "",
         show_number(column.mean, ""), "" if column.association is None else f"{column.association:.2f}", column.reason)
        for column in look.columns[:ROWS]
    ]  # fmt: skip
    more = len(look.columns) - ROWS
    return _render(
        title=f"{show_count(look.n_rows, 'row')}, {show_count(len(look.columns), 'column')}",
        lead=f"target {look.target.name}",
        headings=("column", "role", "kind", "missing", "mean", "with the target", "why"),
        rows=rows,
        notes=[f"{show_count(more, 'more column')}; see to_frame()"] * (more > 0)
        + [f"{what}: {advice}" for what, advice in findings],
        facts={},
    )


def draw_comparison(found: "Comparison") -> str:
    """Return the card of a comparison: the figures, and what else differs."""
    rows = []
    for each in found.figures:
        show, difference = each.metric.show, each.difference
        ends = each.verdict not in ("", "equal")
        interval = f"{show(difference.low)} to {show(difference.high)}" if difference and ends else ""
        told = show(difference.value) if difference else ""
        rows.append(
            (each.name, each.run, show(each.first), show(each.value), told, interval, each.verdict or each.note)
        )
    notes = [f"{each.key}: {', '.join(each.shown)}" for each in found.aspects]
    return _render(
        title="Differences to A",
        lead="; ".join(f"{letter} {run.record.run_name}" for letter, run in found.runs.items()),
        headings=("figure", "run", "A", "of the run", "difference", "95% interval", "verdict"),
        rows=rows,
        notes=[
            *found.notes,
            *notes[:ROWS],
            *([f"{show_count(len(notes) - ROWS, 'more value')} in differing"] if len(notes) > ROWS else []),
        ],
        facts={},
    )


def _render(*, rows: Sequence[Sequence[object]], notes: Sequence[str], **values: Any) -> str:  # noqa: ANN401  of a template
    environment = Environment(
        loader=PackageLoader("bikeml.api"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    cells = [[_cut(str(cell)) for cell in row] for row in rows]
    return environment.get_template("card.html.j2").render(
        rows=cells, notes=[_cut(each, 4 * CELL) for each in notes], **values
    )


def _cut(text: str, most: int = CELL) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _link(folder: Path, name: str) -> tuple[str, str] | None:
    """Return the text and the address of a page below the working folder, where a notebook can open it; else None."""
    file = folder / name
    if not file.is_file():
        return None
    here = Path.cwd()
    # ./ in front, since a folder may be called javascript:
    address = f"./{quote(file.relative_to(here).as_posix())}" if here in file.parents else ""
    return show_path(file), address
