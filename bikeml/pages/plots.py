"""Draw the figures of one run; each function returns a matplotlib Figure and never shows it."""

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_rgba
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from bikeml.pages.axes import MARGIN, TICKS, figure_of, fit, label_colours, name_axes, write_title
from bikeml.pages.lines import draw_calibration_line
from bikeml.pages.style import (
    ACCENT,
    FAINT,
    INK,
    LABEL_POINTS,
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
from bikeml.records.judgement import Importance

WIDTH, HEIGHT = 4.2, 3.8  # inches: labels of 8 points have 11 pixels where the figure is 420 pixels wide
LEFT, BOTTOM, RIGHT, TOP = 0.88, 0.55, 0.14, 0.38
MANY_ROWS = 2_000  # with more rows, points would hide each other, so a density is drawn instead
MANY_COLUMNS = 30  # only the most important ones are drawn
MANY_BINS = 80
LONG_COLUMN, LONG_NAME = 24, 30  # characters, of labels
FEW_ROWS = 50  # whose points are larger
FENCES = 8  # interquartile ranges beyond the quartiles, from which on a row is drawn on the frame
SIDE = 0.95  # inches for the histogram at the side
LEGEND = 0.23  # of the height of the axes, above all points
DENSITY = LinearSegmentedColormap.from_list("density", [to_rgba(POINT, 0.15), to_rgba(POINT)])


@our_style()
def plot_evaluate(y_true: np.ndarray, y_pred: np.ndarray, target: str, score: str, confidence: float) -> Figure:
    """
    Draw actual against predicted values, both of shape (n_rows,), with the diagonal and the calibration line.

    The line is the regression of actual on predicted values; its slope is 1 if predictions are right on average (Cox,
    Two Further Applications of a Model for Binary Regression, Biometrika 45, 1958). Its band is that of the mean, at
    `confidence`. `score` is in the title. Predictions far outside the actual values lie on the frame.
    """
    axes = add_axes(make_figure(WIDTH, HEIGHT), LEFT, BOTTOM, RIGHT, TOP)
    low, high = ends = _find_frame(y_true, y_pred)
    axes.plot(ends, ends, "--", color=MUTED, linewidth=1, label="perfect prediction")
    _draw_points(axes, y_pred, y_true, ends, ends)
    draw_calibration_line(axes, y_pred, y_true, confidence)
    axes.set(xlim=ends, ylim=(low, high + LEGEND * (high - low)))
    name_axes(axes, f"predicted {_name(target, LONG_NAME)}", f"actual {_name(target, LONG_NAME)}")
    if len(y_true) > MANY_ROWS:
        label_colours(axes, axes.collections[0], "rows")
    write_title(axes, f"{_count(y_true, 'held-out row')}: {score}")
    axes.legend(frameon=False, loc="upper left", fontsize=LABEL_POINTS, labelcolor=INK, borderaxespad=0.1)
    return figure_of(axes)


@our_style()
def plot_residuals(y_true: np.ndarray, y_pred: np.ndarray, target: str) -> Figure:
    """
    Draw residuals (actual - predicted) against predictions, both of shape (n_rows,), and their distribution.

    What is far from all other rows lies on the frame.
    """
    axes = add_axes(make_figure(WIDTH, HEIGHT), LEFT, BOTTOM, RIGHT + SIDE, TOP)
    residuals = y_true - y_pred
    across, along = _find_limits(y_pred), _find_limits(residuals)
    _draw_points(axes, y_pred, residuals, across, along)
    histogram = _draw_histogram(axes, np.clip(residuals, *along))
    mean, error = float(residuals.mean()), _find_error(residuals)
    for each in (axes, histogram):
        each.axhline(0, color=MUTED, linestyle="--", linewidth=1)
        each.axhline(mean, color=WARM, linewidth=1.6)
    axes.set(xlim=across, ylim=along)
    name_axes(axes, f"predicted {_name(target, LONG_NAME // 2)}", "actual − predicted")
    colours = "; stronger: more rows" if len(residuals) > MANY_ROWS else ""
    write_title(axes, f"{_count(residuals, 'residual')}: mean {_signed(mean)} ± {error:.2g} (solid line){colours}")
    return figure_of(axes)


def _find_error(values: np.ndarray) -> float:
    """Return the standard error of the mean; 0 for a single value."""
    scale = float(np.ptp(values))  # as the unit, so that no square is too large or too small for a float
    if scale == 0:
        return 0.0
    return scale * float((values / scale).std(ddof=1)) / math.sqrt(len(values))


def _draw_histogram(beside: Axes, residuals: np.ndarray) -> Axes:
    """Draw how often which residuals occur, to the right of axes whose scale it shares; return its axes."""
    axes = add_axes(figure_of(beside), WIDTH - RIGHT - SIDE + MARGIN, BOTTOM, RIGHT, TOP)
    axes.sharey(beside)
    counts, edges = np.histogram(residuals, bin_edges(residuals, "auto" if len(residuals) < MANY_ROWS else MANY_BINS))
    axes.stairs(counts, edges, orientation="horizontal", fill=True, color=ACCENT, alpha=0.75)
    axes.set_xlabel("rows")
    axes.tick_params(labelleft=False)
    axes.xaxis.set_major_locator(MaxNLocator(2, integer=True, prune="lower"))  # 0 would meet the label beside it
    return axes


def bin_edges(values: np.ndarray, bins: int | str) -> np.ndarray:
    """
    Return the edges of a histogram of finite values, shape (n_values,); `bins` is a number or a rule of NumPy's.

    Neighbouring floats, such as 1e16 and the next one, have no float between them for an edge. Such values share one
    bin.
    """
    try:
        return np.histogram_bin_edges(values, bins)
    except ValueError:
        return np.array([np.nextafter(values.min(), -np.inf), np.nextafter(values.max(), np.inf)])


@our_style()
def plot_importance(importance: Importance, effect: str) -> Figure:
    """Draw the `effect` of shuffling each column, and columns that go together, with its standard error."""
    names = [*importance.columns, *(" + ".join(group.columns) for group in importance.groups)]
    mean = np.array([*importance.mean, *(group.mean for group in importance.groups)], dtype=float)  # None becomes NaN
    errors, what = (importance.error, "error over rows") if importance.error else (importance.std, "std")
    error = np.array([*errors, *(group.error if importance.error else group.std for group in importance.groups)], float)
    order = np.argsort(np.nan_to_num(mean))[-MANY_COLUMNS:]
    columns = shorten([names[i] for i in order], LONG_COLUMN)
    figure = make_figure(WIDTH, TOP + BOTTOM + 0.08 + 0.21 * len(order))
    axes = add_axes(figure, 0.2 + max(map(measure, columns)), BOTTOM, RIGHT, TOP)
    axes.barh(range(len(columns)), mean[order], 0.66, color=ACCENT, alpha=0.75)
    axes.errorbar(mean[order], range(len(columns)), xerr=error[order], fmt="none", ecolor=INK, elinewidth=1.1)
    axes.set_yticks(range(len(columns)), columns, **name_style())
    axes.set_ylim(-0.6, len(columns) - 0.4)
    axes.axvline(0, color=MUTED, linewidth=1)
    axes.grid(visible=True, axis="x", color=FAINT, linewidth=0.7)
    label = f"{effect} when shuffled (mean ± {what})"
    axes.set_xlabel(label, x=1, ha="right", fontsize=fit(label, WIDTH))
    axes.locator_params(axis="x", nbins=TICKS)
    most = f"the {len(order)} most important of {len(names):,}" if len(order) < len(names) else "each column"
    write_title(axes, f"Permutation importance: {most} shuffled")
    return figure


def _signed(value: float) -> str:
    return f"{value:.3g}".replace("-", "−")


def _count(values: np.ndarray, what: str) -> str:
    return f"{len(values):,} {what}{'' if len(values) == 1 else 's'}"


def _name(target: str, most: int) -> str:
    return shorten([target], most)[0]


def _find_frame(y_true: np.ndarray, y_pred: np.ndarray) -> tuple[float, float]:
    """Return limits for all actual values, and for the predictions that are not far outside."""
    low, high = float(y_true.min()), float(y_true.max())
    reach = high - low or float(np.abs(y_pred - low).max()) or 1.0
    low, high = min(low, max(float(y_pred.min()), low - reach)), max(high, min(float(y_pred.max()), high + reach))
    return _widen(low, high)


def _find_limits(values: np.ndarray) -> tuple[float, float]:
    """Return limits for all values that are not far from the quartiles."""
    lower, upper = np.quantile(values, (0.25, 0.75))
    fence = FENCES * (upper - lower) or np.inf
    low, high = max(values.min(), lower - fence), min(values.max(), upper + fence)
    return _widen(float(low), float(high))


def _widen(low: float, high: float) -> tuple[float, float]:
    """Return limits with some room; equal ones get room of their own size."""
    pad = 0.03 * (high - low) or 0.1 * abs(high) or 1.0
    return low - pad, high + pad


def _draw_points(
    axes: Axes, x: np.ndarray, y: np.ndarray, across: tuple[float, float], along: tuple[float, float]
) -> None:
    """Draw a point for each row or, of many rows, how many lie in each cell; a row outside lies on the frame."""
    beyond = (x < across[0]) | (x > across[1]) | (y < along[0]) | (y > along[1])
    x, y = np.clip(x, *across), np.clip(y, *along)
    if len(x) > MANY_ROWS:
        cells = axes.hexbin(x, y, gridsize=40, bins="log", mincnt=1, cmap=DENSITY, extent=(*across, *along))
        cells.set(linewidth=0.2, rasterized=True)
        return
    size = 9 if len(x) <= FEW_ROWS else 6
    axes.plot(x, y, ".", color=ACCENT, alpha=0.55, markersize=size, markeredgecolor="none", clip_on=False)
    if beyond.any():
        label = f"{beyond.sum():,} beyond the frame"
        axes.plot(x[beyond], y[beyond], "D", color=WARM, markersize=4, linestyle="none", clip_on=False, label=label)
