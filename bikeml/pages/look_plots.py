"""Draw the distribution of a column and its relation to the target, for a page or for a picture."""

from collections.abc import Sequence
from os.path import commonprefix

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure

from bikeml.pages.lines import fit_line
from bikeml.pages.plots import bin_edges
from bikeml.pages.style import ACCENT, INK, MUTED, WARM, clean, make_figure, measure, name_style, our_style, shorten
from bikeml.table.look import FENCE, Column, Look

WIDTH, HEIGHT = 3.6, 2.7  # inches: about 350 pixels in the page, so that text is legible on a phone too
LEFT, RIGHT, BOTTOM, TOP = 0.5, 0.1, 0.42, 0.15  # margins in inches: a layout engine would take half the time
TITLE = 0.25
MANY_POINTS = 500
MANY_ROWS = 5_000  # with more rows, points beyond the whiskers are left out: they would be most of the page's size
MANY_LEVELS = 12  # only the most frequent ones are drawn
MANY_PERIODS = 60
MANY_BINS = 40
PERIODS = {"minute": "min", "hour": "h", "day": "D", "week": "W", "month": "M", "quarter": "Q", "year": "Y"}
LONG_LABEL, LONG_TITLE = 20, 34  # characters
SMALL = (2.9, 2.4)  # inches, of a figure in a picture of several
PER_ROW = 2  # figures side by side in a picture, which is legible where it is 420 pixels wide
TICKS = 4


@our_style()
def draw_distribution(axes: Axes, look: Look, column: Column) -> None:
    """Draw how often what occurs: numbers, lengths of texts, periods of dates, or the most frequent levels."""
    cells = look.frame[column.name]
    known = cells.dropna()
    if column.kind == "number":
        _draw_histogram(axes, look, column)
    elif column.kind == "date":
        counts = known.dt.to_period(PERIODS[find_period(column)]).value_counts().sort_index()
        counts = counts.reindex(pd.period_range(counts.index[0], counts.index[-1]), fill_value=0)
        edges = date2num([*counts.index.start_time, counts.index[-1].end_time])
        axes.stairs(counts, edges, fill=True, color=ACCENT, alpha=0.75)
        _label_dates(axes)
    elif shows_lengths(column, look):
        lengths = known.str.len().to_numpy()
        axes.hist(lengths, list(bin_edges(lengths, MANY_BINS)), histtype="stepfilled", color=ACCENT, alpha=0.75)
        axes.locator_params(nbins=TICKS)
    else:
        counts = known.value_counts().head(MANY_LEVELS)
        counts = counts.loc[_in_order(counts.index)]
        axes.barh(range(len(counts)), counts.to_numpy(), color=ACCENT, alpha=0.75)
        _label_levels(axes, list(counts.index))
    clean(axes)


@our_style()
def draw_relation(axes: Axes, look: Look, column: Column) -> None:
    """Draw the target over a column: points and their line, boxes of levels, or the mean of each period."""
    both = look.frame[[column.name, look.target.name]].dropna()
    x, y = both[column.name], both[look.target.name]
    if column.kind == "number":
        points = both.sample(min(len(both), MANY_POINTS), random_state=0).to_numpy()
        axes.plot(*points.T, ".", color=ACCENT, alpha=0.45, markersize=4, markeredgecolor="none")
        if np.ptp(x) > 0:
            slope, intercept = fit_line(x.to_numpy(float), y.to_numpy(float))
            ends = np.array([x.min(), x.max()])
            axes.plot(ends, slope * ends + intercept, color=WARM, linewidth=1.6)
        axes.locator_params(nbins=TICKS)
    elif column.kind == "date":
        _draw_over_time(axes, x.dt.to_period(PERIODS[find_period(column)]), y)
    else:
        _draw_boxes(axes, x, y)
    clean(axes)


def find_period(column: Column) -> str:
    """Return the shortest period, of which few enough lie between the first and the last date of a column."""
    for period, frequency in PERIODS.items():
        first, last = (pd.Timestamp(each or 0).to_period(frequency) for each in (column.low, column.high))
        if last.ordinal - first.ordinal < MANY_PERIODS:
            return period
    return "year"


def shows_lengths(column: Column, look: Look) -> bool:
    """Whether the lengths of a column of text are drawn, since most of its values occur once."""
    return column.kind == "text" and 2 * column.n_levels > len(look.frame) - column.n_missing


def _draw_histogram(axes: Axes, look: Look, column: Column) -> None:
    """Draw a histogram with mean and median, and the held-out part as an outline."""
    cells = look.frame[column.name]
    edges = bin_edges(cells.dropna().to_numpy(), min(MANY_BINS, max(5, column.n_levels)))
    axes.stairs(np.histogram(cells.dropna(), edges)[0], edges, fill=True, color=ACCENT, alpha=0.75)
    if look.held_out is not None and look.held_out.any():
        counts, _ = np.histogram(cells[look.held_out].dropna(), edges)
        axes.stairs(counts * (len(cells) / look.held_out.sum()), edges, color=INK, linewidth=0.9)
    axes.axvline(column.mean or 0, color=WARM, linewidth=1.6)
    axes.axvline(column.median or 0, color=WARM, linewidth=1.6, linestyle=":")
    axes.locator_params(nbins=TICKS)


