"""Tables as they come: what is found by looking at a file, and what is read then."""

import bz2
import csv
import gzip
import io
import json
import lzma
import os
import time
import tracemalloc
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import feather, parquet

from bikeml.config.data import DataConfig
from bikeml.errors import DataError
from bikeml.table.reading import table_file
from bikeml.table.reading.dialect import find_dialect
from bikeml.table.reading.table_file import open_table_file, read_table_file
from bikeml.table.reading.text import iter_text
from tests.conftest import DAILY

UNSTATED = {
    "numeric": "auto",
    "categorical": "auto",
    "date": "auto",
    "text": "auto",
    "ignored": "auto",
    "separator": "auto",
    "encoding": "auto",
    "decimal": "auto",
    "thousands": "auto",
}


def iter_table_file(data, columns):
    """Yield some rows of a table at a time, as predicting reads them."""
    with open_table_file(data) as file:
        yield from file.read(columns)


def data_of(path, **keys):
    """Return the config of a table of which nothing is known but its path."""
    missing = {"name": None, "target": "y", "missing_target": "drop", "date_format": None, "allowed": {}}
    return DataConfig(path=str(path), **{**missing, **UNSTATED, **keys})


def test_a_device_is_no_table_since_it_may_never_end():
    with pytest.raises(
        DataError, match="cannot read '/dev/zero': it is a device, which may never end; name a file or a pipe"
    ):
        read_table_file(data_of("/dev/zero"))


@pytest.fixture
def read(workdir):
    """Write a file and read it."""

    def write_and_read(content, name="table.csv", **keys):
        (workdir / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_table_file(data_of(name, **keys))

    return write_and_read


def found(table):
    return table.data.separator, table.data.encoding, table.data.decimal, table.data.thousands


def rows(table):
    return [list(row.values()) for row in table.cells.to_pylist()]


def test_a_usual_table_is_text_as_written_and_tells_nothing(read):
    table = read("a,b,y\n01,NA,1.10\n1,,null\n")
    assert table.cells.to_pydict() == {"a": ["01", "1"], "b": ["NA", None], "y": ["1.10", "null"]}
    assert found(table) == (",", "utf-8", ".", None)
    assert table.notes == ()


def test_what_is_stated_is_not_looked_for(read):
    table = read("a;b,c\n1;2,3\n", separator=",", encoding="latin-1", decimal=",", thousands=None)
    assert table.cells.column_names == ["a;b", "c"]
    assert found(table) == (",", "latin-1", ",", None)


SEPARATORS = {
    "semicolons and decimal commas": ("a;b;y\n1,5;2;3,25\n4,5;5;6,75\n", ";"),
    "decimal commas in every cell, without a header": ("1,5;2,5;3,5\n4,5;5,5;6,5\n", ";"),
    "tabs": ("a\tb\ty\n1\t2\t3\n", "\t"),
    "bars": ("a|b|y\n1|2|3\n", "|"),
    "bars within the cells of a comma table": ("id,title,genres\n1,Toy,A|B|C\n2,Jumanji,A|C\n3,Heat,A|B|C\n", ","),
    "a comma in each name": ("id;name;y\n1;Doe, Jane;3\n2;Roe, Rick;4\n", ";"),
    "lists in brackets": ("id;a;b;c\n1;62.25;['345'];['10']\n4;46.50;['112', '112'];['765', '766']\n", ";"),
    "a tab in quotes": ('Surname;First;Year\n"\tDoe;Jane"\t;1971;1\n', ";"),
    "line breaks in quotes": (
        'id,comment,y\n1,"line one\nline; two",2\n2,normal,3\n3,"has ""quotes"" inside",4\n',
        ",",
    ),
    "quotes after a blank": ('column1,column2\n0, "a, b"\n', ","),
    "times with blanks": ("when,y\n2020-01-01 10:00:00,1\n2020-01-01 11:00:00,2\n", ","),
    "blanks": ("a b y\n1 2 3\n4 5 6\n", " "),
    "many blanks, also at both ends": ("  a    b y \n 10    2 3 \n  4 5555 6\n", " "),
    "a header alone": ("a;b;y\n", ";"),
    "a line for Excel": ("sep=|\na|b,c|y\n1|2,3|3\n", "|"),
    "a trailing separator": ("a;b;y;\n1;2;3;\n4;5;6;\n", ";"),
    "a trailing separator in the rows alone": ("a;b;y\n1;2;3;\n4;5;6;\n", ";"),
    "few rows that are short": ("a\tb\ty\n1\t2\t3\n4\n5\t6\t7\n8\t9\t10\n", "\t"),
    "words like separators": ("first name,last, name\nAnna Maria,x y,1\n", ","),
}


@pytest.mark.parametrize("case", SEPARATORS)
def test_the_separator_is_found(read, case):
    content, separator = SEPARATORS[case]
    table = read(content, header="without a header" not in case)
    assert table.data.separator == separator
    assert table.cells.num_columns > 1
    assert any("separator" in note for note in table.notes) == (separator != ",")


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_one_table_is_read_alike_with_every_separator(read, separator):
    cells = [
        ["a", "b", "y"],
        ["x, y", "1", "2"],
        ['say "a"', "3;4", "5"],
        ["a|b\tc", "", "6"],
        ["two\nlines", "7", "8"],
    ]
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=separator).writerows(cells)
    table = read(text.getvalue())
    assert [table.cells.column_names, *rows(table)] == [[cell or None for cell in row] for row in cells]


