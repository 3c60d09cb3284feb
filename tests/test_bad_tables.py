"""
A hundred bad tables: each ends in one short message that says what is wrong and what to do, and nothing is written.

A table that is bad only harmlessly works, and is not here; test_bad_input.py has commands and config files.
"""

import gzip
import io
import json
import pickle
import re
import shlex
import sqlite3
import tarfile
import zipfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

import bikeml
from bikeml.cli import start
from bikeml.errors import BikemlError, DataError
from bikeml.experiment.check import find_tolerance
from bikeml.experiment.model_file import load_recorded, read_as_trained
from bikeml.table.data import read_table
from bikeml.table.rows import read_rows
from bikeml.table.split import split_table
from bikeml.terminal.status import report
from tests.conftest import config_of

MAX_LINES, MAX_CHARACTERS = 12, 2_000
N = 60
x = np.arange(N)


class Bad(NamedTuple):
    """A bad table, and what its message must say."""

    name: str
    content: bytes | str | pd.DataFrame | Callable[[Path], None]
    words: tuple[str, ...]
    """All of them stand in the message."""
    overrides: tuple[str, ...] = ()
    file: str = "table.csv"
    target: str | None = "y"


def bad(name, content, *words, **more):
    return Bad(name, content, words, **more)


def good(**columns):
    """Return a table that works, with some columns changed."""
    plain = {"a": x * 7 % 31, "b": x * 5 % 17 + 0.5, "c": np.where(x % 3 == 0, "red", "blue"), "y": x % 7 + x * 2.25}
    return pd.DataFrame({**plain, **columns})


def csv(table=None, **options):
    return (good() if table is None else table).to_csv(index=False, **options)


def lines(header, number=N):
    return f"{header}\n" + "".join(f"{i},{i % 7},{2 * i}\n" for i in range(number))


def binary(write, table=None):
    """Return what a writer of pandas makes of a table."""
    content = io.BytesIO()
    getattr(good() if table is None else table, write)(content, **({"index": False} if write == "to_excel" else {}))
    return content.getvalue()


def zipped(files):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, held in files.items():
            archive.writestr(name, held)
    return content.getvalue()


