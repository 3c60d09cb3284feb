"""Draw the figures of one run and of a leaderboard; each function returns a matplotlib Figure and never shows it."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path
from scipy.stats import t as student_t

from bikeml.evaluation.metric import Metric
from bikeml.pages.style import any_glyph, name_style, shorten
from bikeml.records.judgement import Importance

MANY_ROWS = 5_000  # with more rows, points would hide each other, so a density is drawn instead
MANY_COLUMNS = 30  # only the most important ones are drawn
TICKS = 5  # on an axis at most: the layout of their labels takes half the time of a figure
MAX_LABEL = 40  # characters
LABEL_POINTS = 10
MANY_CELLS = 40  # only the best ones are drawn
POINT_COLOUR = "#3b6fb6"
LINE_COLOUR = "#c2410c"
MUTED_COLOUR = "#8a8a8a"


def plot_evaluate(y_true: np.ndarray, y_pred: np.ndarray, target: str, score: str, confidence: float) -> Figure:
    """
    Draw actual against predicted values, both of shape (n_rows,), with the diagonal and the calibration line.

    The line is the regression of actual on predicted values; its slope is 1 if predictions are right on average (Cox,
    Two Further Applications of a Model for Binary Regression, Biometrika 45, 1958). Its band is that of the mean, at
    `confidence`. `score` is in the title.
    """
    figure = _framed(6.5, 6.5)
    axes = figure.subplots()
    low, high = float(min(y_true.min(), y_pred.min())), float(max(y_true.max(), y_pred.max()))
    axes.plot([low, high], [low, high], color=MUTED_COLOUR, linestyle="--", linewidth=1, label="perfect prediction")
    _draw_points(axes, y_pred, y_true)
    _draw_calibration_line(axes, y_pred, y_true, confidence)
    (name,) = shorten([target], MAX_LABEL)
    axes.set_xlabel(f"predicted {name}", **name_style())
    axes.set_ylabel(f"actual {name}", **name_style())
    axes.set_title(f"{len(y_true):,} held-out rows: {score}")
    axes.legend(frameon=False, loc="upper left")
    axes.locator_params(nbins=TICKS)
    return figure


def plot_residuals(y_true: np.ndarray, y_pred: np.ndarray, target: str) -> Figure:
    """Draw residuals (actual - predicted) against predictions, both of shape (n_rows,), and their distribution."""
    figure = _framed(8, 4.5)
    axes, histogram = figure.subplots(1, 2, sharey=True, width_ratios=[3, 1], gridspec_kw={"wspace": 0.15})
    residuals = y_true - y_pred
    _draw_points(axes, y_pred, residuals)
    axes.axhline(0, color=MUTED_COLOUR, linestyle="--", linewidth=1)
    axes.set_xlabel(f"predicted {shorten([target], MAX_LABEL)[0]}", **name_style())
    axes.set(ylabel="actual − predicted", title="Residuals of the held-out rows")
    bins = bin_edges(residuals, "auto" if len(residuals) < MANY_ROWS else 80)
    histogram.hist(residuals, bins=list(bins), orientation="horizontal", color=POINT_COLOUR)
    mean, error = float(residuals.mean()), float(residuals.std(ddof=1) / np.sqrt(len(residuals)))
    histogram.axhline(mean, color=LINE_COLOUR, linewidth=2, label=f"mean {mean:.3g} ± {error:.2g}")
    histogram.set(xlabel="rows")
    histogram.legend(frameon=False, loc="lower right", bbox_to_anchor=(1, 1))
    axes.locator_params(nbins=TICKS)
    histogram.locator_params(axis="x", nbins=2)
    return figure


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


def plot_importance(importance: Importance, effect: str) -> Figure:
    """Draw the `effect` of shuffling each column, and columns that go together, with its standard error."""
    names = [*importance.columns, *(" + ".join(group.columns) for group in importance.groups)]
    mean = np.array([*importance.mean, *(group.mean for group in importance.groups)], dtype=float)  # None becomes NaN
    errors, what = (importance.error, "error over rows") if importance.error else (importance.std, "std")
    error = np.array([*errors, *(group.error if importance.error else group.std for group in importance.groups)], float)
    order = np.argsort(np.nan_to_num(mean))[-MANY_COLUMNS:]
    columns = shorten([names[i] for i in order], MAX_LABEL)
    left = 0.3 + max(map(_inches, columns))
    figure = _framed(left + 5.5, max(2.5, 0.35 * len(order) + 1.2), left)
    axes = figure.subplots()
    axes.barh(range(len(columns)), mean[order], xerr=error[order], color=POINT_COLOUR, ecolor=LINE_COLOUR, capsize=3)
    axes.set_yticks(range(len(columns)), columns, **name_style())
    axes.axvline(0, color=MUTED_COLOUR, linewidth=1)
    axes.set(xlabel=f"{effect} when it is shuffled (mean ± {what})", title="Permutation importance")
    axes.locator_params(axis="x", nbins=TICKS)
    return figure


def _framed(width: float, height: float, left: float = 0.95) -> Figure:
    """
    Return a figure of this size with fixed margins, all in inches.

    A layout engine would measure every label three times, which takes more than a third of a figure's time.
    """
    figure = Figure(figsize=(width, height))
    figure.subplots_adjust(left=left / width, right=1 - 0.2 / width, bottom=0.6 / height, top=1 - 0.45 / height)
    return figure


def _inches(label: str) -> float:
    """Return the width of a label at the axes' font size."""
    font = FontProperties(family=name_style()["fontfamily"], size=LABEL_POINTS)
    with any_glyph():
        points, _, _ = text_to_path.get_text_width_height_descent(label, font, ismath=False)
    return float(points) / 72


