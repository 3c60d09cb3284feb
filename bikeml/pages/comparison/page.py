"""Write the page of a comparison."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from bikeml.errors import RunFolderError
from bikeml.evaluation.metric import Metric
from bikeml.evaluation.metrics import find_metric
from bikeml.pages.comparison.comparison import LETTERS, ComparedRun, Comparison
from bikeml.pages.comparison.plots import MOST_COLUMNS, plot_errors, plot_importance, plot_residuals
from bikeml.pages.numbers import show_value
from bikeml.pages.page import Panel, embed, render
from bikeml.system.files import write_text

LARGEST = 1e150
"""matplotlib squares numbers when it lays out axes; the square of a larger one is not finite."""


def write_page(comparison: Comparison, file: Path) -> Comparison:
    """Write the page of a comparison, and return the comparison that knows it; raises RunFolderError."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_text(file, render_page(comparison))
    except OSError as error:
        raise RunFolderError(
            f"cannot write {str(file)!r}: {error.strerror or error}; set output to another file"
        ) from error
    return replace(comparison, page=file)


def render_page(comparison: Comparison) -> str:
    """Return the page as HTML."""
    first = comparison.runs[LETTERS[0]]
    metric = find_metric(first.record.rank)
    return render(
        "comparison.html.j2",
        {"of": _show, "plain": str, "when": _show_time, "seconds": _show_seconds},
        comparison=comparison,
        runs=comparison.runs,
        first=first,
        metric=metric,
        lead=[each for each in comparison.figures if each.name in (metric.test, metric.mean)],
        residuals=list(_draw_residuals(comparison)),
        importance=list(_draw_importance(comparison, metric)),
        most_columns=MOST_COLUMNS,
        made=datetime.now(UTC),
    )


def _draw_residuals(comparison: Comparison) -> Iterator[Panel]:
    """Yield two figures of the residuals of the runs on the same rows; none if no run has A's rows."""
    runs = {letter: run for letter, run in comparison.runs.items() if letter not in comparison.refused}
    residuals = {
        letter: (run.predictions["actual"] - run.predictions["predicted"]).to_numpy() for letter, run in runs.items()
    }
    is_drawable = all(abs(each).max(initial=0) < LARGEST for each in residuals.values())
    if len(residuals) > 1 and is_drawable and len(next(iter(residuals.values()))):
        names = ", ".join(residuals)
        yield Panel("Residuals", "", embed(plot_residuals(residuals), f"residuals of {names}", "residuals"))
        yield Panel("Absolute errors", "", embed(plot_errors(residuals), f"absolute errors of {names}", "errors"))


def _draw_importance(comparison: Comparison, metric: Metric) -> Iterator[Panel]:
    """Yield a figure of the importance in the runs that the same metric ranks."""
    found = {
        letter: run.record.importance
        for letter, run in comparison.runs.items()
        if run.record.rank == metric.name and run.record.importance is not None and any(run.record.importance.mean)
    }
    if len(found) > 1:
        effect = f"{'fall' if metric.greater_is_better else 'rise'} of the test {metric.label}"
        figure = plot_importance(found, effect)
        yield Panel("Permutation importance", "", embed(figure, f"importance in {', '.join(found)}", "importance"))


def _show(value: float | None, metric: Metric) -> str:
    return show_value(metric, value)


def _show_time(run: ComparedRun) -> str:
    started = run.record.started
    return "–" if started is None else f"{datetime.fromtimestamp(started, UTC):%Y-%m-%d %H:%M} UTC"


def _show_seconds(run: ComparedRun) -> str:
    return f"{run.record.seconds.get('total', 0.0):.1f} s"
