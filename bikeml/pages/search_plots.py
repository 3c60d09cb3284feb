"""Draw what a search has found: the score of its candidates over one axis or two."""

import math
from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from bikeml.pages.axes import figure_of, label_colours, write_title
from bikeml.pages.plots import (
    BOTTOM,
    HEIGHT,
    LEFT,
    LONG_COLUMN,
    RIGHT,
    TOP,
    WIDTH,
)
from bikeml.pages.style import (
    ACCENT,
    FAINT,
    INK,
    LABEL_POINTS,
    SURFACE,
    WARM,
    add_axes,
    make_figure,
    measure,
    name_style,
    our_style,
    shorten,
)
from bikeml.terminal.numbers import show_number

DRAWN = 5
"""Numbers of an axis from which on a point for each candidate says more than a cell for each combination."""
WIDE = 10
"""Times the smallest number from which on an axis is logarithmic."""
MANY_TICKS = 24  # more labels would lie upon each other
SCORES = LinearSegmentedColormap.from_list("scores", ["#e3edf8", "#74a9e6", ACCENT, "#0f2c4d"])


@our_style()
def plot_search(candidates: pd.DataFrame, scoring: str) -> Figure:
    """
    Draw the scores of a search: a line with the fold spread over one axis, or a heat map over two.

    Candidates whose numbers were drawn from ranges are points.
    `candidates` is cv_results_ as a table, shape (n_candidates, n_columns). If the search has more than two axes, the
    two with the most values are drawn, each point at the best of the others.
    """
    drawn_numbers = _find_drawn_numbers(candidates)
    if drawn_numbers.shape[1]:
        axes = _draw_points(drawn_numbers, candidates["mean_test_score"], scoring)
        write_title(axes, f"{len(candidates):,} candidates: {_tell_best(candidates)} over the folds")
        return figure_of(axes)
    labels = _label_values(list(candidates["params"]))
    longest = sorted(map(str, labels), key=lambda name: -labels[name].nunique())[:2]
    drawn = [name for name in longest if len(set(labels[name])) > 1] or longest[:1]
    scores = pd.concat([labels, candidates[["mean_test_score", "std_test_score"]]], axis=1)
    best = scores.sort_values("mean_test_score", ascending=False, kind="stable").drop_duplicates(drawn)
    order = {str(name): list(dict.fromkeys(labels[name])) for name in drawn}
    if len(drawn) == 1:
        axes = _draw_line(best.set_index(drawn[0]).loc[order[drawn[0]]], scoring)
    else:
        axes = _draw_heat_map(best, order, scoring)
    others = ", at the best of the other axes" if labels.shape[1] > len(drawn) else ""
    write_title(axes, f"{len(candidates):,} candidates: {_tell_best(candidates)} over the folds{others}")
    return figure_of(axes)


def _tell_best(candidates: pd.DataFrame) -> str:
    best = int(candidates["mean_test_score"].argmax())
    mean, std = (float(candidates[name].iloc[best]) for name in ("mean_test_score", "std_test_score"))
    return f"best {show_number(mean)} ± {show_number(std)}"


def _find_drawn_numbers(candidates: pd.DataFrame) -> pd.DataFrame:
    """Return at most two axes of numbers that hardly repeat, most varied first, shape (n_candidates, n_axes)."""
    params = pd.DataFrame(list(candidates["params"]))
    numbers = [name for name in params if is_numeric_dtype(params[name]) and not is_bool_dtype(params[name])]
    varied = sorted(numbers, key=lambda name: -params[name].nunique())[:2]
    if not varied or params[varied[0]].nunique() < DRAWN:
        return params[[]]
    is_in_order = params[varied[0]].is_monotonic_increasing or params[varied[0]].is_monotonic_decreasing
    is_no_grid = math.prod(params.astype(str).nunique()) > 2 * len(params) or (params.shape[1] == 1 and not is_in_order)
    return params[varied] if is_no_grid else params[[]]


