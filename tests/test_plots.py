import io

import numpy as np
import pytest
from matplotlib.figure import Figure

from bikeml import plots
from bikeml.evaluate import Importance

RNG = np.random.default_rng(0)


def draw(n_rows):
    y = RNG.normal(size=n_rows)
    predicted = y + RNG.normal(size=n_rows)
    return [
        plots.plot_evaluate(y, predicted, "rentals", (0.5, 0.4, 0.6), 0.95),
        plots.plot_residuals(y, predicted, "rentals"),
    ]


@pytest.mark.parametrize("n_rows", [2, 3, 200, plots.MANY_ROWS + 1])
def test_every_figure_can_be_saved_at_any_size(n_rows):
    for figure in draw(n_rows):
        assert isinstance(figure, Figure)
        figure.savefig(io.BytesIO(), format="png")


def test_axes_and_uncertainty_are_labelled():
    evaluate, residuals = draw(100)
    axes = evaluate.axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("actual rentals", "predicted rentals")
    assert "R² 0.500 (95% interval 0.400 to 0.600)" in axes.get_title()
    assert any("fitted line" in text.get_text() for text in axes.get_legend().get_texts())
    assert len(axes.collections) == 2, "the points and the band of the fitted line"
    assert "±" in residuals.axes[1].get_legend().get_texts()[0].get_text()


def test_many_rows_become_a_density():
    few, many = draw(100)[0], draw(plots.MANY_ROWS + 1)[0]
    assert len(few.axes) == 1
    assert [axes.get_ylabel() for axes in many.axes] == ["predicted rentals", "rows"]


def test_one_actual_value_has_no_fitted_line():
    figure = plots.plot_evaluate(np.ones(5), RNG.normal(size=5), "y", (0, 0, 0), 0.9)
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ["perfect prediction"]


def test_importance_is_sorted_with_its_spread():
    figure = plots.plot_importance(Importance(("a", "b"), (0.9, 0.1), (0.1, 0.05)))
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["b", "a"]
    assert "mean ± std" in axes.get_xlabel()
