"""Numbers are shown with as many digits as a person needs."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bikeml.terminal.numbers import find_decimals, show_count, show_number, show_score


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (201972.5613, "201,972.56"),
        (449.4136, "449.41"),
        (10, "10.00"),
        (9.87654, "9.8765"),
        (0.604, "0.6040"),
        (0.0123456, "0.01235"),
        (-0.00123456, "-0.001235"),
        (1.23456e-5, "1.235e-05"),
        (-4.2e-300, "-4.2e-300"),
        (1.23456e18, "1.235e+18"),
        (0, "0.0000"),
        (None, "undefined"),
        (math.nan, "undefined"),
        (-math.inf, "undefined"),
    ],
)
def test_a_number_has_its_significant_digits(value, shown):
    assert show_number(value) == shown


@given(st.floats(-1e308, 1e308))
def test_a_shown_number_is_the_number_to_three_digits(value):
    assert float(show_number(value).replace(",", "")) == pytest.approx(value, rel=6e-4, abs=0)


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([9.87654, 12.3456, 150.25], ["9.88", "12.35", "150.25"]),
        ([1.5, 9.87654, 12.3456], ["1.5000", "9.8765", "12.3456"]),
        ([0.0123456, 0.5, 0.25], ["0.0123", "0.5000", "0.2500"]),
        ([12.0, 13.0, 0.0012], ["12.00", "13.00", "0.001200"]),  # nothing would be left of the last
        ([12.0, 13.0, 4e17, None, 0.0], ["12.00", "13.00", "4e+17", "undefined", "0.00"]),
        ([None, math.nan, 0.0], ["undefined", "undefined", "0.0000"]),
    ],
)
def test_the_numbers_of_a_column_have_the_same_decimals(values, shown):
    decimals = find_decimals(values)
    assert [show_number(value, decimals=decimals) for value in values] == shown


@pytest.mark.parametrize(("number", "told"), [(0, "0 cells"), (1, "1 cell"), (2000, "2,000 cells")])
def test_one_is_no_plural(number, told):
    assert show_count(number, "cell") == told


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.60404, "0.6040"), (0.99999, "1.0000"), (-0.00001, "0.0000"), (0.0123456, "0.0123"), (-1234.5678, "-1,234.57")],
)
def test_an_r2_has_four_decimals_and_a_large_negative_one_two(value, shown):
    assert show_score(value) == shown
    assert show_score(None, missing="–") == "–"


@pytest.mark.slow
def test_a_run_of_a_tiny_target_shows_its_errors(bikeml_main, workdir, capsys, unrendered):
    rows = [f"{i},{(i + i % 3) * 1e-7:.3e}" for i in range(60)]
    (workdir / "tiny.csv").write_text("x,y\n" + "\n".join(rows))
    words = ("data=csv", "data.path=tiny.csv", "data.target=y", "data.numeric=[x]", "data.categorical=[]")
    assert bikeml_main(*words, "tracking=none", "evaluation.bootstrap_samples=100") == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "test_rmse" in line]
    assert "e-08" in line
    assert "0.0000" not in line