def locked(files):
    """Return a zip file whose first member says that it is encrypted."""
    content = bytearray(zipped(files))
    content[6] |= 1
    content[content.find(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


def tarred(files):
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, held in files.items():
            about = tarfile.TarInfo(name)
            about.size = len(held)
            archive.addfile(about, io.BytesIO(held.encode()))
    return content.getvalue()


def damaged(content, start, length):
    return content[:start] + bytes(255 - byte for byte in content[start : start + length]) + content[start + length :]


def listed(role, names):
    return f"data.{role}=[{','.join(names)}]"


def config_with(line):
    """Return what makes a config folder with a YAML of its own for the table."""

    def write(folder):
        (folder / "conf" / "data").mkdir(parents=True)
        (folder / "conf" / "data" / "mine.yaml").write_text(f"defaults: [csv]\npath: table.csv\n{line}\n")
        (folder / "table.csv").write_text(csv(good(c=np.where(x % 2, "12:30", "no"), **{"007": x})))

    return write


MINE = ("--config-dir=conf", "data=mine")
GAPPY = [f"gap{i}" for i in range(80)]
MANY = good(**{name: np.where(x == 3, np.nan, x * i % 7) for i, name in enumerate(GAPPY)})
WIDE = pd.DataFrame({f"column number {i} of the study": x * (i + 1) % 13 for i in range(1000)} | {"y": x * 1.5})
WORDS = MANY.assign(**dict.fromkeys(GAPPY, "word"))
NUMERIC, CATEGORICAL = ("data.numeric=[a,b]", "data.categorical=[]"), ("data.numeric=[]", "data.categorical=[c]")

FILES = [
    bad("nothing", "", "is empty; it needs a line of column names"),
    bad("blank lines", "\n \n\n", "is empty"),
    bad("a byte order mark alone", b"\xef\xbb\xbf", "is empty"),
    bad("separators alone", ",,,\n,,,\n", "is empty"),
    bad("a header alone", "a,b,y\n", "has no rows below its column names; add rows"),
    bad("one row", lines("a,b,y", 1), "target 'y' is 0 in every row; there is nothing to learn from one row; add rows"),
    bad("two rows", lines("a,b,y", 2), "too few rows (2)", "5 folds", "use a larger table"),
    bad("gaps alone", "a,b,y\n" + ",,\n" * N, "column 'y' is empty in every row", "set data.target"),
    bad("words for gaps alone", "a,b,y\n" + "NA,null,NaN\n" * N, "column 'y' is empty in every row"),
    bad("features of gaps alone", good(a=np.nan, b=np.nan, c=np.nan), "no column is left", "a (no values)"),
    bad("a NUL", "a,b,y\n1,\0,3\n", "is not a text file", "save the table as CSV"),
    bad("a NUL far down", lines("a,b,y", 3000) + "1,\0,3\n", "line 3002 has a NUL character"),
    bad("UTF-16 without a mark", csv().encode("utf-16-le"), "set data.encoding=utf-16-le"),
    bad("UTF-16, the other way", csv().encode("utf-16-be"), "set data.encoding=utf-16-be"),
    bad("UTF-32 without a mark", csv().encode("utf-32-le"), "set data.encoding=utf-32-le"),
    bad("UTF-16 cut in a letter", csv().encode("utf-16")[:-1], "is not utf-16", "set data.encoding"),
    bad("another encoding", csv(good(c="é")).encode("latin-1"), "is not utf-8", "such as latin-1", overrides=("data.encoding=utf-8",)),
    bad("damaged UTF-8", csv(good(c="été à la plage")).encode() + b"\xff\n", "is not utf-8", "byte 0xff"),
    bad("a database", (lambda file: sqlite3.connect(file / "table.csv").execute("CREATE TABLE t (a)")), "a database of SQLite"),
    bad("a pickle", pickle.dumps(good()), "it is a pickle", "save it as CSV"),
    bad("a picture", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "it is a picture"),
    bad("a PDF", "%PDF-1.4\n1 0 obj\n", "it is a PDF file"),
    bad("a page that asks to log in", "\n<!DOCTYPE html>\n<html><p>Log in, please; or, register</p></html>", "a web page"),
    bad("a page with the table", good().to_html(), "a web page", "download the table itself"),
    bad("XML", "<?xml version='1.0'?>\n<data>\n" + "<row a='1' y='2'/>\n" * 9, "it is XML", "pandas.read_xml"),
    bad("JSON", good().to_json(orient="records"), "it is JSON", "pandas.read_json"),
    bad("JSON in lines", good().to_json(orient="records", lines=True), "it is JSON"),
    bad("JSON of columns", json.dumps({"a": [1, 2], "y": [3, 4]}, indent=1), "it is JSON"),
    bad("ARFF", "@RELATION t\n@ATTRIBUTE a NUMERIC\n@DATA\n1\n", "an ARFF file"),
    bad("a pointer of Git LFS", "version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "git lfs pull"),
    bad("prose", "It was the best of times, it was the worst of times,\nit was, so, so\n" * 9, "no column 'y'", "'It was the best of times'"),
    bad("two tables in a zip", zipped({"one.csv": csv(), "two.csv": csv()}), "2 files, ['one.csv', 'two.csv']", "unpack it"),
    bad("a thousand files in a zip", zipped({f"folder/table_{i}.csv": "" for i in range(1000)}), "1,000 files", "and 994 more"),
    bad("no file in a zip", zipped({"__MACOSX/x": "", "folder/": ""}), "holds no file", "should hold one table"),
    bad("a zip in a zip", zipped({"one.zip": zipped({"one.csv": csv()})}), "compressed twice"),
    bad("a zip with a password", locked({"one.csv": csv()}), "'one.csv' is encrypted", "unpack it"),
    bad("half a zip", zipped({"one.csv": csv()})[:100], "begins as a zip file does, and is broken"),
    bad("an OpenDocument file", zipped({"mimetype": "", "content.xml": ""}), "OpenDocument", "Parquet or .xlsx", file="table.ods"),
    bad("a Word document", zipped({"[Content_Types].xml": "<Types/>", "word/document.xml": ""}), "save it again, or as CSV"),
    bad("an archive of tar", tarred({"one.csv": csv()}), "is not a text file", file="table.tar.gz"),
    bad("half a gz", gzip.compress(csv().encode())[:200], "cut off or damaged", "get it again", file="table.csv.gz"),
    bad("a gz with a wrong sum", damaged(gzip.compress(csv().encode()), -6, 2), "CRC check failed", "get it again"),
    bad("a gz in a gz", gzip.compress(gzip.compress(csv().encode())), "compressed twice"),
    bad("a gz of nothing", gzip.compress(b""), "is empty"),
    bad("half a Parquet file", binary("to_parquet")[:-100], "cannot read 'table.parquet'", file="table.parquet"),
    bad("a damaged Parquet file", damaged(binary("to_parquet"), 30, 100), "cannot read 'table.csv'"),
    bad("Parquet without rows", binary("to_parquet", good()[:0]), "has no rows"),
    bad("Parquet without columns", binary("to_parquet", pd.DataFrame()), "has no column 'y'", "it has []"),
    bad("a target of lists", binary("to_parquet", good(y=[[1, 2]] * N)), "'y' is not a number in row 1: [1, 2]"),
    bad("a target of moments", binary("to_parquet", good(y=pd.date_range("2020", periods=N))), "'y' is not a number", "2020"),
    bad("half a Feather file", binary("to_feather")[:200], "cannot read 'table.csv'"),
    bad("CSV called Parquet", csv(), "is not a Parquet file", "does not begin with PAR1", file="table.parquet"),
    bad("CSV called Excel", csv(), "is not an Excel file", file="table.xlsx"),
    bad("old Excel", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "before 2007", file="table.xls"),
    bad("a damaged Excel file", damaged(binary("to_excel"), 300, 200), "cannot read", "save it again, or as CSV"),
    bad("an Excel file without a cell", binary("to_excel", pd.DataFrame()), "is empty"),
    bad("a folder", (lambda folder: (folder / "table.csv").mkdir()), "is a folder"),
    bad("a misspelt file", csv(), "no table at 'tabel.csv'; did you mean 'table.csv'?", overrides=("data.path=tabel.csv",)),
    bad("a bucket", csv(), "no table at 's3://bucket/table.csv'", "a URL", overrides=('data.path="s3://bucket/table.csv"',)),
]  # fmt: skip
TARGETS = [
    bad("no target", csv(), "needs a target", "it has ['a', 'b', 'c', 'y']", "data.target=COLUMN", target=None),
    bad("no target, many columns", WIDE, "needs a target", "and 991 more", target=None),
    bad("a misspelt target among many", WIDE, "did you mean 'column number 11 of the study'?", target="column number 11 of the studi"),
    bad("a target in capitals", csv(), "did you mean 'y'?", target="Y"),
    bad("no header", csv(header=False), "no column 'y'", "set data.header=false", "column_1"),
    bad("a header not read", csv(), "no column 'y'", "'column_4'", overrides=("data.header=false",)),
    bad("a target whose name YAML changes", good().rename(columns={"y": "1_000"}), "no column '1000'", 'write "1_000" in quotes', overrides=("data.target=1_000",), target=None),
    bad("a name of 5,000 characters", good().rename(columns={"a": "z" * 5000}), "no column 'Q'", "zzz...", target="Q"),
    bad("a target of gaps", good(y=np.nan), "'y' is empty in every row"),
    bad("a target of words", good(), "'c' is not a number in row 1: 'red'", "a column of numbers", target="c"),
    bad("a target of dates", good(y=pd.date_range("2020-01-01", periods=N)), "'y' is not a number in row 1: '2020-01-01'"),
    bad("a target of times of day", good(y=[f"{i % 24}:30" for i in x]), "'y' is not a number in row 1: '0:30'"),
    bad("a target of ranges", good(y=[f"{i}-{i + 5}" for i in x]), "'y' is not a number in row 1: '0-5'"),
    bad("a constant target", good(y=3), "target 'y' is 3 in every row; there is nothing to learn"),
    bad("an infinite target", good(y=np.where(x == 5, np.inf, x)), "'y' is infinite in row 6: inf"),
    bad("a target of 400 digits", good(y=[str(10**400 + i) for i in range(N)]), "'y' is infinite in row 1: 1000", "..."),
    bad("a target known in three rows", good(y=[1, 2, 3, *[np.nan] * 57]), "too few rows (3)"),
    bad("a word in the target", good(y=["lots", *x[1:]]), "row 1: 'lots'", "'data.gaps=[lots]'"),
    bad("a nasty word in the target", good(y=["it's $x, \"y\"", *x[1:]]), "is a gap, set"),
    bad("units below the names", "a,b,y\nm,kg,s\n" + lines("").lstrip(), "row 1: 's'", "if 's' is a gap"),
    bad("the header again", lines("a,b,y") + "\n" + lines("a,b,y"), "row 61: 'y'"),
    bad("a target of two units", good(y=[f"{i} kg" if i % 2 else f"{i} lb" for i in x]), "'0 lb'", "with one unit"),
    bad("a target of two currencies", good(y=[f"${i}" if i % 2 else f"€{i}" for i in x]), "with one unit"),
    bad("a target of two decimal signs", csv(good(y=[f"{i},5" if i % 2 else f"{i}.25" for i in x]), sep=";"), "write them alike"),
    bad("gaps in a target that may have none", good(y=[np.nan, *x[1:]]), "'y' is missing in row 1", "data.missing_target=drop", overrides=("data.missing_target=refuse",)),
    bad("a target that is also a feature", csv(), "'y' is in data.target and data.numeric", overrides=("data.numeric=[a,y]",)),
    bad("a target that is left out", csv(), "'y' is in data.target and data.ignored", overrides=("data.ignored=[y]",)),
    bad("training rows of one value", good(y=[0] * 59 + [1]), "in every training row", "set another split"),
]  # fmt: skip
WRITING = [
    bad("a longer row", lines("a,b,y") + "1,2,3,4,5\n", "line 62 has 5 cells, and the header has 3", "fix the line"),
    bad("a row of 100,000 cells", lines("a,b,y") + ",".join("7" * 100_000) + "\n", "line 62 has 100000 cells"),
    bad("rows of every length", "a,b,y\n" + "".join(",".join("7" * (i % 9 + 1)) + "\n" for i in x), "line 5 has 4 cells"),
    bad("a quote that is not closed", 'a,b,y\n1,"2,3\n' + lines("4,5,6"), "a quote is not closed"),
    bad("a title", "The table of 2020\n\n" + lines("a,b,y"), "one column, 'The table of 2020'", "set data.skip_rows=2"),
    bad("another separator half-way", lines("a,b,y") + lines("1,2,3").replace(",", ";"), "line 62 are separated by ';'"),
    bad("a wrong separator", csv(), "one column, 'a,b,c,y'", "'data.separator=\",\"'", overrides=('data.separator=";"',)),
    bad("too many lines skipped", csv(), "is empty", overrides=("data.skip_rows=999",)),
    bad("the header skipped", csv(), "no column 'y'", "data.header=false", overrides=("data.skip_rows=1",)),
    bad("a wrong decimal sign", csv(), "row 1: '0.0'", "set data.decimal or data.thousands", overrides=('data.decimal=","',)),
    bad("no thousands", good(y=[f"{1000 + i:,}" for i in x]), "row 1: '1,000'", "data.thousands", overrides=("data.thousands=null",)),
    bad("one sign for two things", csv(), "'.' for both decimal and thousands", overrides=("data.decimal=.", "data.thousands=.")),
    bad("a gap that is every value", good(y="7"), "'y' is empty in every row", overrides=('data.gaps=["7"]',)),
    bad("a number for a gap", csv(), "data.gaps.0=-999 should be text", "in quotes", overrides=("data.gaps=[-999]",)),
    bad("units of an unknown column", csv(), "no column 'aa' for data.units; did you mean 'a'?", overrides=("data.units={aa: kg}",)),
    bad("a format of an unknown column", csv(), "no column 'when' for data.date_format", overrides=('data.date_format={when: "%Y"}',)),
    bad("a gap YAML changes", config_with("gaps: [no, 12:30]"), "data.gaps.0=False should be text", "12:30", overrides=MINE),
    bad("a column YAML changes", config_with("numeric: [007]"), "no column '7'", 'YAML reads 007 as 7: write "007" in quotes', overrides=MINE),
    bad("a truth YAML changes", config_with("numeric: [no]"), "data.numeric=[False] should be a list of columns", "in quotes", overrides=MINE),
    bad("a category YAML changes", config_with("allowed: {c: [12:30, no]}"), "data.allowed has 750, False for it", 'YAML reads 12:30 as 750: write "12:30"', overrides=MINE),
]  # fmt: skip
ROLES = [
    *(bad(f"an unknown column in {role}", csv(), f"no column 'aa' for data.{role}; did you mean 'a'?", overrides=(f"data.{role}=[aa]",)) for role in ("numeric", "categorical", "date", "text", "ignored")),
    bad("80 unknown columns", csv(), "no column 'gap0'", "77 more of these", overrides=(listed("numeric", GAPPY),)),
    bad("an unknown column, many known", WIDE, "no column 'column number'", "and 991 more", overrides=("data.numeric=[column number]",)),
    bad("a column in two roles", csv(), "'b' is in data.numeric and data.categorical", overrides=("data.numeric=[a,b]", "data.categorical=[b]")),
    bad("80 columns in two roles", MANY, "'gap0' is in data.numeric and data.text", "and 74 more", overrides=(listed("numeric", GAPPY), listed("text", GAPPY))),
    bad("columns of one name", lines("a,a,y"), "same name: ['a']", "['a_2'] in data.ignored", overrides=("data.numeric=[a]",)),
    bad("500 columns of one name", ",".join("a" * 500) + ",y\n" + ("1," * 500 + "3\n") * 9, "same name: ['a']", "and 493 more", overrides=("data.numeric=[a]",)),
    bad("two targets", lines("a,y,y"), "same name: ['y']", "rename all but one"),
    bad("ids alone", pd.DataFrame({"id": x, "customer_id": [f"C{i:05}" for i in x], "y": x * 1.5}), "no column is left", "id (row numbers)", "customer_id (an id)"),
    bad("constants alone", pd.DataFrame({f"constant_{i}": 1 for i in range(200)} | {"y": x * 1.5}), "(a constant)", "and 194 more"),
    bad("addresses alone", pd.DataFrame({"page": [f"https://x.org/{i}" for i in x], "y": x * 1.5}), "page (URLs)"),
    bad("dates alone, and none wanted", pd.DataFrame({"d": pd.date_range("2020-01-01", periods=N), "y": x * 1.5}), "data.date is null", overrides=("data.date=null",)),
    bad("dates alone, and no steps for them", pd.DataFrame({"d": pd.date_range("2020-01-01", periods=N), "y": x * 1.5}), "no steps for dates; choose preprocessing=auto", overrides=("preprocessing=standard",)),
    bad("text, and no steps for it", csv(), "data.text=['c']", "choose preprocessing=auto", overrides=("data.text=[c]", "preprocessing=standard")),
    bad("everything left out", csv(), "a (in data.ignored)", overrides=("data.ignored=[a,b,c]",)),
    bad("the target alone", good()[["y"]], "one column, 'y', and needs two"),
    bad("a word among numbers", good(a=["nil", *x[1:]]), "'a' is not a number in row 1: 'nil'", "'data.gaps=[nil]'", overrides=NUMERIC),
    bad("words for numbers", csv(), "'c' is not a number in row 1: 'red'", "and 57 more", "data.categorical", overrides=("data.numeric=[c]",)),
    bad("an infinite feature", good(a=np.where(x == 5, -np.inf, x)), "'a' is infinite in row 6: -inf; fix the cells"),
    bad("gaps, and no steps for them", good(a=[np.nan, *x[1:]]), "'a' is missing in row 1; choose preprocessing=auto", overrides=(*NUMERIC, "preprocessing=none")),
    bad("words, and no steps for them", csv(), "'c' is not a number", "choose preprocessing=auto", overrides=(*CATEGORICAL, "preprocessing=none")),
    bad("the same gap in 80 columns", MANY, "80 columns have gaps: 'gap0' (1)", "and 74 more; choose preprocessing=auto", overrides=(listed("numeric", GAPPY), "data.categorical=[]", "preprocessing=none")),
    bad("80 columns without values", MANY.assign(**dict.fromkeys(GAPPY, np.nan)), "80 columns are empty in every row", "data.ignored", overrides=(listed("numeric", GAPPY), "data.categorical=[]")),
    bad("80 columns of words for numbers", WORDS, "80 columns have a cell that is not a number", "row 1: 'word'", "and 74 more", overrides=(listed("numeric", GAPPY),)),
    bad("80 infinite columns", MANY.assign(**dict.fromkeys(GAPPY, np.inf)), "80 columns have a cell that is infinite", overrides=(listed("numeric", GAPPY),)),
    bad("80 columns of words for dates", WORDS, "80 columns have a cell that is not a date", overrides=(listed("date", GAPPY),)),
    bad("100,000 levels", pd.DataFrame({"c": [f"c{i}" for i in range(100_000)], "y": np.arange(100_000) % 13}), "'c' alone has 70,000 levels", "choose preprocessing=auto", overrides=("data.categorical=[c]", "preprocessing=standard", "model=gbr")),
    bad("a value that is not allowed", csv(), "'c' is not allowed in row 2: 'blue'", "data.allowed has 'red'", overrides=("+data.allowed.c=[red]",)),
    bad("500 allowed values", csv(), "and 494 more", overrides=(f"+data.allowed.c=[{','.join(f'w{i}' for i in range(500))}]",)),
    bad("allowed values of an unknown column", csv(), "no column 'cc' for data.allowed", overrides=("+data.allowed.cc=[red]",)),
]  # fmt: skip
SPLITS = [
    bad("too few rows for the folds", csv(), "too few rows (60)", "50 folds", overrides=("split.folds=50",)),
    bad("too few rows to hold out", good()[:20], "split.test_size=0.01 holds out 1 of its 20 rows, and a score takes two", "set split.test_size=2", overrides=("split.test_size=0.01",)),
    bad("too few rows to train", csv(), "holds out 99%", overrides=("split.test_size=0.99",)),
    bad("too few rows for a search", good()[:12], "too few rows (12)", "search.folds", overrides=("search=grid", "model=ridge", "search.folds=30")),
    bad("no date to split by", csv(), "no column of dates", "choose split=random", overrides=("split=chronological",)),
    bad("an unknown date to split by", csv(), "no column 'when' for data.date", overrides=("split=chronological", "data.date=when")),
    bad("a date with a gap", good(d=[np.nan, *["2020-01-05"] * 59]), "'d' is missing in row 1", "choose split=random", overrides=("split=chronological", "data.date=d")),
    bad("a date of gaps", good(d=np.nan), "'d' is missing in row 1, row 2, row 3 and 57 more", overrides=("split=chronological", "data.date=d")),
    bad("one date", good(d="2020-01-05"), "60 on 1 dates", overrides=("split=chronological", "data.date=d")),
    bad("words for dates", csv(), "'c' is not a date in row 1: 'red'", "set data.date_format", overrides=("data.date=[c]",)),
    bad("dates of two formats", good(d=["2020-01-05"] * 30 + ["05/01/2020"] * 30), "not a date in row 31", "spell all its dates alike", overrides=("data.date=[d]",)),
    bad("a day that never was", good(d=["2020-02-30", *["2020-01-05"] * 59]), "'2020-02-30'", overrides=("data.date=[d]",)),
    bad("dates of another format", good(d="2020-01-05"), "data.date_format is '%d.%m.%Y': change it", overrides=("data.date=[d]", 'data.date_format="%d.%m.%Y"')),
    bad("no format of a date", good(d="2020-01-05"), "'%Q' is not a date format", "such as %m/%d/%Y", overrides=("data.date=[d]", 'data.date_format="%Q"')),
]  # fmt: skip
TABLES = [*FILES, *TARGETS, *WRITING, *ROLES, *SPLITS]


def lay_out(case, folder):
    """Write the file of a case."""
    content = csv(case.content) if isinstance(case.content, pd.DataFrame) else case.content
    if callable(content):
        content(folder)
    else:
        (folder / case.file).write_bytes(content.encode() if isinstance(content, str) else content)


def look_at(message, words):
    """Hold a message to the contract of all."""
    assert message.startswith("bikeml: ")
    assert message.count("bikeml: ") == 1
    assert "Traceback" not in message
    assert len(message.splitlines()) <= MAX_LINES
    assert len(message) <= MAX_CHARACTERS
    assert [word for word in words if word not in message] == [], message
    for proposal in re.findall(r"\bset ('.+?'|[\w.]+=\S+?)(?=[;,:\s])", message):
        if proposal.count("'") % 2 == 0:
            OverridesParser.create().parse_overrides(shlex.split(proposal))


@pytest.fixture
def refuse(workdir, capsys):
    """Call the command line with words that it must refuse, with one message, and without a trace in the folder."""

    def call(arguments, words):
        before = {file: file.stat().st_mtime_ns for file in workdir.rglob("*")}
        capsys.readouterr()
        status = start([*arguments])
        shown = capsys.readouterr()
        assert status in (1, 2)
        assert shown.out == ""
        look_at(shown.err, words)
        assert {file: file.stat().st_mtime_ns for file in workdir.rglob("*")} == before

    return call


def test_there_are_a_hundred():
    assert len({case.name for case in TABLES}) == len(TABLES) >= 100


@lru_cache
def compose_once(*arguments):
    return config_of(*arguments)


def arguments_for(case):
    chosen = () if "--config-dir=conf" in case.overrides else ("data=csv", f"data.path={case.file}")
    target = () if case.target is None else (f'data.target="{case.target}"',)
    return (*chosen, *target, "tracking=none", *case.overrides)


def needs_a_run(case):
    """Tell whether a case needs more than its table and a config: a folder of configs, or steps and models."""
    return bool(re.search(r"--config-dir|preprocessing=|model=", " ".join(case.overrides)))


STARTED = [case for number, case in enumerate(TABLES) if needs_a_run(case) or number % 10 == 0]


@pytest.mark.parametrize("case", STARTED, ids=[case.name for case in STARTED])
def test_a_bad_table_is_one_short_message_and_writes_nothing(case, refuse, workdir):
    lay_out(case, workdir)
    refuse(arguments_for(case), case.words)


def read_and_split(arguments):
    config = compose_once(*arguments)
    split_table(read_table(config, find_tolerance(config)), config.split, None)


READ = [case for number, case in enumerate(TABLES) if not (needs_a_run(case) or number % 10 == 0)]


@pytest.mark.parametrize("case", READ, ids=[case.name for case in READ])
def test_a_bad_table_is_refused_before_anything_is_fitted(case, workdir, capsys):
    lay_out(case, workdir)
    with pytest.raises(BikemlError) as caught:
        read_and_split(arguments_for(case))
    assert report(caught.value) == 2
    look_at(capsys.readouterr().err, case.words)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The description of a model that was trained with a table of decimal commas."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        (folder / "table.csv").write_text(csv(good(), sep=";", decimal=","))
        quick = ("evaluation.bootstrap_samples=100", "evaluation.importance=none", "split.folds=2", "tracking=none")
        result = bikeml.run("data=csv", "data.path=table.csv", "data.target=y", "model=linear", *quick)
        return load_recorded(result.folder / "model")[1]


def semicolons(table):
    return csv(table, sep=";", decimal=",")


ROWS = [
    bad("nothing", "", "is empty"),
    bad("names alone", "a;b;c\n", "has no rows below its column names"),
    bad("a column less", semicolons(good().drop(columns="b")), "does not fit the model", "no column 'b'", "it needs ['a', 'b', 'c']"),
    bad("a column renamed", semicolons(good().rename(columns={"a": "A "})), "no column 'a'; did you mean 'A'?"),
    bad("every column renamed", semicolons(WIDE), "no column 'a'", "and 991 more", "it needs ['a', 'b', 'c']"),
    bad("another separator", csv(), "no column 'a'", "it has ['a,b,c,y']", "'data.separator=\",\"'"),
    bad("another decimal sign", csv(sep=";"), "do not fit the model", "'b' is not a number in row 1: '0.5'", "data.decimal"),
    bad("no header", csv(sep=";", decimal=",", header=False), "no column 'a'"),
    bad("a word in a number", semicolons(good(a=["many", *x[1:]])), "'a' is not a number in row 1: 'many'", "takes double"),
    bad("a unit in a number", semicolons(good(a=[f"{i} kg" for i in x])), "'a' is not a number in row 1: '0 kg'"),
    bad("a number without end", semicolons(good(a=np.inf)), "'a' is infinite in row 1: inf", "and 57 more"),
    bad("a column twice", semicolons(good()).replace("a;b;c;y", "a;b;c;a"), "same name: ['a']"),
    bad("a longer row", semicolons(good()) + "1;2;red;3;4\n", "line 62 has 5 cells"),
    bad("a page", "<!DOCTYPE html>\n<p>Log in</p>", "a web page"),
    bad("a number for a category", binary("to_parquet", good(c=x, a=[[1]] * N)), "'a' is not a number in row 1: [1]"),
]  # fmt: skip


@pytest.mark.parametrize("case", ROWS, ids=[case.name for case in ROWS])
def test_bad_rows_for_a_model_are_one_short_message(case, trained, workdir, capsys):
    lay_out(case, workdir)
    data = read_as_trained(compose_once("data=csv", "data.path=table.csv").data, trained, ())
    with pytest.raises(DataError) as caught:
        list(read_rows(data, trained.inputs))
    assert report(caught.value) == 2
    look_at(capsys.readouterr().err, case.words)


@pytest.mark.slow
def test_what_five_models_cannot_read_is_told_once(workdir, capsys):
    (workdir / "table.csv").write_text(csv(good(a=np.where(x == 5, np.inf, x))))
    words = ("data=csv", "data.path=table.csv", "data.target=y", "model=linear,ridge,lasso,tree,rf", "tracking=none")
    assert start(["-m", *words, "hydra.sweep.dir=sweep"]) == 2
    shown = capsys.readouterr()
    told = shown.out + shown.err
    assert "Traceback" not in told
    assert told.count("'a' is infinite in row 6") == 1
    assert told.count("does not fit the config") == 1
