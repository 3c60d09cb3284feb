"""Compare recorded runs with the first of them: their figures on the same held-out rows, and what else differs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd

from bikeml.evaluation.metric import Metric
from bikeml.evaluation.metrics import find_metric, is_metric
from bikeml.evaluation.uncertainty.comparison import compare_on_rows, compare_with_best
from bikeml.evaluation.uncertainty.intervals import OfMeans
from bikeml.evaluation.uncertainty.units import Units
from bikeml.pages.comparison.aspects import Aspect, find_aspects
from bikeml.pages.numbers import is_rounding_error
from bikeml.pages.sweep.entries import DEPENDENT, read_split
from bikeml.records.judgement import find_weight, read_weights
from bikeml.records.run import RunRecord

LETTERS = "ABCDEF"
"""The names of the runs of a comparison, in their order; so many can be compared."""
FEWEST_ROWS = 3
APART = {
    "chronological": "the rows are split by dates, and depend on each other",
    "group": "the rows of a group depend on each other",
}


@dataclass(frozen=True)
class ComparedRun:
    """What a comparison knows of one run."""

    title: str
    run_id: str
    record: RunRecord
    config: Mapping[str, Any]
    """Its sections that can change a figure."""
    predictions: pd.DataFrame
    """Of the held-out rows, shape (n_test, 3 to 5): row (from 1), actual, predicted."""


class Difference(NamedTuple):
    """A difference to the first run, and the ends of its interval, if it has one."""

    value: float
    low: float | None = None
    high: float | None = None

    @classmethod
    def between(cls, first: float, value: float, low: float, high: float) -> Self:
        """Return the difference of two values with its interval, which is nothing if it is only of rounding."""
        is_rounding = all(is_rounding_error(each, first, value) for each in (low, high))
        return cls(0.0, 0.0, 0.0) if is_rounding else cls(value - first, low, high)


EQUAL = Difference(0.0, 0.0, 0.0)


@dataclass(frozen=True)
class ComparedFigure:
    """A figure of the first run and of another one."""

    run: str
    """The letter of the other one."""
    name: str
    """As a record has it, such as test_r2."""
    metric: Metric
    first: float | None
    value: float | None
    difference: Difference | None
    note: str
    """Why there is no difference, or no interval; else empty."""

    @property
    def verdict(self) -> str:
        """Return better, worse, equal or too close to call; empty without an interval."""
        if self.difference is None or self.difference.low is None or self.difference.high is None:
            return ""
        if self.difference == EQUAL:
            return "equal"
        worst, best = sorted((self.metric.sign * self.difference.low, self.metric.sign * self.difference.high))
        return "better" if worst > 0 else "worse" if best < 0 else "too close to call"


@dataclass(frozen=True, repr=False)
class Comparison:
    """Runs compared with the first of them."""

    runs: Mapping[str, ComparedRun]
    """By letter; A is the first."""
    figures: Sequence[ComparedFigure]
    aspects: Sequence[Aspect]
    """What differs in config, data, code and versions."""
    refused: Mapping[str, str]
    """Why the figures of a run have no difference to those of the first, by letter."""
    page: Path | None = None
    """Where the page lies; None if it was not written."""

    def to_frame(self) -> pd.DataFrame:
        """Return the figures, a row each: run, figure, first, value, difference, low, high, verdict, note."""
        rows = [
            {
                "run": each.run,
                "figure": each.name,
                "first": each.first,
                "value": each.value,
                **dict(zip(("difference", "low", "high"), each.difference or (None,) * 3, strict=True)),
                "verdict": each.verdict,
                "note": each.note,
            }
            for each in self.figures
        ]
        numbers = ("first", "value", "difference", "low", "high")
        return pd.DataFrame(rows).astype(dict.fromkeys(numbers, float))

    @property
    def notes(self) -> list[str]:
        """Say of which runs the metrics disagree on the same rows, and which one to go by."""
        rank = find_metric(self.runs[LETTERS[0]].record.rank)
        return [
            f"{letter}: the verdicts of the metrics differ, since each weighs the errors in its own way and has an "
            f"interval of its own; go by {rank.label}, which ranks the runs"
            for letter in self.runs
            if len({each.verdict for each in self._of_rows(letter) if each.verdict}) > 1
        ]

    def _of_rows(self, letter: str) -> Iterator[ComparedFigure]:
        """Yield the figures of a run on the held-out rows."""
        yield from (each for each in self.figures if each.run == letter and each.name == each.metric.test)

    def __repr__(self) -> str:
        """Return the runs and the verdicts by the metric that ranks the first, in one line."""
        rank = find_metric(self.runs[LETTERS[0]].record.rank).test
        told = [f"{each.run}: {each.verdict or 'not told'}" for each in self.figures if each.name == rank]
        names = ", ".join(f"{letter}={run.record.run_name[:24]}" for letter, run in self.runs.items())
        return f"Comparison({names}; {rank} {', '.join(told)})"


def compare(runs: Sequence[ComparedRun]) -> Comparison:
    """Compare runs, at least two and at most as many as LETTERS, with the first."""
    named = dict(zip(LETTERS, runs, strict=False))
    first, *others = named
    refused = {letter: why for letter in others if (why := _explain_apart(named[first], named[letter]))}
    figures = [
        figure
        for letter in others
        for figure in _compare_figures(named[first], named[letter], letter, refused.get(letter, ""))
    ]
    return Comparison(named, figures, list(find_aspects([(run.record, run.config) for run in runs])), refused)


def _explain_apart(first: ComparedRun, other: ComparedRun) -> str:
    """Return why two runs were not judged on the same held-out rows; "" if they were."""
    ours, theirs = other.record.dataset, first.record.dataset
    if ours.target != theirs.target:
        return f"its target is {ours.target!r}, and A's is {theirs.target!r}"
    if ours.sha256 != theirs.sha256:
        return f"its table is another: {ours.name} ({ours.sha256[:8]}), and A's is {theirs.name} ({theirs.sha256[:8]})"
    if ours.test_sha256 != theirs.test_sha256:
        return "its test file is another than A's"
    sizes = len(other.predictions), len(first.predictions)
    rows, first_rows = (set(run.predictions["row"]) for run in (other, first))
    if rows != first_rows or sizes != (len(rows), len(first_rows)):
        return f"it held out other rows: {sizes[0]:,}, of which {len(rows & first_rows):,} are among A's {sizes[1]:,}"
    weights = [find_weight(each.roles) for each in (ours, theirs)]
    if weights[0] != weights[1]:
        return f"its rows {_tell_weight(weights[0])}, and A's {_tell_weight(weights[1])}"
    is_same = np.array_equal(_sorted(other)["actual"], _sorted(first)["actual"])
    return "" if is_same else "its held-out rows have other actual values than A's"


def _tell_weight(column: str | None) -> str:
    return f"are weighted by {column!r}" if column else "have no weights"


def _sorted(run: ComparedRun) -> pd.DataFrame:
    return run.predictions.sort_values("row", kind="stable")


def _compare_figures(first: ComparedRun, other: ComparedRun, letter: str, refused: str) -> Iterator[ComparedFigure]:
    names = [name for name in first.record.cv.scores if name in other.record.cv.scores and is_metric(name)]
    for metric in map(find_metric, names):
        values = [run.record.metrics.get(metric.test) for run in (first, other)]
        difference, note = (None, refused) if refused else _compare_on_rows(first, other, metric)
        yield ComparedFigure(letter, metric.test, metric, values[0], values[1], difference, note)
    rank = first.record.rank
    if rank in names:
        metric = find_metric(rank)
        values = [run.record.metrics.get(metric.mean) for run in (first, other)]
        difference, note = _compare_folds(first.record, other.record, metric)
        yield ComparedFigure(letter, metric.mean, metric, values[0], values[1], difference, note)


def _compare_on_rows(first: ComparedRun, other: ComparedRun, metric: Metric) -> tuple[Difference | None, str]:
    """Return the paired difference on the same held-out rows, and why it or its interval is missing."""
    values = [run.record.metrics.get(metric.test) for run in (first, other)]
    if values[0] is None or values[1] is None:
        return None, f"{metric.label} is undefined for one of them"
    plain, kind = Difference(values[1] - values[0]), str(read_split(first.record).get("kind"))
    tables = _sorted(first), _sorted(other)
    weights = read_weights(tables[0])
    statistics = [
        metric.find_statistic(table["actual"].to_numpy(), table["predicted"].to_numpy(), weights) for table in tables
    ]
    theirs, ours = statistics
    if not isinstance(theirs, OfMeans) or not isinstance(ours, OfMeans):
        return plain, f"{metric.label} is no mean over the rows, so that the difference has no interval"
    if kind in DEPENDENT:
        return plain, f"{APART[kind]}, so that the difference has no interval"
    if len(tables[0]) < FEWEST_ROWS:
        return plain, "the held-out rows are too few for an interval"
    compared = compare_on_rows(ours, theirs, Units.of("rows", tables[0]["row"].to_numpy(), weights))
    if compared is None:
        return plain, "the interval is undefined for these rows"
    return Difference.between(values[0], values[1], compared[0], compared[2]), ""


def _compare_folds(first: RunRecord, other: RunRecord, metric: Metric) -> tuple[Difference | None, str]:
    """Return the difference of the means over the same folds, with the interval of the corrected t-test."""
    if first.cv.folds != other.cv.folds or first.dataset.sha256 != other.dataset.sha256:
        return None, "they were cross-validated on other folds"
    scores = np.array([record.cv.scores[metric.name] for record in (first, other)], dtype=float)
    if not np.isfinite(scores).all():
        return None, f"{metric.label} is undefined in a fold"
    means = [float(each.mean()) for each in scores]
    plain = means[1] - means[0]
    if first.cv.tuned_on_these_rows != other.cv.tuned_on_these_rows:
        return Difference(plain), "one of them was tuned on these rows, which flatters"
    if scores.shape[1] == 1:
        return Difference(plain), "one fold has no variance"
    ratio = float(np.mean(first.cv.n_score) / np.mean(first.cv.n_fit))
    half_width = float(compare_with_best(metric.sign * scores, 0, ratio).half_widths[1])
    return Difference.between(means[0], means[1], plain - half_width, plain + half_width), ""