ENCODINGS = {
    "a byte order mark": ("utf-8-sig", "utf-8", False),
    "utf-8": ("utf-8", "utf-8", False),
    "Windows": ("cp1252", "cp1252", True),
    "utf-16": ("utf-16", "utf-16", True),
    "utf-32": ("utf-32", "utf-32", True),
}


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("case", ENCODINGS)
def test_the_encoding_is_found(read, case, ends):
    written, encoding, is_told = ENCODINGS[case]
    table = read(ends.join(["größe,ort,y", "1,Zürich,2", "3,Genève,4", ""]).encode(written))
    assert table.cells.to_pydict() == {"größe": ["1", "3"], "ort": ["Zürich", "Genève"], "y": ["2", "4"]}
    assert (table.data.encoding, bool(table.notes)) == (encoding, is_told)


@pytest.mark.slow
def test_the_first_foreign_letter_may_be_far_down(read):
    content = ("a,y\n" + "x,1\n" * 300_000).encode()
    assert read(content + "Zürich,2\n".encode("cp1252")).cells["a"][-1].as_py() == "Zürich"
    table = read(content + "Zürich,2\n".encode())
    assert (table.cells["a"][-1].as_py(), table.data.encoding) == ("Zürich", "utf-8")


def test_the_last_byte_may_be_the_only_foreign_letter(read):
    assert read("y,a\n1,Renè".encode("latin-1")).cells["a"].to_pylist() == ["Renè"]


def test_a_letter_at_the_edge_of_the_sample_is_whole(read):
    for n in range(4):
        content = "a,y\n" + "x" * (2**20 - 4 - n) + "éé,1\n"
        assert read(content).data.encoding == "utf-8"


def test_damage_in_utf8_is_not_taken_for_another_encoding(read):
    with pytest.raises(DataError, match=r"table.csv is not utf-8: .*0xff.*; set data.encoding"):
        read(b"a,y\n" + "Zürich,1\n".encode() * 9 + b"\xff,2\n")
    assert read(b"a,y\n" + "Zürich,1\n".encode() * 9 + b"\xff,2\n", encoding="cp1252").cells["a"][9].as_py() == "ÿ"


SIGNS = {
    # rows of a table separated by semicolons; what they say
    "decimal commas": (["1,5;2", "0,25;3"], ",", None),
    "both signs": (["1.234,5;2"], ",", "."),
    "both signs, the other way": (["1,234.5;2"], ".", ","),
    "thousands of points in one column, decimal commas in another": (["2.155;19,47", "546;9,2"], ",", "."),
    "millions": (["1.234.567;2"], ",", "."),
    "apostrophes": (["1'234.50;2", "999.00;3"], ".", "'"),
    "blanks": (["1 234;2,5", "12;3,0"], ",", " "),
    "narrow blanks": (["1\u202f234;2,5"], ",", "\u202f"),
    "Indian": (["12,34,567;2.5"], ".", ","),
    "money": (["€ 1.234,50;2", "€ 0,99;3"], ",", "."),
    "units": (["70,00 CHF;2"], ",", None),
    "a currency before": (["CHF 1'234.50;2", "CHF 70.00;3"], ".", "'"),
    "codes with a comma": (["TP53,5;2", "TP5,3;1"], ".", None),
    "percent and brackets": (["45,5 %;(3,1)"], ",", None),
    "points alone": (["1.5;2", "0.25;3"], ".", None),
    "three decimals": (["1.234;2", "0.250;3"], ".", None),
    "only groups of points": (["1.234;2", "5.678;3"], ".", None),
    "dates": (["01.02.2020;2", "31.12.2020;3"], ".", None),
    "addresses": (["192.168.1.1;2", "10.0.0.1;3"], ".", None),
    "versions": (["1.10.2;2"], ".", None),
    "telephones": (["044 123 456;2", "079 987 654;3"], ".", None),
    "words with commas": (["red, 5;2", "blue, 6;3"], ".", None),
    "mostly words": (["a;2", "b;3", "c;4", "1,5;5"], ".", None),
    "exponents": (["1,5e-3;2"], ",", None),
    "gap words among numbers": (["1,5;2", "NA;3", "2,5;3"], ",", None),
    "a gap of digits": (["1,5;2", "-999;3"], ",", None),
    "signs": (["-1,5;+2", "\N{MINUS SIGN}0,5;3"], ",", None),
    "without a zero": ([",5;2", "-,25;3"], ",", None),
}


@pytest.mark.parametrize("case", SIGNS)
def test_the_signs_in_numbers_are_found(read, case):
    lines, decimal, thousands = SIGNS[case]
    table = read("\n".join(["a;y", *lines, ""]))
    assert found(table) == (";", "utf-8", decimal, thousands)
    told = [f"decimal {decimal!r}"] * (decimal == ",") + [f"thousands {thousands!r}"] * (thousands is not None)
    assert table.notes == ("read as: " + ", ".join(["separator ';'", *told]),)
    assert [";".join(row) for row in rows(table)] == lines  # cells stay as written


