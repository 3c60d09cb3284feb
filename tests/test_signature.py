"""The signature that bikeml writes is what MLflow itself would infer, for every type that a column can have."""

import datetime as dt
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlflow.models import infer_signature as mlflow_signature

from bikeml.table.signature import infer_signature

INTEGERS = [f"{sign}nt{bits}" for sign in ("i", "ui") for bits in (8, 16, 32, 64)]
NULLABLE = [name.replace("i", "I").replace("u", "U") for name in INTEGERS]
GAP = st.sampled_from([None, np.nan])
TEXT, BOOLEAN, INTEGER = st.text(max_size=3), st.booleans(), st.integers(0, 9)
DATE = st.dates(dt.date(2000, 1, 1), dt.date(2100, 1, 1))  # what nanoseconds in 64 bits can hold
DATETIME = DATE.map(lambda day: dt.datetime.combine(day, dt.time(12)))
CELLS = {
    **dict.fromkeys(INTEGERS, INTEGER),
    **dict.fromkeys(NULLABLE, INTEGER | st.none()),
    **dict.fromkeys(["float16", "float32", "float64", "longdouble", "complex128"], st.floats(width=16)),
    **dict.fromkeys(["Float32", "Float64"], st.floats(width=16) | st.none()),
    **dict.fromkeys(["datetime64[ns]", "datetime64[ns, UTC]"], DATETIME | st.none()),
    "timedelta64[ns]": INTEGER,
    "bool": BOOLEAN,
    "boolean": BOOLEAN | st.none(),
    "string": TEXT | st.none(),
    "string[pyarrow]": TEXT | st.none(),
}
OBJECTS = [TEXT, BOOLEAN, INTEGER, st.integers(2**70, 2**71), st.floats(), DATE, DATETIME, st.binary(max_size=3)]
MIXED = st.one_of(TEXT, BOOLEAN, INTEGER, st.floats())


@st.composite
def columns(draw, n_rows):
    dtype = draw(st.sampled_from([*CELLS, "object", "category"]))
    if dtype == "object":
        cells = draw(st.sampled_from([*OBJECTS, MIXED])) | GAP
    elif dtype == "category":
        cells = draw(st.sampled_from([TEXT, BOOLEAN, INTEGER, st.floats()])) | GAP
    else:
        cells = CELLS[dtype]
    return pd.Series(draw(st.lists(cells, min_size=n_rows, max_size=n_rows)), dtype=dtype)


@st.composite
def frames(draw):
    names = draw(st.lists(st.text(max_size=5), min_size=1, max_size=4, unique=True))
    n_rows = draw(st.integers(1, 5))
    return pd.DataFrame({name: draw(columns(n_rows)) for name in names})


def expect(frame, predicted):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # integer columns cannot hold gaps, and mlflow calls pandas in an old way
        return mlflow_signature(frame, predicted).to_dict()


@pytest.mark.slow
@given(frame=frames())
def test_the_signature_of_any_frame_is_mlflows(frame):
    predicted = np.zeros(len(frame))
    assert infer_signature(frame, predicted) == expect(frame, predicted)


@pytest.mark.parametrize(
    "predicted",
    [
        np.zeros(2),
        np.zeros((2, 1), "float32"),
        np.zeros(2, "int16"),
        pd.Series([1.0, 2.0]),
        pd.Series([1, 2], name="rentals"),
        pd.Series([1.0, np.nan], name="rentals"),
        [1.0, 2.0],
    ],
)
def test_the_output_is_described_as_mlflow_does(predicted):
    frame = pd.DataFrame({"hum": [0.1, 0.2]})
    assert infer_signature(frame, predicted) == expect(frame, predicted)
