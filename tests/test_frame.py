"""What becomes of a DataFrame before it is a table like any other."""

import datetime as dt
import decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from bikeml.api.frame import kept, list_categories, tell_index, to_table, write_table
from bikeml.api.given import as_file, command_words
from bikeml.errors import ConfigError, DataError, RunFolderError

MONTHS = pd.period_range("2020-01", periods=2, freq="M")
DAY = dt.date(2020, 1, 31)
COLUMNS = {
    "integers": ([1, 2], pa.int64(), [1, 2]),
    "huge integers": (pd.Series([2**70, 1], dtype=object), pa.string(), ["1180591620717411303424", "1"]),
    "integers with a gap": ([1.0, None], pa.int64(), [1, None]),
    "fractions": ([1.0, 1.5], pa.float64(), [1.0, 1.5]),
    "floats beyond the integers": ([1e300, 1.0], pa.float64(), [1e300, 1.0]),
    "infinite": ([float("inf"), 1.0], pa.float64(), [float("inf"), 1.0]),
    "nullable": (pd.array([1, None], dtype="Int64"), pa.int64(), [1, None]),
    "nullable floats": (pd.array([1.0, None], dtype="Float64"), pa.int64(), [1, None]),
    "nullable booleans": (pd.array([True, None], dtype="boolean"), pa.bool_(), [True, None]),
    "strings": (pd.array(["a", None], dtype="string"), pa.string(), ["a", None]),
    "pyarrow's": (pd.array(["a", "b"], dtype="string[pyarrow]"), pa.string(), ["a", "b"]),
    "words and numbers": (pd.Series([1, "a"], dtype=object), pa.string(), ["1", "a"]),
    "numbers and words": (pd.Series(["1.10", 2.0], dtype=object), pa.string(), ["1.10", "2.0"]),
    "a date and a word": (pd.Series([pd.Timestamp(DAY), "soon"], dtype=object), pa.string(), [str(pd.Timestamp(DAY)), "soon"]),
    "words and a gap": (pd.Series([np.nan, "a"], dtype=object), pa.string(), [None, "a"]),
    "nothing": ([None, None], pa.null(), [None, None]),
    "decimals": ([decimal.Decimal("1.10"), decimal.Decimal("2.50")], pa.decimal128(3, 2), [decimal.Decimal("1.10"), decimal.Decimal("2.50")]),
    "dates": ([DAY, None], pa.date32(), [DAY, None]),
    "periods": (MONTHS, pa.timestamp(MONTHS.to_timestamp().unit), list(pd.to_datetime(["2020-01-01", "2020-02-01"]))),
    "sparse": (pd.arrays.SparseArray([0, 3]), pa.int64(), [0, 3]),
    "intervals": (pd.interval_range(0, 2), None, ["(0, 1]", "(1, 2]"]),
    "binned": (pd.cut([1.0, 2.0], [0, 1, 2]), None, ["(0, 1]", "(1, 2]"]),
    "categories that are numbers": (pd.Categorical([3, 1]), None, [3, 1]),
    "categories with a gap": (pd.Categorical([1.0, None]), None, [1, None]),
    "categories of two types": (pd.Categorical([1, "1"]), None, ["1", "1"]),
    "categories that are dates": (pd.Categorical([DAY, None]), None, [str(DAY), None]),
}  # fmt: skip


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_of_any_type_is_stored_as_what_it_means(name):
    values, kind, cells = COLUMNS[name]
    frame = pd.DataFrame({"x": values})
    before = frame.copy(deep=True)
    table = to_table(frame)
    pd.testing.assert_frame_equal(frame, before)
    assert table["x"].to_pylist() == cells
    assert list_categories(table) == ([] if kind else ["x"])
    assert kind in (None, table.schema.field("x").type)


@pytest.mark.parametrize("name", COLUMNS)
def test_a_stored_column_is_read_as_it_was_written(name, workdir):
    values, _, cells = COLUMNS[name]
    file = write_table(to_table(pd.DataFrame({"x": values})), workdir)
    assert parquet.read_table(file)["x"].to_pylist() == cells
    assert b"pandas" not in file.read_bytes()  # its version is no part of the table


def test_the_same_content_is_the_same_file(workdir):
    frame = pd.DataFrame({"x": [1, 2], "y": ["a", "b"]})
    first = write_table(to_table(frame), workdir)
    frame.attrs["note"] = "another"
    assert write_table(to_table(frame.set_axis([7, 8])), workdir) == first
    assert write_table(to_table(frame.assign(x=[1, 3])), workdir) != first


