"""Draw the small figures of a sweep's page, and the picture of its leaderboard, as matplotlib Figures."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator

from bikeml.evaluation.metric import Metric
from bikeml.pages.axes import TICKS, figure_of, write_title
from bikeml.pages.style import (
    ACCENT,
    FAINT,
    INK,
    MUTED,
    POINT,
    WARM,
    add_axes,
    make_figure,
    measure,
    name_style,
    our_style,
    shorten,
)
from bikeml.terminal.numbers import show_count

WIDTH, HEIGHT = 3.6, 2.7  # inches: about 350 pixels in the page, so that text is legible on a phone too
MANY_ROWS = 1_000  # with more rows, points are drawn as pixels
MANY_VALUES = 24  # of a config group; only those with the best cells are drawn
LONG_LABEL = 22  # characters
LOG_RATIO = 20  # if the largest value of an axis is more times the smallest, the axis is logarithmic
FENCE = 1.5  # interquartile ranges below the lower quartile (Tukey, 1977)
WIDE_RATIO = 1_000  # if the ratio is larger, only the powers of ten have labels
Y_NAME = 0.32  # inches for the name of a y axis, beside its numbers
PICTURE_WIDTH = 4.8  # inches, of leaderboard.png
MANY_CELLS = 40  # only the best ones are drawn in leaderboard.png
LONG_NAME = 68  # characters
SPREAD: dict[str, Any] = {"color": MUTED, "linewidth": 1.2, "alpha": 0.55}
CELL: dict[str, Any] = {"color": ACCENT, "marker": ".", "markersize": 7, "markeredgecolor": "none", "linestyle": "none"}
BEST: dict[str, Any] = CELL | {"color": WARM, "markersize": 10}
HELD_OUT: dict[str, Any] = {"color": WARM, "fmt": "D", "markersize": 4, "alpha": 0.8, "elinewidth": 1.2}
BEYOND: dict[str, Any] = {"color": MUTED, "markersize": 4, "linestyle": "none", "clip_on": False}


class Limits(NamedTuple):
    """The lowest and the highest value to draw: cells that are far worse would squeeze the others."""

    low: float
    high: float

    def hold(self, values: np.ndarray) -> np.ndarray:
        """Return whether each value is to be drawn at its place."""
        return (values >= self.low) & (values <= self.high)

    @property
    def worst(self) -> float:
        """The edge at which cells that are far worse are drawn."""
        return self.low if np.isfinite(self.low) else self.high


def find_limits(means: np.ndarray, stds: np.ndarray, sign: int) -> Limits:
    """Return the limits of cells' scores, both of shape (n_cells,); `sign` is 1 if greater is better, else -1."""
    lower, upper = np.quantile(sign * means, (0.25, 0.75))
    near = sign * means >= lower - FENCE * (upper - lower)
    worst = float((means - sign * stds)[near].min() if sign > 0 else (means - sign * stds)[near].max())
    return Limits(worst, np.inf) if sign > 0 else Limits(-np.inf, worst)


@our_style()
def plot_group(values: Sequence[str], means: np.ndarray, stds: np.ndarray, limits: Limits, label: str) -> Figure:
    """
    Draw the cross-validated metric of cells, called `label`, by the value of one key, each cell with its fold spread.

    All arrays are of shape (n_cells,), best cell first. A cell beyond the limits is a triangle on the edge.
    """
    shown = list(dict.fromkeys(values))[:MANY_VALUES]
    labels = shorten(shown, LONG_LABEL)
    most = max(list(values).count(value) for value in shown)
    height = 0.75 + min(1.2, max(0.3, 0.09 * most)) * max(2, len(shown))  # inches, more where cells lie close
    figure, axes = _make_axes(left=0.2 + 0.066 * max(map(len, labels)), height=height, bottom=0.5, top=0.1)
    for position, value in enumerate(shown):
        mine = np.flatnonzero([each == value for each in values])
        offsets = position + np.linspace(-0.28, 0.28, len(mine)) if len(mine) > 1 else np.array([position])
        inside = limits.hold(means[mine])
        low, high = np.clip(means - stds, *limits)[mine], np.clip(means + stds, *limits)[mine]
        axes.hlines(offsets[inside], low[inside], high[inside], **SPREAD)
        axes.plot(means[mine][inside], offsets[inside], **CELL)
        marker = "<" if limits.worst == limits.low else ">"
        axes.plot(np.full(np.sum(~inside), limits.worst), offsets[~inside], marker=marker, **BEYOND)
        if position == 0:
            axes.plot(means[0], offsets[0], **BEST)
    axes.set_yticks(range(len(shown)), labels, **name_style())
    axes.set_ylim(len(shown) - 0.5, -0.5)
    axes.grid(visible=True, axis="x", color=FAINT, linewidth=0.7)
    axes.set_xlabel(label, color=MUTED)
    return figure


