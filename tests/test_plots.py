import io
import re

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from bikeml.pages import look_plots, plots, search_plots
from bikeml.pages.comparison import plots as comparison_plots
from bikeml.pages.page import to_svg
from bikeml.pages.sweep import plots as sweep_plots
from bikeml.records.judgement import GroupImportance, Importance

RNG = np.random.default_rng(0)


def draw(n_rows):
    y = RNG.normal(size=n_rows)
    predicted = y + RNG.normal(size=n_rows)
    return [
        plots.plot_evaluate(y, predicted, "rentals", "R² 0.500 (95% interval 0.400 to 0.600)", 0.95),
        plots.plot_residuals(y, predicted, "rentals"),
    ]


@pytest.mark.parametrize("n_rows", [2, 3, 200, plots.MANY_ROWS + 1])
def test_every_figure_can_be_saved_at_any_size(n_rows):
    for figure in draw(n_rows):
        assert isinstance(figure, Figure)
        figure.savefig(io.BytesIO(), format="png")


def test_settings_of_matplotlib_change_no_figure():
    """The working folder may hold a matplotlibrc."""
    theirs = {"text.usetex": True, "font.size": 30, "axes.grid": True, "font.family": "monospace", "lines.linewidth": 9}
    drawn = []
    for settings in ({}, theirs):
        with mpl.rc_context(settings):
            drawn.append(to_svg(plots.plot_residuals(np.arange(9.0), np.arange(9.0) ** 2, "rentals"), "", "a"))
            assert mpl.rcParams["font.size"] == settings.get("font.size", 10)
    assert drawn[0] == drawn[1]


@pytest.mark.parametrize("module", [plots, search_plots, look_plots, sweep_plots, comparison_plots])
def test_every_function_that_draws_has_our_style(module):
    own = {name: each for name, each in vars(module).items() if getattr(each, "__module__", "") == module.__name__}
    drawing = [each for name, each in own.items() if re.match("plot_|draw_|make_pic|make_panel", name)]
    assert drawing
    assert all(hasattr(each, "__wrapped__") for each in drawing)


def test_axes_and_uncertainty_are_labelled():
    evaluate, residuals = draw(100)
    axes = evaluate.axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted rentals", "actual rentals")
    assert "R² 0.500 (95% interval 0.400 to 0.600)" in axes.get_title("left")
    assert any("fitted line" in text.get_text() for text in axes.get_legend().get_texts())
    assert len(axes.collections) == 1, "the band of the fitted line"
    assert re.search(r"mean .* ± ", residuals.axes[0].get_title("left"))


def test_many_rows_become_a_density():
    few, many = draw(100)[0], draw(plots.MANY_ROWS + 1)[0]
    assert len(few.axes) == 1
    assert [axes.get_ylabel() for axes in many.axes] == ["actual rentals", "rows"]


def test_the_line_of_a_calibrated_model_has_the_slope_one():
    predicted = np.linspace(-2, 2, 200)
    noise = np.tile([-2.0, 2.0, 2.0, -2.0], 50)  # without correlation with the predictions
    figure = plots.plot_evaluate(predicted + noise, predicted, "y", "R² 0.3", 0.95)
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert labels == [
        "perfect prediction",
        "fitted line: calibration slope 1.00",
        "its 95 % band, if rows are independent",
    ]


def test_one_prediction_for_all_rows_has_no_fitted_line():
    figure = plots.plot_evaluate(RNG.normal(size=5), np.ones(5), "y", "R² 0", 0.9)
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ["perfect prediction"]


@pytest.mark.parametrize("values", [[1e25], [1e16, 1e16 + 2], [-1e16, -1e16 - 2]])
@pytest.mark.parametrize("bins", ["auto", 5, 80])
def test_a_histogram_has_bins_wherever_floats_have_room_for_none(values, bins):
    values = np.array(values * 20)
    edges = plots.bin_edges(values, bins)
    assert np.histogram(values, edges)[0].sum() == len(values)
    plots.plot_residuals(values / 2, np.zeros(len(values)), "y").savefig(io.BytesIO(), format="png")