def _draw_points(numbers: pd.DataFrame, scores: pd.Series, scoring: str) -> Axes:
    """Draw a point for each candidate: one axis against the score, or two axes with the score as a colour."""
    figure = make_figure(WIDTH, HEIGHT)
    axes = add_axes(figure, LEFT, BOTTOM, RIGHT, TOP)
    across, up = numbers.iloc[:, 0], numbers.iloc[:, 1] if numbers.shape[1] > 1 else scores
    points = axes.scatter(across, up, c=scores, cmap=SCORES, s=34, edgecolor=SURFACE, linewidth=0.6)
    best = scores.to_numpy().argmax()
    axes.plot(across.iloc[best], up.iloc[best], marker="*", markersize=15, color=WARM, markeredgecolor=SURFACE)
    for axis, values in (("x", across), ("y", up)):
        if values.min() > 0 and values.max() > WIDE * values.min():
            getattr(axes, f"set_{axis}scale")("log")
    axes.set_xlabel(_axis_name(str(across.name)), **name_style())
    axes.set_ylabel(_axis_name(str(up.name)) if up is not scores else scoring, **name_style())
    label_colours(axes, points, f"mean {scoring} over the folds")
    return axes


def _label_values(candidates: Sequence[Mapping[str, object]]) -> pd.DataFrame:
    """Return a label for each value of each axis, shape (n_candidates, n_axes); different values stay apart."""
    labels = pd.DataFrame([{name: repr(value) for name, value in params.items()} for params in candidates])
    for name in map(str, labels):
        short = {repr(params[name]): _as_label(params[name]) for params in candidates if name in params}
        texts = dict(zip(short, shorten(list(short.values()), LONG_COLUMN), strict=True))
        labels[name] = labels[name].map(texts).fillna("–")  # one of a list of grids may lack the axis
    return labels


def _as_label(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _axis_name(column: str) -> str:
    return column.rpartition("__")[2]


def _draw_line(scores: pd.DataFrame, scoring: str) -> Axes:
    labels = [str(label) for label in scores.index]
    mean, std = scores["mean_test_score"].to_numpy(), scores["std_test_score"].to_numpy()
    at = range(len(labels))
    axes = _make_axes(labels, LEFT, RIGHT)
    axes.plot(at, mean, color=ACCENT, linewidth=1.6, marker=".", markersize=7, label="mean over the folds")
    axes.fill_between(at, mean - std, mean + std, color=ACCENT, alpha=0.16, linewidth=0, label="± std (ddof=0)")
    axes.plot(int(mean.argmax()), mean.max(), ".", color=WARM, markersize=12)
    axes.grid(visible=True, axis="y", color=FAINT, linewidth=0.7)
    axes.margins(y=0.2)
    axes.set_xlabel(_axis_name(str(scores.index.name)), **name_style())
    axes.set_ylabel(scoring)
    axes.legend(frameon=False, loc="upper left", ncols=2, fontsize=LABEL_POINTS, labelcolor=INK, borderaxespad=0.1)
    return axes


def _draw_heat_map(scores: pd.DataFrame, order: dict[str, list[str]], scoring: str) -> Axes:
    (columns, column_labels), (rows, row_labels) = order.items()
    table = scores.pivot_table(index=rows, columns=columns, values="mean_test_score").loc[row_labels, column_labels]
    axes = _make_axes(column_labels, 0.45 + max(map(measure, row_labels)), RIGHT + 0.2)
    cells = axes.imshow(table.to_numpy(), aspect="auto", cmap=SCORES)
    _label_ticks(axes, "y", row_labels)
    axes.set_xlabel(_axis_name(columns), **name_style())
    axes.set_ylabel(_axis_name(rows), **name_style())
    best = scores.iloc[0]
    at = (column_labels.index(best[columns]), row_labels.index(best[rows]))
    axes.plot(*at, marker="*", markersize=15, color=WARM, markeredgecolor=SURFACE, linestyle="none")
    axes.spines[:].set_visible(False)
    label_colours(axes, cells, f"mean {scoring} over the folds")
    return axes


def _make_axes(labels: list[str], left: float, right: float) -> Axes:
    """Return axes with the labels of the values of one axis below, upright if they are too long to lie."""
    wide = measure("  ".join(labels)) > WIDTH - left - right
    longest = max(map(measure, labels)) if wide else 0
    figure = make_figure(WIDTH, HEIGHT + longest)
    axes = add_axes(figure, left, BOTTOM + longest, right, TOP)
    _label_ticks(axes, "x", labels)
    if wide:
        axes.tick_params(axis="x", labelrotation=90)
    return axes


def _label_ticks(axes: Axes, axis: str, labels: list[str]) -> None:
    step = -(-len(labels) // MANY_TICKS)
    place = axes.set_xticks if axis == "x" else axes.set_yticks
    place(range(0, len(labels), step), labels[::step], **name_style())
