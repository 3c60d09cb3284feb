"""Draw the figures of a run from the files in its folder."""

import io
from pathlib import Path

import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from bikeml.evaluation.metrics import METRICS, find_metric
from bikeml.pages import plots
from bikeml.pages.numbers import show_value
from bikeml.pages.search_plots import plot_search
from bikeml.pages.style import our_style, shorten
from bikeml.records.judgement import read_predictions
from bikeml.records.run import RunRecord
from bikeml.records.run_folder import FIGURES, PREDICTIONS, RunFolder
from bikeml.system.files import write_bytes

EVALUATE, RESIDUALS, IMPORTANCE, SEARCH = FIGURES
DPI = 160
DIGITS = 3
LONG_UNIT = 20  # characters


def draw(folder: RunFolder) -> dict[str, Figure]:
    """Return the figures of a run by file name; empty for form 1, which drew its own figures; raises RecordError."""
    record = folder.require()
    if record.importance is None or record.confidence is None or record.dataset.target is None:
        return {}
    held_out = read_predictions(folder, PREDICTIONS)
    y, predicted, target = held_out["actual"].to_numpy(), held_out["predicted"].to_numpy(), record.dataset.target
    figures = {
        EVALUATE: plots.plot_evaluate(y, predicted, target, _describe_score(record), record.confidence),
        RESIDUALS: plots.plot_residuals(y, predicted, target),
    }
    if record.importance.columns:
        metric = find_metric(record.rank)
        effect = f"{'fall' if metric.greater_is_better else 'rise'} of the test {metric.label}"
        figures[IMPORTANCE] = plots.plot_importance(record.importance, effect)
    if record.search is not None and record.search.candidates:
        figures[SEARCH] = plot_search(_list_candidates(record), _describe_scoring(record))
    return figures


def _describe_score(record: RunRecord) -> str:
    """Return the metric that ranks a run on its held-out rows, with its interval if it has one."""
    metric = find_metric(record.rank)
    shown = f"{metric.label} {show_value(metric, record.metrics[metric.test], DIGITS, 'undefined')}"
    if metric.test not in record.intervals:
        return shown
    low, high = (show_value(metric, end, DIGITS) for end in record.intervals[metric.test])
    return f"{shown} ({100 * (record.confidence or 0):g}% interval {low} to {high})"


def _describe_scoring(record: RunRecord) -> str:
    """Return what a search scored its candidates by, with its unit, such as R²."""
    scoring = (record.search and record.search.scoring) or "score"
    metric = next((each for each in METRICS.values() if each.scorer == scoring), None)
    if metric is None:
        return scoring
    unit = f" in {shorten([record.dataset.target or 'the target'], LONG_UNIT)[0]}" if metric.unit == "target" else ""
    return f"{'' if metric.greater_is_better else '−'}{metric.label}{unit}"


def save_figure(figure: Figure, file: Path, dpi: int = DPI) -> None:
    """Write a figure as PNG. `savefig` writes the same pixels, but draws twice and compresses slowly for 10 % less."""
    figure.set_dpi(dpi)
    content = io.BytesIO()
    with our_style():
        FigureCanvasAgg(figure).print_png(content, pil_kwargs={"compress_level": 3})
    write_bytes(file, content.getvalue())


def _list_candidates(record: RunRecord) -> pd.DataFrame:
    """Return the candidates of a search as a table of scores and params, shape (n_candidates, n_scores + 1)."""
    candidates = record.search.standings if record.search else ()
    scores = pd.DataFrame([dict(candidate.scores) for candidate in candidates]).astype(float)
    return scores.assign(params=pd.Series([dict(candidate.params) for candidate in candidates], dtype=object))