def _draw_over_time(axes: Axes, periods: pd.Series, y: pd.Series) -> None:
    """Draw the mean of y in each period, and the band from quartile to quartile."""
    groups = y.groupby(periods)
    mean, low, high = groups.mean(), groups.quantile(0.25), groups.quantile(0.75)
    at = date2num(pd.PeriodIndex(mean.index).start_time)
    axes.fill_between(at, low, high, color=ACCENT, alpha=0.3, linewidth=0)
    axes.plot(at, mean, color=WARM, linewidth=1.6, marker=".", markersize=4)
    axes.locator_params(axis="y", nbins=TICKS)
    _label_dates(axes)


def _draw_boxes(axes: Axes, x: pd.Series, y: pd.Series) -> None:
    """Draw a box from quartile to quartile for each level, with the median, and whiskers to the last point inside."""
    levels = _in_order(x.value_counts().head(MANY_LEVELS).index)
    groups = [y[x == level].to_numpy() for level in levels]
    lower, median, upper = np.transpose([np.quantile(group, (0.25, 0.5, 0.75)) for group in groups])
    far = FENCE * (upper - lower)
    inside = [
        group[(group >= low) & (group <= high)]
        for group, low, high in zip(groups, lower - far, upper + far, strict=True)
    ]
    at = np.arange(len(levels))
    ends = [(each.min(), each.max()) for each in inside]
    axes.hlines(
        [*at, *at],
        [*(low for low, _ in ends), *upper],
        [*lower, *(high for _, high in ends)],
        color=MUTED,
        linewidth=0.9,
    )
    axes.barh(at, upper - lower, 0.6, lower, color=ACCENT, alpha=0.75)
    axes.vlines(median, at - 0.3, at + 0.3, color=WARM, linewidth=1.8)
    if len(y) <= MANY_ROWS:
        outside = [np.setdiff1d(group, each) for group, each in zip(groups, inside, strict=True)]
        rows = np.repeat(at, [len(each) for each in outside])
        axes.plot(np.concatenate(outside), rows, ".", color=MUTED, markersize=3, markeredgecolor="none")
    _label_levels(axes, levels)


def _in_order(levels: pd.Index) -> list[str]:
    """Return levels in order: whole numbers by size, then text."""
    return sorted(map(str, levels), key=lambda level: (len(level), level) if level.isdigit() else (LONG_LABEL, level))


def _label_levels(axes: Axes, levels: Sequence[str]) -> None:
    start = len(commonprefix(list(levels)))  # noqa: RUF071  of text, not of paths
    if start > 1 and max(map(len, levels)) > LONG_LABEL:  # what is cut must not be what they differ in
        levels = [f"…{level[start:]}" for level in levels] if len(levels) > 1 else levels
    labels = shorten(levels, LONG_LABEL)
    axes.set_yticks(range(len(labels)), labels, **name_style())
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.locator_params(axis="x", nbins=TICKS)
    box, figure = axes.get_position(), axes.get_figure(root=True)
    share = (max(map(measure, labels)) + 0.15 - LEFT) / (figure.get_figwidth() if figure else WIDTH)
    axes.set_position((box.x0 + share, box.y0, box.width - share, box.height))


def _label_dates(axes: Axes) -> None:
    locator = AutoDateLocator(minticks=2, maxticks=TICKS)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, show_offset=False))


@our_style()
def make_panel() -> tuple[Figure, Axes]:
    """Return a figure of the page's size and its axes."""
    figure, axes = _make_figure(1, 1, (WIDTH, HEIGHT), TOP)
    return figure, axes[0]


@our_style()
def make_picture(titles: Sequence[str]) -> tuple[Figure, list[Axes]]:
    """Return a figure and its axes, one under each title."""
    figure, axes = _make_figure(len(titles), min(PER_ROW, len(titles)), SMALL, TOP + TITLE)
    for each, title in zip(axes, shorten(titles, LONG_TITLE), strict=True):
        each.set_title(title, fontsize=9, color=INK, **name_style())
    return figure, axes


def _make_figure(n_axes: int, per_row: int, panel: tuple[float, float], top: float) -> tuple[Figure, list[Axes]]:
    """Return a figure and its axes, each in a panel of this width and height, with this margin above, in inches."""
    n_rows = -(-n_axes // per_row)
    width, height = panel[0] * per_row, panel[1] * n_rows
    figure = make_figure(width, height)
    size = (panel[0] - LEFT - RIGHT) / width, (panel[1] - BOTTOM - top) / height
    corners = ((number % per_row, n_rows - 1 - number // per_row) for number in range(n_axes))
    return figure, [
        figure.add_axes(((panel[0] * x + LEFT) / width, (panel[1] * y + BOTTOM) / height, *size)) for x, y in corners
    ]