def test_importance_is_sorted_with_its_spread():
    earlier = Importance(columns=("a", "b"), mean=(0.9, 0.1), std=(0.1, 0.05))
    axes = plots.plot_importance(earlier, "fall of the test R²").axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["b", "a"]
    assert "mean ± std" in axes.get_xlabel()


def test_columns_that_go_together_have_a_bar_of_their_own_and_errors_are_over_the_rows():
    group = GroupImportance(columns=("a", "b"), mean=0.95, std=0.1, error=0.2)
    found = Importance(columns=("a", "b"), mean=(0.9, 0.1), std=(0.1, 0.05), error=(0.3, None), groups=(group,))
    axes = plots.plot_importance(found, "fall of the test R²").axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["b", "a", "a + b"]
    assert "mean ± error over rows" in axes.get_xlabel()


def candidates_of(**axes):
    from sklearn.model_selection import ParameterGrid

    rows = [{f"regressor__{name}": value for name, value in candidate.items()} for candidate in ParameterGrid(axes)]
    table = pd.DataFrame({"params": rows})
    return table.assign(mean_test_score=np.linspace(0, 1, len(table)), std_test_score=0.1)


def test_a_search_over_one_axis_is_a_line_with_the_fold_spread():
    axes = search_plots.plot_search(candidates_of(alpha=[0.1, 1.0, 10.0]), "r2").axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("alpha", "r2")
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        "mean over the folds",
        "± std (ddof=0)",
    ]


def test_a_search_over_two_axes_is_a_heat_map_with_the_best_marked():
    figure = search_plots.plot_search(candidates_of(depth=[2, 3, None], rate=[0.1, 0.2]), "r2")
    axes = figure.axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("depth", "rate")
    assert [label.get_text() for label in axes.get_xticklabels()] == ["2", "3", "None"]
    assert "best 1.0000 ± 0.1000 over the folds" in axes.get_title("left")
    assert figure.axes[1].get_ylabel() == "mean r2 over the folds"


def test_a_search_over_more_axes_shows_the_two_longest_at_the_best_of_the_others():
    figure = search_plots.plot_search(candidates_of(a=[1, 2], b=[1, 2, 3], c=[1, 2, 3, 4]), "r2")
    assert (figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()) == ("c", "b")
    assert "at the best of the other axes" in figure.axes[0].get_title("left")


def test_a_search_with_one_candidate_can_be_drawn():
    search_plots.plot_search(candidates_of(a=[1]), "r2").savefig(io.BytesIO(), format="png")


def test_a_saved_figure_has_the_pixels_of_savefig(tmp_path):
    from PIL import Image

    from bikeml.pages.figures import DPI, save_figure

    y = RNG.normal(size=300)
    ours, theirs = (plots.plot_residuals(y, y**2, "rentals") for _ in range(2))
    save_figure(ours, tmp_path / "ours.png")
    theirs.savefig(tmp_path / "theirs.png", dpi=DPI)
    pixels = [np.asarray(Image.open(tmp_path / name)) for name in ("ours.png", "theirs.png")]
    np.testing.assert_array_equal(*pixels)


def test_predictions_far_outside_lie_on_the_frame_and_are_counted():
    y, predicted = np.arange(100.0), np.arange(100.0)
    predicted[:2] = 1e6, -1e6
    axes = plots.plot_evaluate(y, predicted, "y", "R² −1.0", 0.95).axes[0]
    assert axes.get_xlim() == pytest.approx((-107.91, 206.91))
    assert "2 beyond the frame" in [text.get_text() for text in axes.get_legend().get_texts()]


