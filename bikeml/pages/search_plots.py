"""Draw what a search has found: the score of its candidates over one axis or two."""

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

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
    shorten,
)
from bikeml.terminal.numbers import show_number

MANY_TICKS = 24  # more labels would lie upon each other
SCORES = LinearSegmentedColormap.from_list("scores", ["#e3edf8", "#74a9e6", ACCENT, "#0f2c4d"])


def plot_search(candidates: pd.DataFrame, scoring: str) -> Figure:
    """
    Draw the scores of a search: a line with the fold spread over one axis, or a heat map over two.

    `candidates` is cv_results_ as a table, shape (n_candidates, n_columns). If the search has more than two axes, the
    two with the most values are drawn, each point at the best of the others.
    """
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
    top = best.iloc[0]
    found = f"best {show_number(top['mean_test_score'])} ± {show_number(top['std_test_score'])}"
    write_title(axes, f"{len(candidates):,} candidates: {found} over the folds{others}")
    return figure_of(axes)


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