IN_QUOTES = {
    "thousands": (['"2,590",10', '"7,770",78'], ".", ","),
    "millions": (['"1,234,567",1'], ".", ","),
    "decimal": (['"2523,00",1', '"2143,50",2'], ",", None),
    "a longer number without a comma beside it": (['"1,234",1', "5678,2"], ".", None),
    "three decimals in another column": (['"1,5",1.234'], ",", None),
    "pairs of coordinates": (['"46.2,7.1",1', '"47.3,8.5",2'], ".", None),
    "choices, some of them two": (["23,8", "41,52", '"2,3",4', "26,1", '"24,5",3'], ".", None),
    "a leading zero": (['"0,234,567",1'], ".", None),
    "lists": (['"1,2,3",1', '"4,5",2'], ".", None),
}


@pytest.mark.parametrize("case", IN_QUOTES)
def test_a_comma_of_a_comma_table_stands_in_quotes(read, case):
    lines, decimal, thousands = IN_QUOTES[case]
    assert found(read("\n".join(["a,y", *lines, ""]))) == (",", "utf-8", decimal, thousands)


def test_a_comma_that_may_be_either_is_told_and_not_decided(read):
    table = read("a;y\n1,234;2\n5,678;3\n")
    assert found(table) == (";", "utf-8", ".", None)
    assert table.notes[1:] == ("a comma in 'a' may be decimal or between thousands; set data.decimal",)
    assert found(read("a;y\n1,234;2\n", decimal="."))[2:] == (".", ",")
    assert found(read("a;y\n1,234;2\n", decimal=","))[2:] == (",", None)
    assert found(read("a;y\n1,234;2\n", decimal=",", thousands="."))[2:] == (",", ".")


def test_the_more_frequent_sign_of_contradicting_columns_is_taken_and_told(read):
    table = read("price;rent;lat;y\n1,5;2,5;46.25;1\n2,5;1,5;47.5;2\n")
    assert found(table)[2:] == (",", None)
    advice = "the decimal sign is ',' in 'price' and '.' in 'lat'; the more frequent one is taken, or set data.decimal"
    assert table.notes[1:] == (advice,)
    assert found(read("price;rent;lat;y\n1,5;2.5;46.25;1\n2,5;1.5;47.5;2\n"))[2:] == (".", None)


SHAPES = {
    "blanks after separators": (
        'a, b, y\n1, "x, y", 3\n  4,5 ,6\n',
        [["a", "b", "y"], ["1", "x, y", "3"], ["4", "5 ", "6"]],
    ),
    "blanks in quotes stay": ('a, y\n" b", 1\n', [["a", "y"], [" b", "1"]]),
    "comments": ("# made by x\n#\n\n# on Monday, early\na,y\n1,2\n", [["a", "y"], ["1", "2"]]),
    "a header that begins with #": ("#id,y\n1,2\n", [["#id", "y"], ["1", "2"]]),
    "comments and a header that begins with #": ("# made by x, y\n#id,y\n1,2\n", [["#id", "y"], ["1", "2"]]),
    "a number sign among the rows": ("a,y\n#1,2\n#2,3\n", [["a", "y"], ["#1", "2"], ["#2", "3"]]),
    "a quote in a comment": ('# of 5" pipes\na,y\n1,2\n', [["a", "y"], ["1", "2"]]),
    "lines of separators above": (";;\n;;\na;b;y\n1;2;3\n", [["a", "b", "y"], ["1", "2", "3"]]),
    "R's numbers of rows": ('"a" "y"\n"1" 5 6\n"2" 7 8\n', [["column_1", "a", "y"], ["1", "5", "6"], ["2", "7", "8"]]),
    "R's names of rows": (
        "mpg,y\nMazda,5,6\nFiat,7,8\n",
        [["column_1", "mpg", "y"], ["Mazda", "5", "6"], ["Fiat", "7", "8"]],
    ),
    "a name like the beginning of a Parquet file": ("PAR1,y\n1,2\n", [["PAR1", "y"], ["1", "2"]]),
    "a name like the beginning of a bzip2 file": ("BZh,y\n1,2\n", [["BZh", "y"], ["1", "2"]]),
    "empty lines": ("\n\n  \na,y\n\n1,2\n \n3,4\n\n\n", [["a", "y"], ["1", "2"], ["3", "4"]]),
    "an empty last column": ("a,y,\n1,2,\n3,4,\n", [["a", "y"], ["1", "2"], ["3", "4"]]),
    "two empty last columns": ("a,y,,\n1,2,,\n3,4,,\n", [["a", "y"], ["1", "2"], ["3", "4"]]),
    "a separator at the end of the rows": ("a,y\n1,2,\n3,4,,\n", [["a", "y"], ["1", "2"], ["3", "4"]]),
    "a separator at the end of numbered rows": ("id,y\n1,5,\n2,6,\n", [["id", "y"], ["1", "5"], ["2", "6"]]),
    "a separator at the end of named rows": ("id,y\na,5,\nb,6,\n", [["id", "y"], ["a", "5"], ["b", "6"]]),
    "a last column without a name": ("a,y,\n1,2,x\n", [["a", "y", "column_3"], ["1", "2", "x"]]),
    "a first column without a name": ('"",a,y\n"1",2,3\n', [["column_1", "a", "y"], ["1", "2", "3"]]),
    "a name that is taken": (",column_1,y\n1,2,3\n", [["column_1", "column_1_2", "y"], ["1", "2", "3"]]),
    "a line break in a name": ('"a\n(cm)",y\n1,2\n', [["a\n(cm)", "y"], ["1", "2"]]),
    "a line break and a doubled quote in a cell": ('a,y\n"1 ""x""\n2",3\n', [["a", "y"], ['1 "x"\n2', "3"]]),
    "a quote within a cell": ('a,y\n5" pipe,2\n6" pipe,3\n', [["a", "y"], ['5" pipe', "2"], ['6" pipe', "3"]]),
    "one quote within a cell": ('a,y\n5" pipe,2\n', [["a", "y"], ['5" pipe', "2"]]),
    "short rows": ("a,b,y\n1\n2,3\n4,5,6\n", [["a", "b", "y"], ["1", None, None], ["2", "3", None], ["4", "5", "6"]]),
    "an empty cell in quotes": ('a,y\n"",1\n', [["a", "y"], [None, "1"]]),
    "a row of separators": ("a,y\n1,2\n,\n", [["a", "y"], ["1", "2"], [None, None]]),
    "no end of the last line": ("a,y\n1,2", [["a", "y"], ["1", "2"]]),
    "odd line ends": ("a,y\n1,x\u2028z\n3,\x0b\x1c\n", [["a", "y"], ["1", "x\u2028z"], ["3", "\x0b\x1c"]]),
    "three names alike": ("a,a,a_2,a,y\n1,2,3,4,5\n", [["a", "a_3", "a_2", "a_4", "y"], ["1", "2", "3", "4", "5"]]),
    "several blanks": ("a   b y\n1   2 3\n44 55 6\n", [["a", "b", "y"], ["1", "2", "3"], ["44", "55", "6"]]),
    "single blanks with an empty cell": ("a b y\n1  3\n4 5 6\n", [["a", "b", "y"], ["1", None, "3"], ["4", "5", "6"]]),
    "blanks and quotes": ('"a" "b c" y\n1 "x  y"  3\n', [["a", "b c", "y"], ["1", "x  y", "3"]]),
}


