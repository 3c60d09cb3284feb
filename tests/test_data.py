import hashlib
import os
import re
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pandas as pd
import pytest

from bikeml.errors import DataError
from bikeml.table.data import read_table
from bikeml.table.datasets import DAILY_SHA256
from bikeml.table.problems import Tolerance
from bikeml.table.reading.cells import GAPS
from tests.conftest import DAILY, config_of

NO_GAPS = Tolerance()


def read(path="table.csv", *overrides, tolerance=NO_GAPS):
    columns = ("data.target=y", "data.numeric=[a,b]", "data.categorical=[]")
    return read_table(config_of("data=csv", f"data.path={path}", *columns, *overrides), tolerance)


def test_the_embedded_table_is_the_published_one_byte_for_byte():
    content = DAILY.read_bytes()
    assert len(content) == 48_800
    assert hashlib.sha256(content).hexdigest() == DAILY_SHA256


def test_the_licence_and_citation_stand_beside_the_table():
    text = DAILY.with_name("LICENSE-DATA.md").read_text()
    assert "CC BY 4.0" in text
    assert "Fanaee-T" in text
    assert DAILY_SHA256 in text


def test_the_embedded_table_fits_its_description():
    table = read_table(config_of(), Tolerance())
    assert table.sha256 == DAILY_SHA256
    assert table.X.shape == (731, 10)
    assert list(table.X.columns[:2]) == ["season", "mnth"]
    assert table.dates.iloc[-1] == pd.Timestamp("2012-12-31")


def test_features_stand_in_table_order_whatever_the_config_says(workdir):
    (workdir / "table.csv").write_text("b,y,a\n1,2,3\n4,5,6\n")
    assert list(read().X.columns) == ["b", "a"]


def test_a_table_is_read_from_a_url(workdir):
    (workdir / "table.csv").write_bytes(b"a,b,y\n1,2,3\n4,5,6\n")
    handler = partial(QuietHandler, directory=str(workdir))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        table = read(f"'http://127.0.0.1:{server.server_port}/table.csv?sig=hush'")
        with pytest.raises(DataError, match=r"cannot read 'http://127.0.0.1:\d+/none.csv': .*not found"):
            read(f"http://127.0.0.1:{server.server_port}/none.csv")
        server.shutdown()
    assert table.y.tolist() == [3, 6]
    assert table.name == "table"
    assert "hush" not in table.source


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        """Say nothing."""