@our_style()
def plot_predictions(actual: np.ndarray, predicted: np.ndarray) -> Figure:
    """Draw actual against predicted values, both of shape (n_rows,). Predictions far outside lie on the frame."""
    figure, axes = _make_axes(left=0.55, height=HEIGHT, bottom=0.5, top=0.1)
    low, high = float(actual.min()), float(actual.max())
    pad = 0.06 * (high - low) or 1.0
    ends = low - pad, high + pad
    axes.plot(ends, ends, color=MUTED, linestyle="--", linewidth=0.9)
    is_many = len(actual) > MANY_ROWS
    axes.plot(
        np.clip(predicted, *ends),
        actual,
        ".",
        markersize=4 if is_many else 6,
        alpha=0.25 if is_many else 0.55,
        color=POINT if is_many else ACCENT,
        markeredgecolor="none",
        rasterized=is_many,
        clip_on=is_many,
    )
    axes.set(xlim=ends, ylim=ends)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.set_xlabel("predicted", color=MUTED)
    axes.set_ylabel("actual", color=MUTED)
    _make_room(axes)
    return figure


@our_style()
def plot_validation_curve(candidates: pd.DataFrame, axis: str, scoring: str) -> Figure:
    """
    Draw the mean score over one axis of a search with its fold spread, at the best of the other axes.

    `candidates` is cv_results_ as a table, shape (n_candidates, n_columns), and `axis` one of its param_ columns.
    """
    scores = candidates.assign(label=candidates[axis].map(_as_label))
    best = scores.sort_values("mean_test_score", ascending=False, kind="stable").drop_duplicates("label")
    best = best.set_index("label").loc[list(dict.fromkeys(scores["label"]))]
    figure, axes = _make_axes(left=0.62, height=HEIGHT, bottom=0.5, top=0.1)
    at = _place_values(axes, list(best.index))
    mean, std = best["mean_test_score"].to_numpy(float), best["std_test_score"].to_numpy(float)
    order = np.argsort(at, kind="stable")
    at, mean, std = at[order], mean[order], std[order]
    axes.fill_between(at, mean - std, mean + std, color=ACCENT, alpha=0.16, linewidth=0)
    axes.plot(at, mean, color=ACCENT, linewidth=1.6, marker=".", markersize=7)
    top = int(np.argmax(mean))
    axes.plot(at[top], mean[top], ".", color=WARM, markersize=11)
    axes.grid(visible=True, axis="y", color=FAINT, linewidth=0.7)
    axes.set_xlabel(axis.rpartition("__")[2].removeprefix("param_"), color=MUTED, parse_math=False)
    axes.set_ylabel(scoring, color=MUTED, parse_math=False)
    _make_room(axes)
    return figure


def _as_label(value: object) -> str:
    if isinstance(value, float):
        return "null" if np.isnan(value) else f"{value:g}" if float(f"{value:g}") == value else str(value)
    return str(value)


def _place_values(axes: Axes, labels: Sequence[str]) -> np.ndarray:
    """Return the positions of an axis' values: the values themselves if all are numbers, else 0, 1, 2 and so on."""
    numbers = pd.to_numeric(pd.Series(labels), errors="coerce").to_numpy(float)
    if np.isfinite(numbers).all():
        _spread_out(axes, numbers)
        return numbers
    axes.set_xticks(range(len(labels)), shorten(labels, LONG_LABEL), **name_style())
    axes.set_xlim(-0.5, len(labels) - 0.5)
    return np.arange(len(labels), dtype=float)


