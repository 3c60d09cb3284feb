"""Draw the distribution of a column and its relation to the target, for a page or for a picture."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bikeml.pages.plots import bin_edges
from bikeml.pages.style import ACCENT, FAINT, INK, MUTED, WARM, name_style, shorten
from bikeml.table.look import Column, Look

WIDTH, HEIGHT = 3.6, 2.7  # inches: about 350 pixels in the page, so that text is legible on a phone too
MANY_POINTS = 1_000
MANY_ROWS = 5_000  # with more rows, points beyond the whiskers are left out: they would be most of the page's size
MANY_LEVELS = 12  # only the most frequent ones are drawn
LONG_LABEL, LONG_TITLE = 14, 40  # characters
PER_ROW = 4  # figures side by side in a picture
TICKS = 4


class Palette(NamedTuple):
    """The colours of a figure, by use."""

    ink: str
    muted: str
    faint: str
    accent: str
    warm: str


PAGE = Palette(INK, MUTED, FAINT, ACCENT, WARM)
PICTURE = Palette("#1d2126", "#5d6670", "#dfe2e5", "#2563a8", "#b4430d")


def draw_distribution(axes: Axes, look: Look, column: Column, colours: Palette) -> None:
    """Draw the histogram of numbers, with mean, median and the held-out part as an outline, or the counts of levels."""
    cells = look.frame[column.name]
    if column.kind == "number":
        bins = bin_edges(cells.dropna().to_numpy(), min(40, max(5, column.n_levels)))
        axes.hist(cells.dropna(), bins=list(bins), color=colours.accent, alpha=0.75)
        if look.held_out is not None and look.held_out.any():
            weight = np.full(int((held := cells[look.held_out].dropna()).size), len(cells) / look.held_out.sum())
            axes.hist(held, bins=list(bins), weights=weight, histtype="step", color=colours.ink, linewidth=0.9)
        axes.axvline(column.mean or 0, color=colours.warm, linewidth=1.6)
        axes.axvline(column.median or 0, color=colours.warm, linewidth=1.6, linestyle=":")
        axes.locator_params(axis="x", nbins=TICKS)
    else:
        counts = cells.value_counts().head(MANY_LEVELS)
        counts = counts.loc[_in_order(counts.index)]
        axes.barh(range(len(counts)), counts.to_numpy(), color=colours.accent, alpha=0.75)
        _label_levels(axes, [str(level) for level in counts.index])
    axes.locator_params(axis="x" if column.kind != "number" else "y", nbins=TICKS)
    _clean(axes, colours)


def draw_relation(axes: Axes, look: Look, column: Column, colours: Palette) -> None:
    """Draw the target over a column: for numbers points and the least-squares line, for categories a box per level."""
    both = look.frame[[column.name, look.target.name]].dropna()
    if column.kind == "number":
        many = len(both) > MANY_POINTS
        points = both.sample(MANY_POINTS, random_state=0) if many else both
        x, y = points[column.name], points[look.target.name]
        axes.plot(x, y, ".", color=colours.accent, alpha=0.45, markersize=4, markeredgecolor="none")
        if np.ptp(both[column.name]) > 0:
            slope, intercept = np.polyfit(both[column.name], both[look.target.name], 1)
            ends = np.array([both[column.name].min(), both[column.name].max()])
            axes.plot(ends, slope * ends + intercept, color=colours.warm, linewidth=1.6)
        axes.locator_params(nbins=TICKS)
    else:
        _draw_boxes(axes, both[column.name], both[look.target.name], colours)
    _clean(axes, colours)


def _draw_boxes(axes: Axes, x: pd.Series, y: pd.Series, colours: Palette) -> None:
    levels = _in_order(x.value_counts().head(MANY_LEVELS).index)
    line = {"color": colours.muted, "linewidth": 0.9}
    axes.boxplot(
        [y[x == level].to_numpy() for level in levels],
        positions=list(range(len(levels))),
        orientation="horizontal",
        widths=0.6,
        patch_artist=True,
        showfliers=len(y) <= MANY_ROWS,
        boxprops={"facecolor": colours.accent, "alpha": 0.75, "linewidth": 0},
        medianprops={"color": colours.warm, "linewidth": 1.8},
        whiskerprops=line,
        capprops=line,
        flierprops={"marker": ".", "markersize": 3, "markerfacecolor": colours.muted, "markeredgecolor": "none"},
    )
    _label_levels(axes, levels)
    axes.locator_params(axis="x", nbins=TICKS)


def _in_order(levels: pd.Index) -> list[str]:
    """Return levels in order: whole numbers by size, then text."""
    return sorted(map(str, levels), key=lambda level: (len(level), level) if level.isdigit() else (LONG_LABEL, level))


def _label_levels(axes: Axes, levels: list[str]) -> None:
    axes.set_yticks(range(len(levels)), shorten(levels, LONG_LABEL), **name_style())
    axes.set_ylim(len(levels) - 0.5, -0.5)


def _clean(axes: Axes, colours: Palette) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["bottom", "left"]].set_color(colours.faint)
    axes.tick_params(colors=colours.muted, labelsize=8, length=2)


def make_panel() -> tuple[Figure, Axes]:
    """Return a figure of the page's size and its axes."""
    figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
    return figure, figure.subplots()


def make_picture(titles: list[str]) -> tuple[Figure, list[Axes]]:
    """Return a figure and its axes, one under each title."""
    n_rows = -(-len(titles) // PER_ROW)
    columns = min(PER_ROW, len(titles))
    figure = Figure(figsize=(WIDTH * columns, HEIGHT * n_rows), layout="constrained")
    axes = list(np.atleast_1d(figure.subplots(n_rows, columns)).flat)
    for each, title in zip(axes, shorten(titles, LONG_TITLE), strict=False):
        each.set_title(title, fontsize=10, color=PICTURE.ink, **name_style())
    for idle in axes[len(titles) :]:
        idle.set_visible(False)
    return figure, axes[: len(titles)]
