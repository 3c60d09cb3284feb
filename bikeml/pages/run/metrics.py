"""Say how good a run is: its metrics with what each means, and what makes them doubtful."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bikeml.evaluation.meaning import explain_metric
from bikeml.evaluation.metric import Metric
from bikeml.evaluation.metrics import find_metric, is_metric
from bikeml.pages.numbers import show_value
from bikeml.records.judgement import find_weight
from bikeml.records.run import RunRecord
from bikeml.records.run_folder import LOG, RunFolder

DIGITS = 3
MANY_FOLDS = 50


@dataclass(frozen=True)
class Row:
    """What the page shows of a metric."""

    metric: Metric
    meaning: str
    test: str
    test_interval: str
    folds: str
    pooled: str
    pooled_interval: str
    undefined: str
    """Why a value of it is undefined; "" if all are defined."""
    no_interval: str
    """Why a value of it has no interval; "" if each has one, or none is defined."""


def list_metrics(record: RunRecord, units: Mapping[str, str]) -> list[Row]:
    """Return each metric of a run, the one that ranks it first; `units` are those of the columns that have one."""
    names = sorted((name for name in record.cv.scores if is_metric(name)), key=lambda name: name != record.rank)
    target = record.dataset.target or "the target"
    return [_describe(record, find_metric(name), target, units.get(target)) for name in names]


def _describe(record: RunRecord, metric: Metric, target: str, unit: str | None) -> Row:
    reasons = [record.undefined[name] for name in (metric.test, metric.mean, metric.pooled) if name in record.undefined]
    spread = f" ± {_show(metric, record.metrics.get(metric.std))}" if metric.std in record.metrics else ""
    return Row(
        metric,
        explain_metric(metric, target, unit),
        _show(metric, record.metrics.get(metric.test)),
        show_interval(record, metric, metric.test),
        _show(metric, record.metrics.get(metric.mean)) + spread,
        _show(metric, record.metrics.get(metric.pooled)),
        show_interval(record, metric, metric.pooled),
        "; ".join(dict.fromkeys(reasons)),
        _explain_interval(record, metric),
    )


def _explain_interval(record: RunRecord, metric: Metric) -> str:
    parts = ((metric.test, "held-out rows"), (metric.pooled, "rows of the folds"))
    told = {part: record.no_interval[name] for name, part in parts if name in record.no_interval}
    if len(told) == len(parts) and len({*told.values()}) == 1:
        return next(iter(told.values()))
    return "; ".join(f"{part}: {reason}" for part, reason in told.items())


def _show(metric: Metric, value: float | None) -> str:
    return show_value(metric, value, DIGITS)


def show_interval(record: RunRecord, metric: Metric, name: str) -> str:
    """Return the interval of a value, such as 0.41 to 0.52; "" if it has none."""
    low, high = record.intervals.get(name, (None, None))
    return f"{_show(metric, low)} to {_show(metric, high)}" if low is not None and high is not None else ""


def summarize(record: RunRecord) -> str:
    """Return how good a run is on its held-out rows, in one plain sentence."""
    target, rows = record.dataset.target or "the target", f"{record.dataset.n_test:,} held-out rows"
    weight = find_weight(record.dataset.roles)
    rows += f", weighted by {weight}," if weight else ""
    metric = find_metric(record.rank)
    value, off = record.metrics.get(metric.test), record.metrics.get("test_mae")
    interval = show_interval(record, metric, metric.test)
    sure = f" ({100 * record.confidence:g}% interval {interval})" if interval and record.confidence else ""
    if value is None:
        said = f"On {rows}, {metric.label} is undefined: {record.undefined.get(metric.test, 'it is not finite')}"
    elif metric.name == "r2":
        said = _explain_r2(value, target, rows, sure)
    else:
        said = f"On {rows} that no fit has seen, {metric.label} is {_show(metric, value)}{sure}"
    if off is None or metric.name == "mae":
        return said
    return f"{said}; its predictions are off by {_show(find_metric('mae'), off)} on average"


def _explain_r2(value: float, target: str, rows: str, sure: str) -> str:
    if value < 0:
        return (
            f"On {rows} it predicts {target} worse than their mean would: R² is {_show(find_metric('r2'), value)}{sure}"
        )
    sure = sure.replace("(", "(R² ")
    return f"It explains {value:.0%} of the variation of {target} in {rows} that no fit has seen{sure}"


def list_cautions(folder: RunFolder, record: RunRecord) -> Iterator[str]:
    """Yield what makes the figures of a run doubtful, each with what to do."""
    yield from record.hints
    metric = find_metric(record.rank)
    if record.cv.tuned_on_these_rows:
        yield (
            f"The search chose the parameters on the rows of the folds, so {metric.mean} flatters. "
            "evaluation.nested=true cross-validates the search itself."
        )
    if not record.reproducible:
        yield "The run cannot be reproduced to the last bit: a random_state is null. Set seed."
    if not record.intervals and not record.no_interval and record.confidence is not None:  # of an earlier version
        yield "No metric has an interval: there are too few rows, groups or dates, or the metrics have none."
    if folder.has(LOG):
        yield f"There were warnings: see {LOG} in the folder."
