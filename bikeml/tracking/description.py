"""Describe a run in Markdown for MLflow's pages: what it is, how good it is, and where its page lies."""

import html
import re
from collections.abc import Mapping
from pathlib import Path

from bikeml.evaluation.metrics import find_metric
from bikeml.records.judgement import find_weight
from bikeml.records.run import RunRecord
from bikeml.records.run_folder import PAGE, RunFolder
from bikeml.system.printable import printable
from bikeml.system.redaction import redact

_MARKS = re.compile(r"([\\`*_{}\[\]()#+!|~-])")
MOST_ERROR = 500
"""Characters of an error that are shown."""


def escape(text: str) -> str:
    """Return text that Markdown and HTML show as it is, in one line."""
    return _MARKS.sub(r"\\\1", html.escape(printable(redact(text)), quote=False))


def describe_run(folder: RunFolder, run: RunRecord) -> str:
    """Return what a run is, how good it is, and where its page is."""
    metric, table = find_metric(run.rank), run.dataset
    ends = [metric.show(end) for end in run.intervals.get(metric.test, ())]
    interval = f" ({100 * run.confidence:g}% interval {ends[0]} to {ends[1]})" if ends and run.confidence else ""
    tuned = ", tuned on these rows" if run.cv.tuned_on_these_rows else ""
    spread = f"{metric.show(run.metrics[metric.mean])} ± {metric.show(run.metrics[metric.std])}"
    score = f"{metric.label} {metric.show(run.metrics.get(metric.test))}{interval} on {table.n_test:,} held-out rows"
    weight = find_weight(table.roles)
    score += f", weighted by {escape(weight)}" if weight else ""
    folds = f"{spread} over {len(run.cv.n_fit)} folds of {table.n_train:,} rows{tuned}"
    lines = [
        f"**{escape(run.run_name)}** predicts {escape(table.target or 'the target')} of {escape(table.name)}.",
        f"{score}; {folds}.",
        *([] if run.reproducible else ["Not reproducible: a random\\_state is null."]),
        f"Page: {PAGE} in {escape(str(folder.path.absolute()))}",
        f"Command: {escape(run.command)}",
    ]
    return "\n\n".join(lines)


def describe_sweep(page: Path | None, metrics: Mapping[str, float]) -> str:
    """Return how many cells of a sweep ended how, the best score, and where the page is."""
    told = [(name.removeprefix("cells_").replace("_", " "), value) for name, value in metrics.items()]
    counts = [f"{value:.0f} {name}" for name, value in told if not name.startswith("best ")]
    best = [f"; {escape(name)} {value:.4g}" for name, value in metrics.items() if name.startswith("best_")]
    lines = [f"A sweep of cells: {', '.join(counts) or 'none'}{''.join(best)}."]
    return "\n\n".join([*lines, *([f"Page: {page.name} in {escape(str(page.parent.absolute()))}"] if page else [])])


def describe_failure(name: str, error: str) -> str:
    """Return which cell failed, and why."""
    return f"**{escape(name)}** failed: {escape(error[:MOST_ERROR])}"
