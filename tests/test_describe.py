"""The config of a table that explore writes: YAML that people edit, and that decides what explore decided."""

import re

import numpy as np
import pandas as pd
import pytest
import yaml

from bikeml.config.composition import compose, resolve
from bikeml.config.schema import typed
from bikeml.errors import ConfigError, RunFolderError
from bikeml.table.look import Column
from bikeml.tasks.tables.describe import ROLES, check_place, describe, write_config
from tests.conftest import config_of

pytestmark = pytest.mark.usefixtures("unrendered")
NASTY = [
    *(
        "plain",
        "two words",
        "size (m²)",
        "50 %",
        "a: b",
        "a #b",
        "#",
        "- x",
        "? x",
        "[x]",
        "{x}",
        "&x",
        "*x",
        "!x",
        "|",
    ),
    *("'", '"', 'it\'s "so"', "\\", "\\n", "\\${x}", "${x}", "${oc.env:HOME}", "$x", "\n", "a\r\nb", "a\tb", " blank "),
    *("null", "Null", "~", "true", "no", "on", "y", "1", "01", "1.0", "1e5", "1_000", "0x1f", ".inf", "nan", "12:30"),
    *("2020-01-01", "=", "<<", "\x07bell", "\x7f", "\x85", "\u2028", "\ufeff", "温度", "größe", "e\u0301", "🚲", ","),
    *("x" * 1500, "x" * 39 + "a", "x" * 39 + "b", "%", "@x", "`x`", "...", "---", "--- x"),
]


def column(name, **values):
    facts = {"kind": "category", "role": "categorical", "reason": "", "dtype": "category", "n_levels": 3}
    return Column(**{"name": name, "n_missing": 0, "share_missing": 0.0} | facts | values)


def data_of(**values):
    data = config_of("data=csv", "data.path=my.csv", "data.target=y").data
    return data.model_copy(update={role: [] for role in ROLES} | values)


def compose_data(folder, option):
    """Return the data section of an option as a run has it."""
    return typed(resolve(compose([f"hydra.searchpath=[file://{folder}]", f"data={option}"]))).data


@pytest.mark.parametrize("role", ROLES)
def test_every_nasty_name_is_read_back_as_it_is(workdir, role):
    data = data_of(
        **{"numeric": ["z"], role: NASTY}, target='the: "target" ${y}', path="my ${x}: #1.csv", name="a\nb \x07#"
    )
    data = data.model_copy(
        update={"date_format": {"a: #": "%d.%m.%Y ${"}, "units": {"null": "1e5"}, "gaps": ["~", "${"]}
    )
    file = workdir / "conf" / "data" / "mine.yaml"
    write_config(data, [column(name) for name in NASTY], {name: f"why {name}" for name in NASTY}, file)
    read = compose_data(workdir / "conf", "mine")
    assert read.roles == data.roles
    assert read.is_decided
    assert (read.name, read.path, read.date_format) == (data.name, data.path, data.date_format)
    assert (read.units, read.gaps) == (data.units, data.gaps)
    text = file.read_text(encoding="utf-8")
    assert text.count("# why ") == len(NASTY)
    assert len(re.split(r"[\r\n\x85\u2028]", text)) < len(NASTY) + 30


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"kind": "number", "low": -1.5, "high": 1234567.0, "n_missing": 1}, "-1.5 to 1.23457e+06, 1 gap"),
        (
            {"kind": "date", "low": pd.Timestamp("2020-01-31"), "high": pd.Timestamp("2021-02-01")},
            "2020-01-31 to 2021-02-01",
        ),
        ({"n_levels": 1}, "1 level"),
        ({"n_levels": 1234, "n_missing": 5000}, "1,234 levels, 5,000 gaps"),
        ({"kind": "text", "n_levels": 9}, "9 values"),
        ({"kind": "empty", "n_levels": 0, "n_missing": 7}, "0 levels, 7 gaps"),
    ],
)
def test_a_comment_says_what_a_column_holds(values, words):
    assert describe(column("a", **values)) == words


@pytest.mark.parametrize("place", ["houses.yaml", "conf/houses.yaml", "data/houses.yml", "data/houses"])
def test_a_file_that_no_group_finds_is_refused(workdir, place):
    with pytest.raises(ConfigError, match=r"write='.*' should be a .yaml file in a folder called data, such as"):
        check_place(workdir / place)


def test_a_folder_that_cannot_be_written_is_named(workdir):
    (workdir / "data").write_text("")
    with pytest.raises(RunFolderError, match=r"cannot write '.*mine.yaml': .*; name another file"):
        write_config(data_of(numeric=["a"]), [], {}, workdir / "data" / "mine.yaml")


@pytest.fixture
def houses(workdir):
    """A table with a column of each role."""
    rng = np.random.default_rng(0)
    n = 300
    size, town = rng.uniform(20, 200, n).round(1), rng.choice(["Bern", "Genf", "Zug"], n)
    frame = pd.DataFrame(
        {
            "id": range(1, n + 1),
            "size (m²)": size,
            "town: name": town,
            "sold": pd.date_range("2020-01-01", periods=n).strftime("%d.%m.%Y"),
            "note": [
                f"a house of {a} rooms with {b} words, number {i}"
                for i, (a, b) in enumerate(rng.integers(1, 99, (n, 2)))
            ],
            "same": "x",
            "price": 3 * size + rng.normal(size=n).round(2),
        }
    )
    frame.to_csv(workdir / "houses.csv", index=False)
    return frame


@pytest.mark.slow
def test_what_explore_writes_decides_the_same_and_is_never_overwritten(houses, workdir, call_task):
    file = workdir / "my conf" / "data" / "houses.yaml"
    words = ("data=csv", "data.path=houses.csv", "data.target=price", f"write='{file}'")
    status, out, err = call_task("explore", *words)
    assert (status, out) == (0, f"{file}\nexplore/explore.html\n"), err
    data = compose_data(file.parent.parent, "houses")
    assert {role: data.roles[role] for role in ROLES} == {
        "numeric": ["size (m²)"],
        "categorical": ["town: name"],
        "date": ["sold"],
        "text": ["note"],
        "ignored": ["id", "same"],
    }
    assert data.date_format_of("sold") == "%d.%m.%Y"
    text = file.read_text(encoding="utf-8")
    assert all(re.search(rf"^  - \W*{re.escape(name)}\W* +# .", text, re.MULTILINE) for name in houses.columns[:-1])
    assert yaml.safe_load(text)["defaults"] == ["csv", "_self_"]

    status, out, err = call_task("explore", "--config-dir", "my conf", "data=houses", "output=again")
    assert (status, out, err.splitlines()[0]) == (0, "again/explore.html\n", "300 rows, 7 columns")
    status, out, err = call_task("explore", *words)
    assert (status, out) == (2, "")
    assert "is there already; name another file, or move it away" in err
    assert file.read_text(encoding="utf-8") == text


@pytest.mark.slow
def test_columns_in_no_list_are_written_as_left_out(workdir, call_task):
    status, _, err = call_task("explore", "write=conf/data/bikes.yaml")
    assert status == 0, err
    data = compose_data(workdir / "conf", "bikes")
    assert data.roles == config_of().data.roles | {"ignored": ["instant", "yr"]}