@pytest.mark.parametrize("case", SHAPES)
def test_odd_shapes_are_read(read, case):
    content, expected = SHAPES[case]
    table = read(content)
    assert [table.cells.column_names, *rows(table)] == expected


@pytest.mark.parametrize("case", SHAPES)
def test_predict_reads_what_training_read(workdir, read, case):
    table = read(SHAPES[case][0])
    chunks = list(iter_table_file(table.data, table.cells.column_names))
    assert pa.concat_tables(chunks).to_pydict() == table.cells.to_pydict()


def test_names_with_blanks_around_are_found_as_an_earlier_version_had_them(read):
    stated = {"separator": ",", "encoding": "utf-8", "decimal": ".", "thousands": None}
    table = read("a, b, y\n1, x, 3\n", target=" y", numeric=["a"], categorical=[" b"], date=None, **stated)
    assert table.cells.to_pydict() == {"a": ["1"], " b": [" x"], " y": [" 3"]}


def test_a_table_without_a_header_has_columns_by_position(read):
    table = read("1,2,3\n4,5,6\n", header=False)
    assert table.cells.to_pydict() == {"column_1": ["1", "4"], "column_2": ["2", "5"], "column_3": ["3", "6"]}
    assert read("1,2,3\n4,5,6\n").notes == (
        "every column name is a number; if the first line is a row, set data.header=false",
    )


def test_lines_above_the_header_are_skipped(read):
    content = "Sales, of all shops\nMade on Monday\n\na,b,y\n1,2,3\n"
    assert rows(read(content, skip_rows=2)) == [["1", "2", "3"]]
    with pytest.raises(DataError, match=r"is empty"):
        read("a,b\n1,2\n", skip_rows=9)


def test_a_title_above_the_header_is_told_with_the_cure(read):
    content = "Sales of 2019\n\na,b,y\n1,2,3\n4,5,6\n"
    with pytest.raises(DataError, match=r"has one column, 'Sales of 2019', .*data.skip_rows=2"):
        read(content)
    assert rows(read(content, skip_rows=2)) == [["1", "2", "3"], ["4", "5", "6"]]
    with pytest.raises(
        DataError, match=r"line 2 has 3 cells, and the header has 2; set data.skip_rows=1 if it has the"
    ):
        read("Sales, of 2019\na,b,y\n1,2,3\n")


TWINS = "a,b,a,y\n1,2,3,4\n"


def test_columns_of_one_name_are_numbered_and_told(read):
    table = read(TWINS)
    assert table.cells.to_pydict() == {"a": ["1"], "b": ["2"], "a_2": ["3"], "y": ["4"]}
    assert table.notes == ("columns of the same name are numbered: 'a_2'",)
    decided = data_of("table.csv", numeric=["a", "b"], categorical=[], date=None, text=[], ignored=["a_2"])
    assert read_table_file(decided).cells == table.cells
    assert next(iter_table_file(decided, ["a", "b"])).to_pydict() == {"a": ["1"], "b": ["2"]}