def _spread_out(axes: Axes, numbers: np.ndarray) -> None:
    """Make the axis logarithmic if its numbers span several magnitudes."""
    if numbers.min() > 0 and numbers.max() / numbers.min() > LOG_RATIO:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 3) if numbers.max() / numbers.min() < WIDE_RATIO else (1,)))
        axes.xaxis.set_major_formatter("{x:g}")


@our_style()
def plot_time(seconds: np.ndarray, means: np.ndarray, stds: np.ndarray, limits: Limits, label: str) -> Figure:
    """Draw the cross-validated metric, called `label`, over the seconds of each cell, shape (n_cells,), best first."""
    figure, axes = _make_axes(left=0.55, height=HEIGHT, bottom=0.5, top=0.1)
    inside, low, high = limits.hold(means), np.clip(means - stds, *limits), np.clip(means + stds, *limits)
    axes.vlines(seconds[inside], low[inside], high[inside], **SPREAD)
    axes.plot(seconds[inside], means[inside], **CELL)
    marker = "v" if limits.worst == limits.low else "^"
    axes.plot(seconds[~inside], np.full(np.sum(~inside), limits.worst), marker=marker, **BEYOND)
    axes.plot(seconds[0], means[0], **BEST)
    _spread_out(axes, seconds)
    axes.grid(visible=True, color=FAINT, linewidth=0.7)
    axes.set_xlabel("seconds", color=MUTED)
    axes.set_ylabel(label, color=MUTED)
    _make_room(axes)
    return figure


def _make_axes(left: float, height: float, bottom: float, top: float) -> tuple[Figure, Axes]:
    figure = make_figure(WIDTH, height)
    return figure, add_axes(figure, left, bottom, right=0.12, top=top)


def _make_room(axes: Axes) -> None:
    """Widen the left margin if the numbers of the y axis would push its name out of the figure."""
    axes.locator_params(axis="y", nbins=TICKS)
    labels = axes.yaxis.get_major_formatter().format_ticks(list(axes.yaxis.get_majorticklocs()))
    box, inch = axes.get_position(), 1 / figure_of(axes).get_figwidth()
    left = max(box.x0, (Y_NAME + max(map(measure, labels))) * inch)
    axes.set_position((left, box.y0, box.x1 - left, box.height))


@our_style()
def plot_leaderboard(leaderboard: pd.DataFrame, metric: Metric) -> Figure:
    """Draw the metric of the best cells of a sweep, shape (n_cells, n_columns), with the fold spread."""
    shown = leaderboard.dropna(subset=["rank"]).head(MANY_CELLS)
    at = np.arange(len(shown), dtype=float)
    figure = make_figure(PICTURE_WIDTH, 1.35 + 0.42 * max(1, len(shown)))
    axes = add_axes(figure, left=0.2, bottom=0.5, right=0.2, top=0.4)
    if shown.empty:
        write_title(axes, f"{metric.label}: no cell of {len(leaderboard):,} has a result")
        axes.set_axis_off()
        return figure
    low, test, high = (shown[f"{metric.test}{end}"] for end in ("_low", "", "_high"))
    axes.errorbar(
        *(shown[metric.mean], at),
        xerr=shown[metric.std],
        label="cross-validation, mean ± std (ddof=0)",
        **CELL,
        ecolor=ACCENT,
        elinewidth=1.6,
    )
    axes.errorbar(
        *(test, at + 0.2),
        xerr=np.maximum(np.array([test - low, high - test]), 0),
        label="held-out rows, with the interval",
        **HELD_OUT,
    )
    names = shorten([f"#{row['rank']} {row['name']}" for _, row in shown.iterrows()], LONG_NAME)
    for name, y in zip(names, at, strict=True):
        axes.text(0, y - 0.22, name, transform=axes.get_yaxis_transform(), fontsize=8, color=INK, **name_style())
    axes.set_yticks([])
    axes.set_ylim(len(shown) - 0.3, -1.7)
    axes.grid(visible=True, axis="x", color=FAINT, linewidth=0.7)
    axes.set_xlabel(metric.label)
    axes.legend(frameon=False, loc="upper left", fontsize=8, labelcolor=INK, borderaxespad=0.1)
    best = f", of which the best {len(shown)}" if len(shown) < len(leaderboard) else ""
    write_title(axes, f"{metric.label} of {show_count(len(leaderboard), 'cell')}{best}")
    return figure
