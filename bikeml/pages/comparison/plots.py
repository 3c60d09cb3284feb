"""Draw the figures of a comparison: the residuals and the importance of several runs in one frame."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from bikeml.pages.look_plots import HEIGHT, WIDTH
from bikeml.pages.plots import bin_edges
from bikeml.pages.style import (
    ACCENT,
    FAINT,
    INK,
    MUTED,
    WARM,
    add_axes,
    make_figure,
    measure,
    name_style,
    our_style,
    shorten,
)
from bikeml.records.judgement import Importance

STYLES: list[dict[str, Any]] = [
    {"color": ACCENT, "linestyle": "-"},
    {"color": WARM, "linestyle": "-"},
    {"color": INK, "linestyle": "--"},
    {"color": MUTED, "linestyle": "-"},
    {"color": ACCENT, "linestyle": ":"},
    {"color": WARM, "linestyle": ":"},
]
MARKERS = "os^Dv*"
MOST_BINS = 40
MOST_COLUMNS = 15
LONG_NAME = 22  # characters


@our_style()
def plot_residuals(residuals: Mapping[str, np.ndarray]) -> Figure:
    """Draw how often residuals (actual - predicted), shape (n_rows,) each, occur in each run, by letter."""
    figure, axes = _make_figure(left=0.5, height=HEIGHT)
    together = np.concatenate(list(residuals.values()))
    edges = bin_edges(together, "auto")
    edges = edges if len(edges) <= MOST_BINS else bin_edges(together, MOST_BINS)
    for (letter, values), style in zip(residuals.items(), STYLES, strict=False):
        axes.stairs(np.histogram(values, edges)[0], edges, label=letter, linewidth=1.6, **style)
    axes.axvline(0, color=MUTED, linewidth=0.8)
    axes.set_xlabel("actual − predicted", color=MUTED)
    axes.set_ylabel("rows", color=MUTED)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.legend(frameon=False, fontsize=8, labelcolor=INK)
    return figure


@our_style()
def plot_errors(residuals: Mapping[str, np.ndarray]) -> Figure:
    """Draw the share of the rows whose absolute error is at most so large, in each run, by letter."""
    figure, axes = _make_figure(left=0.5, height=HEIGHT)
    for (letter, values), style in zip(residuals.items(), STYLES, strict=False):
        errors = np.sort(np.abs(values))
        axes.step(
            errors, np.arange(1, len(errors) + 1) / len(errors), where="post", label=letter, linewidth=1.6, **style
        )
    axes.set_xlabel("absolute error", color=MUTED)
    axes.set_ylabel("share of the rows", color=MUTED)
    axes.set_ylim(0, 1.02)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.legend(frameon=False, fontsize=8, labelcolor=INK, loc="lower right")
    return figure


@our_style()
def plot_importance(found: Mapping[str, Importance], effect: str) -> Figure:
    """Draw the `effect` of shuffling each column, in each run, by letter; only the most important columns."""
    means = {letter: dict(zip(each.columns, each.mean, strict=True)) for letter, each in found.items()}
    largest = {name: max(each.get(name) or 0 for each in means.values()) for each in means.values() for name in each}
    names = sorted(largest, key=largest.__getitem__)[-MOST_COLUMNS:]
    labels = shorten(names, LONG_NAME)
    figure, axes = _make_figure(left=0.2 + max(map(measure, labels)), height=0.8 + 0.21 * max(4, len(names)))
    for (letter, mean), style, marker in zip(means.items(), STYLES, MARKERS, strict=False):
        places = [(mean[name], place) for place, name in enumerate(names) if mean.get(name) is not None]
        axes.plot(*zip(*places, strict=True), marker, label=letter, color=style["color"], markersize=5, alpha=0.85)
    axes.axvline(0, color=MUTED, linewidth=0.8)
    axes.set_yticks(range(len(names)), labels, **name_style())
    axes.set_xlabel(effect, color=MUTED)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.legend(frameon=False, fontsize=8, labelcolor=INK, loc="lower right")
    return figure


def _make_figure(left: float, height: float) -> tuple[Figure, Axes]:
    figure = make_figure(WIDTH, height)
    axes = add_axes(figure, left, 0.5, 0.12, 0.1)
    axes.grid(visible=True, axis="x", color=FAINT, linewidth=0.7)
    return figure, axes