@pytest.mark.parametrize("keys", [{"target": "a"}, {"numeric": ["a"]}, {"allowed": {"a": [1]}}])
def test_a_name_that_two_columns_have_is_refused_if_it_is_named(read, keys):
    with pytest.raises(
        DataError, match=r"columns of the same name: \['a'\]; rename all but one of each, or list \['a_2'\]"
    ):
        read(TWINS, **keys)


TOTALS = {
    "sums": ("kind,n,y\na,1,2.5\nb,2,3\nc,3,4\nTotal,6,9.5\n", True),
    "sums and gaps": ("kind,n,y\na,1,2.5\nb,,3\nc,3,4\nTOTAL:,,9.5\n", True),
    "another figure": ("kind,n,y\na,1,2.5\nb,2,3\nc,3,4\nTotal,6,9\n", False),
    "words": ("kind,n,y\na,x,2.5\nb,y,3\nc,z,4\nTotal,x,9.5\n", False),
    "two rows": ("kind,n,y\na,1,1\nTotal,1,1\n", False),
}


@pytest.mark.parametrize("case", TOTALS)
def test_a_line_of_totals_is_left_out_if_it_is_certain_and_told(read, case):
    content, is_certain = TOTALS[case]
    table = read(content)
    assert len(table.cells) == content.count("\n") - 1 - is_certain
    assert ("is left out" in table.notes[0]) == is_certain


def test_a_total_elsewhere_is_a_row_like_others(read):
    table = read("kind,y\nTotal,1\nb,2\nc,3\n")
    assert (len(table.cells), table.notes) == (3, ())
    table = read("kind,y\nTotal,1\nb,2\nc,3\nTotal,6\n")
    assert (len(table.cells), table.notes) == (4, ())