BAD_CONTENT = {
    "empty": (b"", [], r"table.csv is empty; it needs a line of column names"),
    "only blanks": (b"\n\n", [], r"table.csv is empty"),
    "header only": (b"a,b,y\n", [], r"it has no rows"),
    "wrong separator": (
        b"a;b;y\n1;2;3\n",
        ["data.separator=','"],
        r"one column, 'a;b;y', and needs two, a target and a feature; if its values are separated by ';', set 'data.sep",
    ),
    "tabs": (b"a\tb\ty\n1\t2\t3\n", ["data.separator=','"], r"separated by '\\t'"),
    "missing column": (b"a,bb,y\n1,2,3\n4,5,6\n", [], r"no column 'b' for data.numeric; did you mean 'bb'"),
    "missing target": (b"a,b,z\n1,2,3\n4,5,6\n", [], r"no column 'y' for data.target"),
    "unknown allowed": (b"a,b,y\n1,2,3\n4,5,6\n", ["+data.allowed.c=[1]"], r"no column 'c' for data.allowed"),
    "duplicate columns": (b"a,b,a,y\n1,2,3,4\n5,6,7,8\n", [], r"columns of the same name: \['a'\]; rename"),
    "long line": (b"a,b,y\n1,2,3\n4,5,6\n7,8,9,10\n", [], r"not a table: .*line 4"),
    "every line long": (b"a,b,y\n1,2,3,4\n4,5,6,7\n", [], r"not a table"),
    "short line": (b"a,b,y\n1,2,3\n4,5,6\n7,8\n", ["data.missing_target=refuse"], r"column 'y' is missing in row 3"),
    "open quote": (b'a,b,y\n1,2,3\n4,"5,6\n', [], r"not a table: .*EOF inside string"),
    "text in numbers": (b"a,b,y\n1,2,3\nx,5,6\n", [], r"column 'a' is not a number in row 2: 'x'; .*data.categorical"),
    "mixed target": (b"a,b,y\n1,2,3\n4,5,many\n", [], r"column 'y' is not a number in row 2: 'many'"),
    "missing value": (
        b"a,b,y\n1,2,3\n,5,6\n7,8,9\n",
        [],
        r"column 'a' is missing in row 2; choose preprocessing=auto, which fills gaps",
    ),
    "infinite": (b"a,b,y\n1,2,3\ninf,5,6\n", [], r"column 'a' is infinite in row 2: inf"),
    "infinite target": (b"a,b,y\n1,2,3\n4,5,-inf\n", [], r"column 'y' is infinite in row 2: -inf"),
    "not allowed": (
        b"a,b,y\n1,2,3\n9,5,6\n",
        ["+data.allowed.a=[1,2]"],
        r"'a' is not allowed in row 2: 9; data.allowed has ",
    ),
    "constant target": (b"a,b,y\n1,2,3\n4,5,3\n", [], r"target 'y' is .*3.* in every row; there is nothing to learn"),
    "latin-1": (
        "a,b,y\n1,2,3\né,5,6\n".encode("latin-1"),
        ["data.encoding=utf-8"],
        r"table.csv is not utf-8: .*set data.encoding, such as latin-1",
    ),
    "latin-1 header": ("á,b,y\n1,2,3\n".encode("latin-1"), ["data.encoding=utf-8"], r"is not utf-8"),
    "utf-16": (
        "a,b,y\n1,2,3\n".encode("utf-16"),
        ["data.encoding=utf-8"],
        r"not a text file; .*mark says utf-16: set data.encoding=auto",
    ),
    "a spreadsheet": (b"PK\x03\x04....", [], r"not a text file; save the table as CSV"),
    "two date formats": (
        b"a,b,d,y\n1,2,2011-01-01,3\n4,5,1/2/2011,6\n",
        ["data.date=d"],
        r"column 'd' is not a date in row 2: '1/2/2011'; set data.date_format",
    ),
    "missing date": (b"a,b,d,y\n1,2,2011-01-01,3\n4,5,,6\n", ["data.date=d"], r"column 'd' is missing in row 2"),
    "text category": (
        b"a,b,c,y\n1,2,red,3\n4,5,blue,6\n",
        ["data.categorical=[c]"],
        r"column 'c' is not a number in row 1: 'red', row 2: 'blue'; choose preprocessing=auto",
    ),
    "a header without end": (b"a" * 200_000 + b",b\n", [], r"not a table: line 1: field larger"),
    "a bad date format": (
        b"a,b,d,y\n1,2,2011-01-01,3\n4,5,2011-01-02,6\n",
        ["data.date=d", "data.date_format=%Q"],
        r"data.date_format='%Q' is not a date format: .*write one such as",
    ),
    "a directive twice": (
        b"a,b,d,y\n1,2,2011-01-01,3\n4,5,2011-01-02,6\n",
        ["data.date=d", "data.date_format='%d %d'"],
        r"data.date_format='%d %d' is not a date format: redefinition of group name 'd' .*write one such as",
    ),
    "text beside a gap": (
        b"a,b,c,y\n1,2,x,3\n,5,z,6\n",
        ["data.categorical=[c]"],
        r"column 'c' is not a number in .*; choose preprocessing=auto, which fills gaps and encodes text",
    ),
    "missing category": (b"a,b,c,y\n1,2,,3\n4,5,1,6\n", ["data.categorical=[c]"], r"column 'c' is missing in row 1"),
}


@pytest.mark.parametrize("case", BAD_CONTENT)
def test_a_table_that_does_not_fit_is_refused(case, workdir):
    content, overrides, message = BAD_CONTENT[case]
    (workdir / "table.csv").write_bytes(content)
    with pytest.raises(DataError, match=message):
        read("table.csv", *overrides)


def test_every_problem_is_named_at_once(workdir):
    (workdir / "table.csv").write_text("a,c,y\nx,1,5\n,2,5\n")
    with pytest.raises(DataError) as caught:
        read("table.csv", "+data.allowed.c=[1]")
    message = str(caught.value)
    for part in (
        "no column 'b'",
        "'a' is missing in row 2",
        "'a' is not a number in row 1",
        "'c' is not allowed",
        "every row",
    ):
        assert part in message
    assert "the table has the columns ['a', 'c', 'y']; data=csv without lists" in message


def test_many_bad_cells_are_counted(workdir):
    (workdir / "table.csv").write_text("a,b,y\n" + "x,1,2\n" * 1234 + "1,1,3\n")
    with pytest.raises(DataError, match=r"row 1: 'x', row 2: 'x', row 3: 'x' and 1,231 more"):
        read()


def test_text_categories_are_welcome_where_the_preprocessing_encodes_them(workdir):
    (workdir / "table.csv").write_text("a,b,c,y\n1,2,red,3\n4,5,blue,6\n")
    assert read("table.csv", "data.categorical=[c]", tolerance=Tolerance(text_categories=True)).X["c"].tolist() == [
        "red",
        "blue",
    ]


