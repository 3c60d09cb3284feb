"""A column of cells becomes numbers to the last digit, or text as written; a gap is NaN in both."""

import datetime as dt
import decimal
import io

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bikeml.config.data import DataConfig
from bikeml.table.reading.cells import GAPS, as_text, find_unit, to_numbers


def data_of(**changes):
    keys = {"name": None, "path": "t.csv", "target": "y", "numeric": "auto", "categorical": "auto", "date": "auto"}
    keys |= {"text": "auto", "ignored": "auto", "categories": "text", "date_format": None, "allowed": {}}
    keys |= {"separator": ",", "encoding": "utf-8", "decimal": "."}
    return DataConfig(**{**keys, **changes})


def column(cells):
    return cells if isinstance(cells, pa.ChunkedArray) else pa.chunked_array([cells])


def numbers(cells, **keys):
    values, is_wrong = to_numbers(column(cells), data_of(**keys), "x")
    assert values.dtype == np.float64
    assert values.name == "x"
    return [None if np.isnan(value) else value for value in values], list(np.flatnonzero(is_wrong))


def text(cells, **keys):
    found = as_text(column(cells), data_of(**keys), "x")
    assert found.dtype == object
    assert {type(cell) for cell in found} <= {str, float}
    return [None if isinstance(cell, float) else cell for cell in found]


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        ("1", 1),
        ("+3", 3),
        (" 3 ", 3),
        ("-2.50", -2.5),
        (".5", 0.5),
        ("5.", 5),
        ("1e5", 1e5),
        ("1E-5", 1e-5),
        ("−7", -7),
        ("007", 7),
        ("12345678901234567890123", 12345678901234567890123.0),
        ("0.1000000000000000055511151231257827", 0.1),
        ("1e400", float("inf")),
        ("inf", float("inf")),
        (" -Infinity", float("-inf")),
    ],
)
def test_a_number_is_read_however_it_is_written(cell, number):
    assert numbers([cell, "word"]) == ([number, None], [1])
    assert numbers([cell]) == ([number], [])


@pytest.mark.parametrize("cell", ["0x10", "1_000", "1,000", "1 000", "12:30", "1/2", "<5", "5+", "1e", "e5", "--1", "१२", "TP53", "4-5", "1.2.3"])  # fmt: skip
def test_another_word_is_no_number_and_its_row_is_known(cell):
    assert numbers(["1", cell, None, "NA"]) == ([1, None, None, None], [1])


@pytest.mark.parametrize("gap", [*GAPS, None, "  ", " NA "])
def test_a_gap_is_nan_among_numbers_and_in_text(gap):
    assert numbers(["1", gap, "word"]) == ([1, None, None], [2])
    assert numbers(["1", gap]) == ([1, None], [])
    assert text(["a", gap]) == ["a", None]


def test_a_gap_of_the_config_is_one_whatever_its_type():
    assert numbers(["1", "nil", "-999", "-999.0"], gaps=["nil", "-999"]) == ([1, None, None, None], [])
    assert numbers([1.0, -999.0], gaps=["-999"]) == ([1, None], [])
    assert numbers([1, -999], gaps=["-999"]) == ([1, None], [])
    assert text(["a", "nil"], gaps=["nil"]) == ["a", None]


def test_a_code_that_looks_like_a_gap_is_text_in_its_column_alone():
    data = data_of(not_gaps={"country": ["NA"]})
    cells = column(["NA", "ZA", "NaN"])
    assert as_text(cells, data, "country").tolist()[:2] == ["NA", "ZA"]
    assert as_text(cells, data, "x").isna().tolist() == [True, False, True]


@pytest.mark.parametrize(
    ("unit", "cells", "wanted"),
    [
        ("%", ["45 %", "7%", "0"], [45, 7, 0]),
        ("$", ["$1.50", "-$2", "$-3", "($4)", "$ 5", "6"], [1.5, -2, -3, -4, 5, 6]),
        ("CHF", ["70.00 CHF", "CHF 5", "NA"], [70, 5, None]),
        ("()", ["(3.1)", "3"], [-3.1, 3]),
        ("m²", ["12 m²", "7.5m²"], [12, 7.5]),
        ("$.*", ["1 $.*"], [1]),
    ],
)
def test_the_unit_of_a_column_is_taken_from_its_numbers(unit, cells, wanted):
    assert numbers(cells, units={"x": unit}) == (wanted, [])