def plot_leaderboard(leaderboard: pd.DataFrame, metric: Metric) -> Figure:
    """Draw the metric of the best cells of a sweep, shape (n_cells, n_columns), with the fold spread."""
    shown = leaderboard.dropna(subset=["rank"]).head(MANY_CELLS).iloc[::-1]
    figure = Figure(figsize=(8, max(2.0, 0.35 * len(shown) + 1.2)), layout="constrained")
    axes = figure.subplots()
    labels = [f"{row['name'][-60:]}  #{row['rank']}" for _, row in shown.iterrows()]
    positions = range(len(shown))
    axes.errorbar(
        shown[metric.mean],
        positions,
        xerr=shown[metric.std],
        fmt="o",
        color=POINT_COLOUR,
        ecolor=MUTED_COLOUR,
        capsize=3,
        label="cross-validation, mean ± std (ddof=0) over the folds",
    )
    low, test, high = (shown[f"{metric.test}{end}"] for end in ("_low", "", "_high"))
    axes.errorbar(
        test,
        [position - 0.25 for position in positions],
        xerr=np.maximum(np.array([test - low, high - test]), 0),
        fmt="D",
        markersize=4,
        color=LINE_COLOUR,
        alpha=0.7,
        label="held-out rows, with the bootstrap interval",
    )
    axes.set_yticks(positions, labels, **name_style())
    axes.set(xlabel=metric.label, title=f"{len(leaderboard)} cells")
    axes.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.5 / max(2.0, 0.35 * len(shown) + 1.2)))
    return figure