BAD = {
    "empty": (b"", r"table.csv is empty; it needs a line of column names"),
    "blank lines": (b"\n \n\r\n", r"table.csv is empty"),
    "comments alone": (b"# a\n# b\n", r"table.csv is empty"),
    "a long row": (b"a,b,y\n1,2,3\n4,5,6\n7,8,9,10\n", r"not a table: line 4 has 4 cells, and the header has 3"),
    "long rows alone": (b"a,b,y\n1,2,3,4\n4,5,6,7\n", r"not a table: line 2 has 4 cells"),
    "a long row after a line break in quotes": (b'a,y\n"1\n2",3\n4,5,6\n', r"line 4 has 3 cells"),
    "a long row below comments": (b"# x\n\na,y\n1,2\n4,5,6\n", r"line 5 has 3 cells"),
    "an open quote": (b'a,b,y\n1,2,3\n4,"5,6\n', r"not a table: line 3: EOF inside string"),
    "an open quote in the last cell": (b'a,y\n1,2\n4,"5\n6,7\n', r"not a table: line 4: EOF inside string"),
    "a word with a separator, far down": (b"c0\nv0\na;b\n", r"has one column, 'c0'"),
    "numbers in quotes in one column": (b'"abc"\n"1,000"\n"2,000"\n', r"has one column, 'abc'"),
    "rows that grow": (b"a,b\n" + b"1,2\n" * 3000 + b"1,2,3\n", r"line 3002 has 3 cells, and the header has 2"),
    "one column": (b"a\n1\n2\n", r"has one column, 'a', and needs two, a target and a feature$"),
    "a page": (b"<!DOCTYPE html>\n<p>Log in</p>\n", "it is a web page"),
    "JSON": (json.dumps([{"a": 1, "y": 2}], indent=1).encode(), "it is JSON"),
    "a NUL far down": (b"a,y\n" + b"x,1\n" * 2000 + b"b\0c,2\n", r"line 2002 has a NUL character"),
    "a picture": (b"\x89PNG\r\n\x1a\n\0\0", r"is not a text file"),
    "half a Parquet file": (b"PAR1\x15\x04", r"cannot read 'table.csv': Parquet file size is 6 bytes"),
    "half a Feather file": (b"ARROW1\0\0", r"cannot read 'table.csv': "),
    "half a zip": (b"PK\x03\x04....", r"not a text file; save the table as CSV"),
    "an old spreadsheet": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", r"not a text file; .*before 2007"),
    "half a gzip": (gzip.compress(b"a,y\n1,2\n" * 99)[:-9], r"it is cut off or damaged"),
    "a gzip of a gzip": (gzip.compress(gzip.compress(b"a,y\n")), r"it is compressed twice"),
    "a header without end": (b"a" * 200_000 + b",b\n", r"not a table: line 1: field larger"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_table_is_one_message(read, case):
    content, message = BAD[case]
    with pytest.raises(DataError, match=message):
        read(content)


@pytest.mark.parametrize(("keys", "advice"), [({}, ""), ({"separator": ","}, "set 'data.separator=\";\"'")])
def test_another_separator_than_stated_is_told(read, keys, advice):
    if keys:
        for content in ("a;b;y\n1;2;3\n", "a;b;y\n1,5;2;3\n"):
            with pytest.raises(DataError, match=advice):
                read(content, **keys)
    else:
        assert rows(read("a;b;y\n1;2;3\n", **keys)) == [["1", "2", "3"]]


def test_a_missing_file_and_a_folder_are_told(workdir):
    with pytest.raises(DataError, match=r"there is no table at 'none.csv'; set data.path"):
        read_table_file(data_of("none.csv"))
    with pytest.raises(DataError, match=r"'.*' is a folder; set data.path"):
        read_table_file(data_of(workdir))


@pytest.mark.parametrize("name", ["x.parquet", "x.feather", "x.arrow", "x.xlsx"])
def test_a_name_that_promises_another_format_is_told(read, name):
    with pytest.raises(DataError, match=rf"'{name}' is not an? (Parquet|Feather|Arrow|Excel) file: it does not begin"):
        read("a,y\n1,2\n", name)


FRAME = pd.DataFrame({"a": [1, None, 3], "b": ["x", None, "z"], "y": [1.5, 2.5, 3.5]})


def zipped(**files):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return content.getvalue()


def test_a_compressed_table_is_read_whatever_its_name(read):
    plain = FRAME.to_csv(index=False).encode()
    cells = read(plain).cells
    binary = io.BytesIO()
    FRAME.to_parquet(binary)
    assert read(gzip.compress(plain), "table.csv").cells == cells
    assert read(gzip.compress(plain), "table.csv.gz").cells == cells
    assert read(bz2.compress(plain), "table.csv.bz2").cells == cells
    assert read(lzma.compress(plain), "table.csv.xz").cells == cells
    assert read(zipped(**{"folder/t.csv": plain, "__MACOSX/._t.csv": b"x", ".DS_Store": b""})).cells == cells
    assert read(gzip.compress(binary.getvalue()), "x.parquet.gz").cells.num_rows == 3
    assert read(zipped(**{"t.parquet": binary.getvalue()})).cells["y"].to_pylist() == [1.5, 2.5, 3.5]


def test_a_zip_of_several_files_is_told_with_their_names(read):
    with pytest.raises(DataError, match=r"holds 2 files, \['a.csv', 'b.csv'\], and should hold one table"):
        read(zipped(**{"a.csv": "a,y\n", "b.csv": "a,y\n"}))
    with pytest.raises(DataError, match=r"holds no file"):
        read(zipped())


@pytest.mark.parametrize(
    "compress",
    [
        gzip.compress,
        bz2.compress,
        lzma.compress,
        lambda content: zipped(**{"t.csv": content}),
        lambda content: zipped(**{"[Content_Types].xml": content}),
    ],
)
def test_a_decompression_bomb_is_refused(read, monkeypatch, compress):
    monkeypatch.setattr("bikeml.table.reading.source.MOST_EXPANDED_BYTES", 2**20)
    with pytest.raises(
        DataError, match=r"holds more than [\d,]+ bytes when it is decompressed, .*; decompress it yourself"
    ):
        read(compress(b"a,y\n" + b"0,0\n" * 2**20))


@pytest.mark.slow
def test_a_table_that_repeats_itself_is_read_in_spite_of_its_compression(read):
    lines = b"a,y\n" + b"0,0\n" * 2**20
    assert read(gzip.compress(lines)).cells.num_rows == 2**20


@pytest.mark.parametrize("write", [parquet.write_table, feather.write_feather])
def test_a_typed_file_that_repeats_one_value_for_ever_is_refused(workdir, monkeypatch, write):
    monkeypatch.setattr("bikeml.table.reading.typed.FEW_BYTES", 2**20)
    write(pa.table({"a": pa.array(["x" * 1000] * 100_000), "y": pa.nulls(100_000)}), "bomb.parquet", compression="zstd")
    with pytest.raises(DataError, match=r"its values take more than [\d,]+ bytes, which few tables of its size do"):
        read_table_file(data_of("bomb.parquet", target="y"))


def test_a_sheet_whose_rows_end_in_the_last_column_is_refused(workdir, monkeypatch):
    monkeypatch.setattr("bikeml.table.reading.typed.FEW_CELLS", 100_000)
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in range(1, 20):
        book.active.cell(row, 16_384, 1)
    book.save("wide.xlsx")
    with pytest.raises(DataError, match=r"it has more than 100,000 cells, most of them empty"):
        read_table_file(data_of("wide.xlsx", target="y"))


def test_a_file_that_knows_its_types_keeps_them(workdir):
    table = pa.table(
        {"a": [1, None], "b": pa.array(["x", "y"]).dictionary_encode(), "d": pa.array([0, 1], pa.date32())}
    )
    parquet.write_table(table, "t.parquet")
    feather.write_feather(table, "t.feather")
    for name in ("t.parquet", "t.feather"):
        read = read_table_file(data_of(name, target="a"))
        assert read.cells == table
        assert [kind for kind in read.cells.schema.types if pa.types.is_integer(kind)] == [pa.int64()]
        assert read.notes == ()
        assert (read.data.separator, read.data.decimal) == ("auto", ".")


def test_columns_of_one_name_in_parquet_are_numbered(workdir):
    parquet.write_table(pa.table([[1], [2], [3]], names=["a", "a", "y"]), "t.parquet")
    assert read_table_file(data_of("t.parquet")).cells.to_pydict() == {"a": [1], "a_2": [2], "y": [3]}
    assert next(iter_table_file(data_of("t.parquet"), ["y", "a_2"]).__iter__()).column_names == ["y", "a_2"]


def test_a_dot_in_a_name_of_parquet_is_no_path(workdir):
    table = pa.table({"a": [1], "a.b": [2], "y": [3]})
    parquet.write_table(table, "t.parquet")
    assert pa.concat_tables(iter_table_file(data_of("t.parquet"), ["a", "y"])) == table.select(["a", "y"])


def test_text_of_parquet_is_looked_at_for_its_signs(workdir):
    pd.DataFrame({"a": ["1.234,5", "2,5"], "y": [1.0, 2.0]}).to_parquet("t.parquet")
    read = read_table_file(data_of("t.parquet"))
    assert (read.data.decimal, read.data.thousands) == (",", ".")
    assert read.notes == ("read as: decimal ',', thousands '.'",)


def test_a_table_without_rows_has_its_columns(read, workdir):
    assert read("a,y\n").cells.schema == pa.schema({"a": pa.string(), "y": pa.string()})
    FRAME.head(0).to_parquet("t.parquet")
    assert read_table_file(data_of("t.parquet")).cells.column_names == ["a", "b", "y"]


def test_the_first_sheet_of_excel_is_read(workdir):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in ([None, None], ["a", "b", "c", "y"], [1, "x", "01", 1.5], [2, 3, None, 2], [None, "2.5", "", None], []):
        book.active.append(row)
    book.create_sheet("notes")
    book.save("t.xlsx")
    table = read_table_file(data_of("t.xlsx"))
    assert table.cells.to_pydict() == {
        "a": [1, 2, None],
        "b": ["x", "3", "2.5"],
        "c": ["01", None, None],
        "y": [1.5, 2.0, None],
    }
    assert table.notes == ("the first of 2 sheets is read, 'Sheet'",)
    assert pa.concat_tables(iter_table_file(table.data, ["y"])).column_names == ["y"]


def test_excel_without_its_library_is_one_message(workdir, monkeypatch):
    (workdir / "t.xlsx").write_bytes(zipped(**{"[Content_Types].xml": "<x/>"}))
    monkeypatch.setitem(__import__("sys").modules, "openpyxl", None)
    with pytest.raises(
        DataError, match=r"is an Excel file, which needs openpyxl; install it with: pip install 'bikeml\[excel\]'"
    ):
        read_table_file(data_of("t.xlsx"))


def test_a_broken_excel_file_is_one_message(workdir):
    pytest.importorskip("openpyxl")
    (workdir / "t.xlsx").write_bytes(zipped(**{"[Content_Types].xml": "<x/>"}))
    with pytest.raises(DataError, match=r"cannot read 't.xlsx': "):
        read_table_file(data_of("t.xlsx"))


def test_the_embedded_table_is_read_as_it_is():
    table = read_table_file(data_of("pkg://bikeml.datasets/daily-bike-share.csv", target="rentals"))
    with DAILY.open(newline="") as file:
        assert [table.cells.column_names, *rows(table)] == list(csv.reader(file))
    with pytest.raises(DataError, match="there is no table"):
        read_table_file(data_of("pkg://bikeml.datasets/../data.py"))


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        """Say nothing."""


def test_a_url_is_read_and_its_secrets_are_not_told(workdir):
    (workdir / "table.csv").write_bytes(gzip.compress(b"a,b,y\n1,2,3\n"))
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(workdir))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        assert rows(read_table_file(data_of(f"{url}/table.csv?sig=hush"))) == [["1", "2", "3"]]
        with pytest.raises(DataError, match=r"cannot read 'http://.*sig=\*\*\*': .*not found"):
            read_table_file(data_of(f"{url}/none.csv?sig=hush"))
        server.shutdown()


def test_the_standard_input_is_read_and_its_names_first(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"a;b;y\n1;2;3\n")))
    with open_table_file(data_of("-")) as file:
        assert file.names == ("a", "b", "y")
        assert pa.concat_tables(file.read(["y", "a"])).to_pydict() == {"y": ["3"], "a": ["1"]}