def test_the_unit_of_a_column_is_no_other_ones():
    assert numbers(["5 kg", "5 lb"], units={"x": "kg"}) == ([5, None], [1])
    assert numbers(["5 kg"], units={"weight": "kg"}) == ([None], [0])


@pytest.mark.parametrize(
    ("keys", "cells", "wanted"),
    [
        ({"thousands": ","}, ["1,200", "1,234,567.8", "12", "12,34,567", "1000"], [1200, 1234567.8, 12, 1234567, 1000]),
        ({"decimal": ",", "thousands": "."}, ["1.234,5", "1.234", "0,5", "7"], [1234.5, 1234, 0.5, 7]),
        ({"decimal": ","}, ["3,14", ",5", "1e3"], [3.14, 0.5, 1000]),
        ({"thousands": "'"}, ["1'000.5", "20"], [1000.5, 20]),
        ({"thousands": " "}, ["1 000", " 20 "], [1000, 20]),
        ({"thousands": ",", "units": {"x": "$"}}, ["$1,200", "($1,200.50)"], [1200, -1200.5]),
        ({"decimal": "auto", "thousands": "auto"}, ["1.5", "x"], [1.5, None]),
    ],
)  # fmt: skip
def test_decimal_and_thousands_signs_are_those_of_the_file(keys, cells, wanted):
    assert numbers(cells, **keys)[0] == wanted


@pytest.mark.parametrize("cell", ["1,2", "1,23", "12,3456", ",123", "1,,000", "1.000,5"])
def test_a_sign_between_thousands_stands_at_every_third_digit(cell):
    assert numbers([cell], thousands=",") == ([None], [0])


def test_a_point_is_no_decimal_sign_in_a_file_of_decimal_commas():
    assert numbers(["1.5", "2,5"], decimal=",") == ([None, 2.5], [0])


@pytest.mark.parametrize("words", [("True", "FALSE"), ("yes", "No"), ("t", "F"), ("TRUE", " false ")])
def test_a_column_of_booleans_is_one_and_zero(words):
    assert numbers([*words, "NA", None]) == ([1, 0, None, None], [])
    assert numbers([*words, "perhaps"])[1] == [0, 1, 2]
    assert numbers([*words, "2"])[1] == [0, 1]


def test_typed_cells_are_numbers():
    assert numbers([True, None, False]) == ([1, None, 0], [])
    assert numbers(pa.array([1, None, 2**62])) == ([1, None, 2**62], [])
    assert numbers(pa.array([1.5, None, np.nan], pa.float32())) == ([1.5, None, None], [])
    assert numbers(pa.array([decimal.Decimal("1.10"), None])) == ([1.1, None], [])
    assert numbers(pa.array(["1", "x", None]).dictionary_encode()) == ([1, None, None], [1])
    assert numbers(pa.nulls(2)) == ([None, None], [])
    assert numbers(pa.array([dt.date(2020, 1, 5), None])) == ([None, None], [0])


def test_text_is_as_written():
    cells = ["01", "1", "1.10", "1e5", " yes ", "TRUE", "None ", "é"]
    assert text(cells) == ["01", "1", "1.10", "1e5", " yes ", "TRUE", None, "é"]


TYPED = {
    "integers": pa.array([1, None, 3]),
    "floats": pa.array([1.0, 1e-5, 1e16, 0.1, 123456789012345680.0, None]),
    "single": pa.array([0.1, 3.3, 1e10], pa.float32()),
    "booleans": pa.array([True, None, False]),
    "days": pa.array(pd.to_datetime(["2020-01-05", "2021-12-31"])),
    "moments": pa.array(pd.to_datetime(["2020-01-05 10:00", "2021-12-31 00:00"])),
    "zoned": pa.array(
        [dt.datetime(2020, 1, 5, 8, 0, 0, 500_000, dt.UTC), dt.datetime(2021, 12, 30, 22, tzinfo=dt.UTC)],
        pa.timestamp("us", "+02:00"),
    ),
    "dates": pa.array([dt.date(2020, 1, 5), None]),
    "times": pa.array([dt.time(8, 15), dt.time(9, 0, 1)]),
    "decimals": pa.array([decimal.Decimal("1.10"), None]),
    "categories": pa.array(["a", None, "a"]).dictionary_encode(),
}