def _draw_calibration_line(axes: Axes, x: np.ndarray, y: np.ndarray, confidence: float) -> None:
    """Draw the least-squares line of y on x with the band of its mean (Draper and Smith, 1998, chapter 1)."""
    if np.ptp(x) == 0:
        return  # a line needs two different predictions
    slope, intercept = np.polyfit(x, y, 1)
    grid = np.linspace(x.min(), x.max(), 100)
    line = slope * grid + intercept
    label = f"fitted line: calibration slope {slope:.2f}"
    axes.plot(grid, line, color=LINE_COLOUR, linewidth=2, label=label)
    if (freedom := len(x) - 2) < 1:
        return
    spread = np.sqrt(np.sum((y - slope * x - intercept) ** 2) / freedom)
    error = spread * np.sqrt(1 / len(x) + (grid - x.mean()) ** 2 / np.sum((x - x.mean()) ** 2))
    width = student_t.ppf((1 + confidence) / 2, freedom) * error
    axes.fill_between(grid, line - width, line + width, color=LINE_COLOUR, alpha=0.2, linewidth=0)


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
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    if len(drawn) == 1:
        _draw_line(axes, best.set_index(drawn[0]).loc[order[drawn[0]]], scoring)
    else:
        _draw_heat_map(axes, best, order, scoring)
    others = " (at the best of the other axes)" if labels.shape[1] > len(drawn) else ""
    axes.set_title(f"{len(candidates)} candidates, cross-validated{others}")
    return figure


def _label_values(candidates: Sequence[Mapping[str, object]]) -> pd.DataFrame:
    """Return a label for each value of each axis, shape (n_candidates, n_axes); different values stay apart."""
    labels = pd.DataFrame([{name: repr(value) for name, value in params.items()} for params in candidates])
    for name in map(str, labels):
        short = {repr(params[name]): _as_label(params[name]) for params in candidates if name in params}
        texts = dict(zip(short, shorten(list(short.values()), MAX_LABEL), strict=True))
        labels[name] = labels[name].map(texts).fillna("–")  # one of a list of grids may lack the axis
    return labels


def _as_label(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _axis_name(column: str) -> str:
    return column.rpartition("__")[2]


def _draw_line(axes: Axes, scores: pd.DataFrame, scoring: str) -> None:
    labels = [str(label) for label in scores.index]
    mean, std = scores["mean_test_score"].to_numpy(), scores["std_test_score"].to_numpy()
    at = range(len(labels))
    axes.plot(at, mean, color=POINT_COLOUR, marker="o", label="mean over the folds")
    axes.fill_between(
        at, mean - std, mean + std, color=POINT_COLOUR, alpha=0.2, linewidth=0, label="± std (ddof=0) over the folds"
    )
    axes.set_xticks(at, labels, **name_style())
    axes.set(xlabel=_axis_name(str(scores.index.name)), ylabel=scoring)
    axes.legend(frameon=False)


def _draw_heat_map(axes: Axes, scores: pd.DataFrame, order: dict[str, list[str]], scoring: str) -> None:
    (columns, column_labels), (rows, row_labels) = order.items()
    table = scores.pivot_table(index=rows, columns=columns, values="mean_test_score").loc[row_labels, column_labels]
    cells = axes.imshow(table.to_numpy(), aspect="auto", cmap="viridis")
    axes.set_xticks(range(len(column_labels)), column_labels, **name_style())
    axes.set_yticks(range(len(row_labels)), row_labels, **name_style())
    axes.set(xlabel=_axis_name(columns), ylabel=_axis_name(rows))
    best = scores.iloc[0]
    at = (column_labels.index(best[columns]), row_labels.index(best[rows]))
    spread = f"best {best['mean_test_score']:.4f} ± {best['std_test_score']:.4f} over the folds"
    axes.plot(
        *at, marker="*", markersize=16, color=LINE_COLOUR, markeredgecolor="white", linestyle="none", label=spread
    )
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), frameon=False)
    axes.figure.colorbar(cells, ax=axes, label=f"mean {scoring}")


def _draw_points(axes: Axes, x: np.ndarray, y: np.ndarray) -> None:
    if len(x) <= MANY_ROWS:
        axes.scatter(x, y, s=18, alpha=0.6, color=POINT_COLOUR, edgecolors="none")
        return
    cells = axes.hexbin(x, y, gridsize=60, bins="log", mincnt=1, cmap="Blues")
    axes.figure.colorbar(cells, ax=axes, label="rows")