GAPPY = Tolerance(text_categories=True, numeric_gaps=True, categorical_gaps=True)


def test_gaps_are_welcome_where_the_pipeline_fills_them(workdir):
    (workdir / "table.csv").write_text("a,b,c,y\n,2,red,3\n4,NA,,6\n")
    X = read("table.csv", "data.categorical=[c]", tolerance=GAPPY).X
    assert X.isna().to_numpy().tolist() == [[True, False, False], [False, True, True]]


def test_a_table_is_checked_once_for_cells_that_read_it_alike(workdir):
    (workdir / "table.csv").write_text("a,b,y\n,2,3\n4,5,6\n")
    table = read(tolerance=GAPPY)
    assert read(tolerance=GAPPY) is table
    with pytest.raises(DataError, match="column 'a' is missing"):
        read(tolerance=NO_GAPS)
    assert list(read("table.csv", "data.categorical=[b]", "data.numeric=[a]", tolerance=GAPPY).X["b"]) != [2, 5]
    (workdir / "table.csv").write_text("a,b,y\n1,2,3\n4,5,6\n")
    assert read(tolerance=GAPPY).X["a"].tolist() == [1, 4]


INFERRED = "data.categories=inferred"


def test_only_an_empty_cell_is_a_gap_among_inferred_categories_of_text(workdir):
    (workdir / "table.csv").write_text("a,b,c,y\n1,2,NA,3\n4,5,None,6\n7,8,,9\n1,2,1.0,3\n4,5,red,6\n")
    levels = read("table.csv", "data.categorical=[c]", INFERRED, tolerance=GAPPY).X["c"]
    assert levels.dropna().tolist() == ["NA", "None", "1.0", "red"]


def test_categories_are_text_as_written_and_the_usual_words_are_gaps(workdir):
    (workdir / "table.csv").write_text("a,b,c,y\n1,2,01,3\n4,5,NA,6\n4,5,1,7\n4,5,1.0,7\n4,5,x y,7\n")
    levels = read("table.csv", "data.categorical=[c]", tolerance=GAPPY).X["c"]
    assert levels.fillna("gap").tolist() == ["01", "gap", "1", "1.0", "x y"]


def test_a_word_that_is_no_gap_stays_a_category(workdir):
    (workdir / "table.csv").write_text("a,b,c,y\n1,2,DE,3\n4,5,NA,6\n")
    levels = read("table.csv", "data.categorical=[c]", "data.not_gaps={c: [NA]}", tolerance=GAPPY).X["c"]
    assert levels.tolist() == ["DE", "NA"]


def test_words_for_nothing_are_gaps_among_categories_of_numbers(workdir):
    (workdir / "table.csv").write_text("a,b,c,y\n1,2,1,3\n4,5,NA,6\n")
    levels = read("table.csv", "data.categorical=[c]", INFERRED, "+data.allowed.c=[1]", tolerance=GAPPY).X["c"]
    assert levels.tolist()[0] == 1
    assert levels.isna().tolist() == [False, True]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "a,b,d,c,y\n1,2,2011-01-01,x,3\n4,5,2011-01-02,x,\n",
            r"column 'y' is missing in row 2; leave these rows out, or set data.missing_target=drop",
        ),
        ("a,b,d,c,y\n1,2,2011-01-01,x,3\n4,5,,x,6\n", r"column 'd' is missing in row 2"),
        ("a,b,d,c,y\n,2,2011-01-01,x,3\n,5,2011-01-02,x,6\n", r"column 'a' is empty in every row; leave it out"),
        ("a,b,d,c,y\n1,2,2011-01-01,,3\n4,5,2011-01-02,,6\n", r"column 'c' is empty in every row; leave it out"),
        ("a,b,d,c,y\n1,2,2011-01-01,x,3\nn.a.,5,2011-01-02,x,6\n", r"column 'a' is not a number in row 2: 'n.a.'"),
    ],
)
def test_some_gaps_are_refused_even_where_gaps_are_filled(content, message, workdir):
    (workdir / "table.csv").write_text(content)
    with pytest.raises(DataError, match=message):
        read("table.csv", "data.date=d", "data.categorical=[c]", "data.missing_target=refuse", tolerance=GAPPY)


def test_booleans_and_huge_integers_are_numbers(workdir):
    (workdir / "table.csv").write_text(f"a,b,y\nTrue,{10**30},False\nFalse,2,True\n")
    table = read()
    assert table.y.tolist() == [0.0, 1.0]
    assert table.X["b"].tolist() == [1e30, 2.0]


def test_dates_with_and_without_a_time_zone_can_be_compared(workdir):
    (workdir / "table.csv").write_text("a,b,d,y\n1,2,2011-01-01T00:00:00Z,3\n4,5,2011-01-02,6\n")
    assert read("table.csv", "data.date=d").dates.is_monotonic_increasing