def test_a_missing_column_is_told(workdir):
    (workdir / "t.csv").write_text("a,Y\n1,2\n")
    with pytest.raises(DataError, match=r"t.csv lacks columns:\n  there is no column 'y'; did you mean 'Y'\?"):
        list(iter_table_file(data_of("t.csv"), ["y"]))


@pytest.mark.slow
def test_short_rows_far_down_change_nothing_above(workdir):
    content = "a,b,y\n" + "1,x,2\n" * 700_000 + "3\n" + "4,z,5\n" * 3
    (workdir / "t.csv").write_text(content)
    table = pa.concat_tables(iter_table_file(data_of("t.csv"), ["a", "y"]))
    assert len(table) == 700_004
    assert table.slice(699_999).to_pylist()[:3] == [{"a": "1", "y": "2"}, {"a": "3", "y": None}, {"a": "4", "y": "5"}]


@pytest.mark.parametrize("row", ["1,x,2\n", "1, x,2\n"])
def test_a_long_table_is_read_in_bounded_memory(workdir, row):
    (workdir / "t.csv").write_text("a,b,y\n" + row * 1_000_000)
    tracemalloc.start()
    held = max(table.nbytes for table in iter_table_file(data_of("t.csv"), ["a", "b", "y"]))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 20 * 2**20
    assert peak < 60 * 2**20


