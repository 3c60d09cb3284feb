import numpy as np
import pandas as pd
import pytest

from bikeml.pages.page import to_svg
from bikeml.pages.style import INK
from bikeml.pages.sweep import plots as sweep_plots

RNG = np.random.default_rng(0)
LIMITS = sweep_plots.Limits(0.3, np.inf)


def test_cells_far_behind_do_not_set_the_floor():
    means, stds = np.array([0.8, 0.75, 0.7, 0.65, -40.0]), np.full(5, 0.05)
    assert sweep_plots.find_limits(means, stds, 1) == (pytest.approx(0.6), np.inf)


@pytest.mark.parametrize("n_cells", [1, 2])
def test_a_floor_is_below_few_cells_too(n_cells):
    means = np.array([0.8, -3.0])[:n_cells]
    assert sweep_plots.find_limits(means, np.full(n_cells, 0.1), 1).low == pytest.approx(means[-1] - 0.1)


def test_no_limit_is_one_value_of_a_searched_axis():
    values = [3, np.nan, 5, np.nan]  # null as read_csv has it
    candidates = pd.DataFrame(
        {"param_model__max_depth": values, "mean_test_score": [1, 2, 3, 4], "std_test_score": 0.1}
    )
    svg = to_svg(sweep_plots.plot_validation_curve(candidates, "param_model__max_depth", "r2"), "a curve", "x")
    labels = [word for word in ("3", "null", "5") if f">{word}</text>" in svg]
    assert labels == ["3", "null", "5"]
    assert svg.count(">null</text>") == 1


def test_many_rows_are_pixels_and_few_are_not():
    few, many = (RNG.normal(size=n) for n in (100, sweep_plots.MANY_ROWS + 1))
    assert "<image" not in to_svg(sweep_plots.plot_predictions(few, few), "few", "x")
    svg = to_svg(sweep_plots.plot_predictions(many, many), "many", "x")
    assert svg.count("<image") == 1
    assert len(svg) < 100_000  # bytes


@pytest.mark.parametrize("text", ["$x_1$", "$", "雪😀", "<script>", '" onload="x'])
def test_any_text_is_drawn_as_it_is(text):
    figure = sweep_plots.plot_group([text, "b"], np.array([0.5, 0.4]), np.array([0.1, 0.1]), LIMITS, "cv R²")
    svg = to_svg(figure, text, "x")
    escaped = text.replace("<", "&lt;").replace(">", "&gt;")
    assert f">{escaped}</text>" in svg
    assert f'aria-label="{escaped.replace(chr(34), "&quot;")}"' in svg


def test_a_figure_takes_the_colours_of_the_page():
    svg = to_svg(
        sweep_plots.plot_time(np.array([1.0, 100.0]), np.array([0.5, 0.4]), np.zeros(2), LIMITS, "cv R²"), "time", "x"
    )
    assert "var(--ink)" in svg
    assert INK not in svg