@pytest.mark.parametrize("name", TYPED)
def test_typed_cells_are_spelled_as_in_the_csv_of_the_same_table(name):
    frame = pa.table({"x": TYPED[name]}).to_pandas()
    written = pd.read_csv(io.StringIO(frame.to_csv(index=False)), dtype=str, skip_blank_lines=False)["x"]
    expected = [None if pd.isna(cell) else cell for cell in written]
    if name == "integers":  # pandas has no integers with gaps unless asked
        expected = ["1", None, "3"]
    assert text(TYPED[name]) == expected


def test_dates_with_a_type_are_spelled_in_the_format_of_their_column():
    assert text(TYPED["days"], date_format={"x": "%d.%m.%Y"}) == ["05.01.2020", "31.12.2021"]


def test_chunks_and_nested_values_do_not_matter():
    chunks = pa.chunked_array([["1", "NA"], [], ["x"]], pa.string())
    assert numbers(chunks) == ([1, None, None], [2])
    assert text(chunks) == ["1", None, "x"]
    assert numbers(pa.chunked_array([], pa.string())) == ([], [])
    assert text(pa.chunked_array([], pa.string())) == []
    assert text(pa.array([[1, 2], None])) == ["[1, 2]", None]


@pytest.mark.parametrize(
    ("words", "unit"),
    [
        (["45 %", "7%", "0"], "%"),
        (["$1,200", "$3.50"], "$"),
        (["-$5", "($6)"], "$"),
        (["70.00 CHF", "5 CHF"], "CHF"),
        (["CHF 70.00", "CHF 5"], "CHF"),
        (["(3.1)", "2"], "()"),
        (["(3.1)", "(2)"], "()"),
        (["12 kg", "3.4 kg"], "kg"),
        (["12 m²", "3 m²"], "m²"),
        (["4 doors", "2 doors"], "doors"),
        (["1 200 kr", "300 kr"], "kr"),
        (["20.5 km/h", "3 km/h"], "km/h"),
        (["1", "2"], None),
        (["0", "0.0"], None),
        (["<=50%", "10%"], None),
        (["<=50%"], None),
        (["TP53", "TP54"], None),
        (["December 10", "December 11"], None),
        (["10 December", "11 December"], None),
        (["1 month", "2 months"], None),
        (["5 kg", "5 lb"], None),
        (["5 kg", "5"], None),
        (["12:30", "12:45"], None),
        (["4-5", "5-6"], None),
        (["2020-01-05"], None),
        (["A1", "A2"], None),
        (["(a)", "(b)"], None),
        (["a b", "c"], None),
        ([], None),
    ],
)
def test_a_unit_is_the_same_beside_every_number(words, unit):
    assert find_unit(words) == unit


@given(st.lists(st.floats(allow_nan=False), min_size=1))
def test_every_double_is_read_to_the_last_digit(values):
    assert numbers([repr(value) for value in values]) == (values, [])


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1), st.sampled_from(["NA", "?"]))
def test_a_gap_among_them_changes_no_digit(values, gap):
    cells = [*[repr(value) for value in values], gap]
    assert numbers(cells, gaps=["?"]) == ([*values, None], [])
    with_commas = [cell.replace(".", ",") for cell in cells]
    assert numbers(with_commas, gaps=["?"], decimal=",") == ([*values, None], [])


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32).map(float) | st.none(), min_size=1))
def test_csv_and_typed_cells_of_one_column_agree(values):
    typed = pa.array(values, pa.float64())
    assert text(typed) == [None if value is None else repr(value) for value in values]
    assert numbers(typed)[0] == numbers(pa.array(text(typed), pa.string()))[0]


@given(st.lists(st.text() | st.none()))
def test_text_is_itself_or_a_gap(cells):
    for cell, found in zip(cells, text(pa.array(cells, pa.string())), strict=True):
        assert found == cell or (found is None and (cell or "").strip() in GAPS)