def test_other_separators_and_encodings_are_read(workdir):
    (workdir / "table.csv").write_bytes("a;b;y\n1;2;3\n4;5;6\n".encode("utf-8-sig"))
    assert read("table.csv", "data.separator=';'").X.shape == (2, 2)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("none.csv", r"there is no table at 'none.csv'; set data.path"),
        (".", r"'.' is a folder; set data.path to a CSV file in it"),
        ("table.csv/below.csv", r"cannot read 'table.csv/below.csv': .*Not a directory"),
        ("pkg://bikeml.datasets/none.csv", r"there is no table at 'pkg://"),
        ("pkg://antigravity/none.csv", r"there is no table at 'pkg://"),
        ("http://127.0.0.1:1/x.csv", r"cannot read 'http://127.0.0.1:1/x.csv': .*refused"),
        ("'https://me:hush@127.0.0.1:1/x.csv'", r"cannot read 'https://\*\*\*@127.0.0.1:1/x.csv'"),
        ("ftp://host/x.csv", r"there is no table at 'ftp://host/x.csv'"),
    ],
)
def test_a_path_that_cannot_be_read_is_named(path, message, workdir):
    (workdir / "table.csv").write_text("a,b,y\n1,2,3\n")
    with pytest.raises(DataError, match=message) as caught:
        read(path)
    assert "hush" not in str(caught.value)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root and Windows read every file")
def test_a_file_without_permission_is_named(workdir):
    (workdir / "table.csv").write_text("a,b,y\n1,2,3\n")
    (workdir / "table.csv").chmod(0)
    with pytest.raises(DataError, match=re.escape("Permission denied")):
        read()


def test_a_gap_is_what_pandas_takes_for_one(workdir):
    words = "".join(f'"{word}",1,{row}\n' for row, word in enumerate([*GAPS, "2"]))
    (workdir / "table.csv").write_text("a,b,y\n" + words)
    assert pd.read_csv("table.csv")["a"].isna().sum() == len(GAPS)
    assert read(tolerance=Tolerance(numeric_gaps=True)).X["a"].isna().sum() == len(GAPS)


def test_rows_without_a_target_are_left_out_and_counted(workdir):
    (workdir / "table.csv").write_text("a,b,y\n1,2,\n4,5,6\n7,8,NA\n7,8,9\n")
    table = read()
    assert table.y.tolist() == [6, 9]
    assert table.rows.tolist() == [1, 3]
    assert list(table.X.index) == [0, 1]
    assert table.notes == ["2 of 4 rows have no 'y' and are left out"]


def test_a_problem_names_the_row_of_the_file_although_rows_are_left_out(workdir):
    (workdir / "table.csv").write_text("a,b,y\n1,2,\n4,5,6\n7,x,9\n")
    with pytest.raises(DataError, match=r"column 'b' is not a number in row 3: 'x'"):
        read()


def test_a_table_without_a_named_target_says_which_columns_it_has(workdir):
    (workdir / "table.csv").write_text("a,b,y\n1,2,3\n4,5,6\n")
    with pytest.raises(
        DataError, match=r"needs a target, the column to predict; it has \['a', 'b', 'y'\]; set data.targ"
    ):
        read_table(config_of("data=csv", "data.path=table.csv"), GAPPY)


def test_the_same_gap_in_many_columns_is_one_line(workdir):
    names = [f"c{number}" for number in range(9)]
    (workdir / "table.csv").write_text(
        ",".join([*names, "y"]) + "\n" + ",".join("1" * 9 + "5") + "\n" + "," * 9 + "6\n"
    )
    with pytest.raises(
        DataError, match=r"9 columns have gaps: 'c0' \(1\), .*'c5' \(1\) and 3 more; choose preprocessing=auto, which"
    ):
        read("table.csv", f"data.numeric=[{','.join(names)}]")


def test_columns_decide_themselves_from_the_training_rows_in_the_order_of_the_table(workdir):
    rows = [f"{i},{i % 7}.5,{'ab'[i % 2]},${i * i % 101}" for i in range(1, 81)]
    (workdir / "table.csv").write_text("\n".join(["n,a,b,y", *rows]))
    table = read_table(config_of("data=csv", "data.path=table.csv", "data.target=y"), GAPPY)
    assert (table.data.numeric, table.data.categorical, table.data.ignored) == (["a"], ["b"], ["n"])
    assert table.notes == [
        "'y': '$' beside its numbers is their unit",
        "columns  1 numeric, 1 categorical; left out: n (row numbers)",
    ]
    assert table.y[:3].tolist() == [1, 4, 9]