def read_with(content, separator, *, is_fast):
    """Return the cells as the fast reader or as the careful one has them, or the error."""
    data = data_of("t.csv", separator=separator, encoding="utf-8")
    stream = io.BytesIO(content)
    dialect = find_dialect(stream, data)
    names = [str(i) for i in range(len(dialect.header))]
    with pytest.MonkeyPatch.context() as patch:
        if not is_fast:
            patch.setattr("bikeml.table.reading.text._find_shape", lambda *_: "irregular")
        try:
            tables = list(iter_text(stream, dialect, names, names, "t.csv"))
        except DataError as error:
            return str(error)
    return [row for table in tables for row in table.to_pylist()]


class SlowStream(io.BytesIO):
    """A stream like a busy disk: whoever reads while others do gets what they wanted."""

    def read(self, size=-1):
        time.sleep(0.002)
        return super().read(size)


@pytest.mark.slow
def test_a_short_row_far_down_loses_no_row_to_the_thread_that_reads_ahead():
    lines = [f"{i},{i}" for i in range(300_000)]
    lines[100_000] = "100000"
    content = "\n".join(["a,y", *lines]).encode()
    for _ in range(2):
        stream = SlowStream(content)
        dialect = find_dialect(stream, data_of("t.csv", separator=",", encoding="utf-8"))
        read = pa.concat_tables(iter_text(stream, dialect, ["a", "y"], ["a", "y"], "t.csv"))
        assert read["a"].to_pylist() == [str(i) for i in range(300_000)]


PIECES = st.sampled_from(
    [*'a1",; \t\n', "\r", "\r\n", '""', ',"', '",', "é", "1,2\n", "3;4\n", ", 1", " \n", '"x, y",z\n', ",\n"]
)


@given(st.lists(PIECES, max_size=30).map("".join), st.sampled_from(",;"))
def test_both_readers_read_the_same(text, separator):
    content = f"a{separator}b\n{text}".encode()
    assert read_with(content, separator, is_fast=True) == read_with(content, separator, is_fast=False)


CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=8)


@given(st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=9), st.sampled_from(",;\t|"))
def test_what_a_csv_writer_writes_is_read_back(cells, separator):
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=separator, quoting=csv.QUOTE_ALL).writerows([("a", "b", "y"), *cells])
    read = read_with(text.getvalue().encode(), separator, is_fast=True)
    assert [tuple(row.values()) for row in read] == [tuple(cell or None for cell in row) for row in cells]


@pytest.fixture
def opened(monkeypatch):
    """The paths of the files that are opened."""
    paths, open_source = [], table_file.open_source
    monkeypatch.setattr(table_file, "open_source", lambda path: paths.append(path) or open_source(path))
    table_file._last.clear()
    return paths


def write_settled(text: str = "a,y\n1,2\n3,4\n") -> DataConfig:
    """Write a table that has been as it is for a while."""
    Path("t.csv").write_text(text)
    time.sleep(table_file.SETTLED_NANOSECONDS / 1e9 + 0.02)
    return data_of("t.csv")


def test_a_table_that_has_not_changed_is_read_once(opened):
    data = write_settled()
    assert read_table_file(data) is read_table_file(data)
    assert opened == ["t.csv"]


def test_a_table_that_has_changed_is_read_again_whatever_its_time_and_size_say(opened):
    data = write_settled()
    first, found = read_table_file(data), Path("t.csv").stat()
    Path("t.csv").write_text("a,y\n1,2\n3,5\n")
    os.utime("t.csv", ns=(found.st_atime_ns, found.st_mtime_ns))
    second = read_table_file(data)
    assert (first.cells["y"][1].as_py(), second.cells["y"][1].as_py()) == ("4", "5")
    assert first.sha256 != second.sha256


def test_a_table_that_may_still_change_is_not_kept(opened):
    for number in range(3):
        Path("t.csv").write_text(f"a,y\n1,2\n3,{number}\n")
        assert read_table_file(data_of("t.csv")).cells["y"][1].as_py() == str(number)
    assert len(opened) == 3


def test_another_way_to_read_a_table_and_one_that_is_large_are_read_anew(opened, monkeypatch):
    data = write_settled("a;y\n1;2\n3;4\n")
    read_table_file(data)
    assert read_table_file(data_of("t.csv", skip_rows=1)).cells.column_names == ["1", "2"]
    monkeypatch.setattr(table_file, "MOST_KEPT_BYTES", 1)
    read_table_file(data)
    read_table_file(data)
    assert len(opened) == 4


def test_what_comes_from_elsewhere_is_never_kept(opened):
    write_settled()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=".")) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        for _ in range(2):
            read_table_file(data_of(f"http://127.0.0.1:{server.server_port}/t.csv"))
        server.shutdown()
    assert len(opened) == 2