@pytest.mark.parametrize("n_rows", [1, 2, 300])
def test_no_label_of_a_figure_is_cut_off(n_rows):
    name = "the total price of a house in the metropolitan area in thousand dollars before tax"
    y = RNG.normal(size=n_rows) * 1e5
    drawn = [plots.plot_evaluate(y, 2 * y, name, "R² 0.5 (95% interval 0.4 to 0.6)", 0.95)]
    drawn += [plots.plot_residuals(y, 2 * y, name)]
    for figure in drawn:
        figure.savefig(io.BytesIO(), format="png")
        edges = figure.bbox
        labels = {f(axes) for axes in figure.axes for f in (Axes.get_xlabel, Axes.get_ylabel)} - {""}
        labels.add(figure.axes[0].get_title("left"))
        boxes = [text.get_window_extent() for text in figure.findobj(Text) if text.get_text() in labels]
        assert len(boxes) >= 3
        assert all(box.x0 >= edges.x0 and box.x1 <= edges.x1 for box in boxes)
        assert all(box.y0 >= edges.y0 and box.y1 <= edges.y1 for box in boxes)


def test_a_figure_is_legible_where_it_is_420_pixels_wide():
    for figure in (*draw(100), plots.plot_importance(Importance(columns=("a",), mean=(1.0,), std=(0.1,)), "fall")):
        pixels = 420 / figure.get_figwidth() / 72
        sizes = [label.get_fontsize() * pixels for axes in figure.axes for label in axes.get_xticklabels()]
        assert min(sizes) > 9


@pytest.mark.parametrize("size", [1e-300, 1e-100, 1e100, 1e200])
def test_the_line_and_the_mean_are_found_whatever_the_size_of_the_numbers(size):
    predicted = np.linspace(-2, 2, 200)
    noise = np.tile([-2.0, 2.0, 2.0, -2.0], 50)
    evaluate = plots.plot_evaluate(size * (predicted + noise), size * predicted, "y", "R² 0.3", 0.95)
    assert "calibration slope 1.00" in evaluate.axes[0].get_legend().get_texts()[1].get_text()
    residuals = plots.plot_residuals(size * (predicted + noise), size * predicted, "y")
    (error,) = re.findall(r"± (\S+) ", residuals.axes[0].get_title("left"))
    assert float(error) == pytest.approx(size * 0.14, rel=0.05)


def test_drawn_candidates_are_points_over_the_two_axes_that_vary_most():
    draw = np.random.default_rng(0)
    params = [
        {"rate": float(10 ** draw.uniform(-3, 0)), "leaf": int(draw.integers(3, 20)), "weights": "uniform"}
        for _ in range(30)
    ]
    scores = draw.uniform(size=30)
    candidates = pd.DataFrame({"params": params, "mean_test_score": scores, "std_test_score": 0.1})
    axes = search_plots.plot_search(candidates, "r2").axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("rate", "leaf")
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "linear")
    points = axes.collections[0]
    np.testing.assert_allclose(points.get_offsets()[:, 0], [each["rate"] for each in params])
    np.testing.assert_array_equal(points.get_array(), scores)
    (star,) = axes.lines
    assert star.get_xdata() == [params[int(scores.argmax())]["rate"]]


def test_one_drawn_axis_is_drawn_against_the_score():
    params = [{"alpha": value} for value in (0.003, 1.3, 0.07, 4.0, 700.0, 20.0)]
    candidates = pd.DataFrame({"params": params, "mean_test_score": np.linspace(0, 1, 6), "std_test_score": 0.1})
    axes = search_plots.plot_search(candidates, "r2").axes[0]
    assert (axes.get_ylabel(), axes.get_xscale()) == ("r2", "log")
    assert len(axes.collections[0].get_offsets()) == 6


def test_a_residual_far_from_all_others_lies_on_the_frame():
    y = np.append(np.linspace(0, 1, 100), 1e6)
    axes = plots.plot_residuals(y, np.zeros(101), "y").axes[0]
    assert axes.get_ylim()[1] < 10