@pytest.mark.parametrize("make", [pa.table, lambda columns: Streamed(pa.table(columns))])
def test_a_table_of_another_library_is_taken(make):
    assert to_table(make({"x": [1, 2], "y": ["a", "b"]})).column_names == ["x", "y"]


class Streamed:
    """As polars and duckdb hand over their tables."""

    def __init__(self, table):
        self._table, self.column_names = table, table.column_names

    def __arrow_c_stream__(self, requested_schema=None):
        return self._table.__arrow_c_stream__(requested_schema)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (np.zeros((2, 3)), r"data is a numpy.ndarray of shape \(2, 3\); it should be a DataFrame .*pandas.DataFrame\(data, columns"),
        (pd.Series([1, 2], name="x"), r"data is a pandas.*Series of shape \(2,\)"),
        ([{"x": 1}], r"data is a list; .*read it with pandas first"),
        ({"x": [1]}, r"data is a dict; "),
        (7, r"data is a int; "),
    ],
)  # fmt: skip
def test_what_is_no_dataframe_is_named_by_its_type(data, message):
    with pytest.raises(ConfigError, match=message):
        to_table(data)


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pd.DataFrame(), r"the DataFrame is empty: its shape is \(0, 0\); give one"),
        (pd.DataFrame({"x": []}), r"its shape is \(0, 1\)"),
        (pd.DataFrame([[1, 2]], columns=["x", "x"]), r"several columns have the name 'x'; rename them"),
        (pd.DataFrame([[1, 2]], columns=["1", 1]), r"several columns have the name '1'"),
        (pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", 1), ("a", 2)])), r"a column has the name \('a', 1\).*\"_\"\.join"),
        (pd.DataFrame([[1]], columns=[None]), r"a column has the name None, and a name should be text"),
        (pd.DataFrame([[1]], columns=[2.5]), r"a column has the name 2.5"),
        (pd.DataFrame([[1]], columns=[True]), r"a column has the name True"),
        (pd.DataFrame({"z": [1j]}), r"column 'z' of type complex128 cannot be stored: .*data.drop\(columns=\['z'\]\)"),
        (pd.DataFrame({"s": pd.Series(["\ud800"], dtype=object)}), r"column 's' of type object cannot be stored: .*surrogates"),
    ],
)  # fmt: skip
def test_what_no_table_can_hold_is_said_with_what_to_write(frame, message):
    with pytest.raises(DataError, match=message):
        to_table(frame)


def test_whole_numbers_as_names_are_text():
    assert to_table(pd.DataFrame(np.ones((1, 2)))).column_names == ["0", "1"]


@pytest.mark.parametrize(
    ("index", "told"),
    [
        (pd.RangeIndex(2), ""),
        (pd.Index([5, 3]), ""),  # what is left after rows were filtered or shuffled
        (pd.Index(["a", "b"]), "the index of the DataFrame is left out; data.reset_index() makes it a column"),
        (pd.Index([1, 2], name="day"), "the index 'day' of the DataFrame"),
        (pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["city", None]), "the index 'city' of"),
        (pd.date_range("2020", periods=2), "the index of the DataFrame is left out"),
    ],
)
def test_an_index_that_holds_something_is_told(index, told, capsys):
    tell_index(pd.DataFrame({"x": [1, 2]}, index=index))
    assert told in capsys.readouterr().err.replace("\n", " ")
    if not told:
        tell_index(pa.table({"x": [1]}))
        assert capsys.readouterr().err == ""


TABLE = pa.table({"x": [1, 2]})


def test_a_file_stays_once_a_record_names_it_and_replaces_earlier_ones(workdir):
    folder = workdir / "run"
    for x in (1, 2):
        with kept(pa.table({"x": [x]}), folder) as file:
            (folder / "result.json").write_text(file.name)
    assert sorted(each.name for each in folder.iterdir()) == [file.name, "result.json"]


@pytest.mark.parametrize("error", [DataError("no"), KeyboardInterrupt()])
def test_what_fails_before_there_is_a_record_leaves_nothing(workdir, error):
    with pytest.raises(type(error)), kept(TABLE, workdir / "outputs" / "today"):
        raise error
    assert [*workdir.iterdir()] == []


def test_what_fails_afterwards_keeps_its_file(workdir):
    with pytest.raises(KeyboardInterrupt), kept(TABLE, workdir / "sweep") as file:
        interrupt_after(lambda: (workdir / "sweep" / "sweep.json").write_text(f"data.path={file}"))
    assert file.is_file()


def interrupt_after(write):
    write()
    raise KeyboardInterrupt


def test_files_of_others_and_of_an_earlier_run_stay_when_a_run_fails(workdir):
    with kept(TABLE, workdir) as earlier:
        (workdir / "result.json").write_text(earlier.name)
    theirs = workdir / "frame-0123456789ab.parquet"  # not the name that its content gives
    theirs.write_text("mine")
    with pytest.raises(DataError), kept(pa.table({"x": [3]}), workdir):
        raise DataError("no")
    assert {*workdir.glob("*.parquet")} == {earlier, theirs}
    with kept(pa.table({"x": [4]}), workdir) as file:
        pass
    assert {*workdir.glob("*.parquet")} == {file, theirs}


def test_a_folder_that_cannot_be_written_is_named(workdir):
    (workdir / "file").write_text("")
    with pytest.raises(RunFolderError, match=r"cannot write the DataFrame to '.*file/run': .*; set hydra.run.dir"):
        write_table(TABLE, workdir / "file" / "run")


FRAME = pd.DataFrame({"zone": pd.Categorical([1, 2]), "rooms": [1, 2], "price": [1.5, 2]})


def words_of(*words, data=None, target=None, kind="run"):
    with command_words(words, data, target, kind) as given:
        return given


def test_a_dataframe_becomes_the_overrides_of_its_file(workdir):
    data, name, target, path, folder, categories = words_of(data=FRAME, target="price")
    assert (data, target, categories) == ("data=csv", "data.target=price", "data.categorical=[zone]")
    assert name == "data.name=DataFrame", "its file is named by a hash"
    assert name not in words_of("data.name=houses", data=FRAME, target="price")
    assert path.startswith(f"data.path={workdir}/outputs/")
    assert folder in f"hydra.run.dir={path.removeprefix('data.path=').rpartition('/')[0]}"


@pytest.mark.parametrize("kind", ["run", "sweep"])
def test_the_folder_is_the_one_that_the_caller_names(workdir, kind):
    words = words_of(f"hydra.{kind}.dir=here", "model=rf,gbr", data=FRAME, target="price", kind=kind)
    assert f"hydra.{kind}.dir={workdir}/here" in words
    assert any(word.startswith(f"data.path={workdir}/here/frame-") for word in words)


def test_a_caller_who_names_the_roles_is_not_overruled():
    words = words_of("data.numeric=[zone,rooms]", data=FRAME, target="price")
    assert not any(word.startswith("data.categorical") for word in words)


def test_a_path_is_taken_as_it_is(workdir):
    assert words_of("model=rf", data="my houses.csv", target=2011) == [
        "model=rf", "data=csv", 'data.path="my houses.csv"', 'data.target="2011"'
    ]  # fmt: skip
    assert words_of(data=workdir / "houses.csv") == ["data=csv", f"data.path={workdir}/houses.csv"]


@pytest.mark.parametrize(
    ("words", "given", "message"),
    [
        (("data=daily",), {"data": FRAME}, r"data is given twice: as data=\.\.\. and as 'data=daily'; leave one"),
        (("data.path=x.csv",), {"data": FRAME}, r"data is given twice: .*'data.path=x.csv'"),
        (("+data.path=x.csv",), {"data": "y.csv"}, r"data is given twice"),
        (("data.target=x",), {"target": "y"}, r"target is given twice: as target=\.\.\. and as 'data.target=x'"),
        ((), {"data": FRAME, "target": FRAME["price"]}, r"target is a Series; it should be the name of a column .*data\.assign\(price="),
        ((), {"target": True}, r"target is a bool"),
        ((FRAME,), {}, r"an override should be text, such as 'model=rf', and this is a DataFrame; give a table as data="),
        (("model rf",), {"data": FRAME}, r"cannot read the override 'model rf'"),
        (("hydra.nosuch=1",), {"data": FRAME}, r"unknown key 'hydra.nosuch'|Could not override"),
    ],
)  # fmt: skip
def test_what_is_given_wrongly_is_said_before_anything_is_stored(words, given, message, workdir):
    with pytest.raises(ConfigError, match=message):
        words_of(*words, **given)
    assert [*workdir.iterdir()] == []


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (FRAME, "the DataFrame has no rows; the DataFrame lacks x; https://***@host/"),
        ("houses.csv", "houses.csv has no rows; 'houses.csv' lacks x; https://***@host/"),
    ],
)
def test_an_error_names_the_dataframe_and_holds_no_secret(data, told):
    with pytest.raises(DataError) as error, as_file(data) as file:
        raise DataError(f"{file.path} has no rows; {file.path!r} lacks x; https://me:secret@host/")
    assert str(error.value) == told
