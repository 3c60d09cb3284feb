"""Rows predicted by recorded runs, through the command line."""

import io
import pickle
import re
import shutil
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import yaml
from mlflow import MlflowClient
from pyarrow import parquet

import bikeml
from bikeml.cli import start
from bikeml.experiment.model_file import load_pipeline
from bikeml.tasks.models.output import count_decimals
from tests.builders import agree, stored_model
from tests.conftest import DAILY

pytestmark = pytest.mark.usefixtures("unrendered")
FAST = ("evaluation.bootstrap_samples=100", "evaluation.importance_repeats=1", "split.folds=2")
RUN = ("model=tree", "preprocessing=standard")
COLOURS = ["red", "NA", "", "None", "blue"]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A store with a run on the embedded table, and one on a table with text, gaps and floats."""
    folder = tmp_path_factory.mktemp("store")
    rng = np.random.default_rng(0)
    size, colour = rng.normal(size=60).round(3), rng.choice(COLOURS, 60)
    mixed = pd.DataFrame({"size": size, "colour": colour, "count": rng.integers(0, 9, 60), "price": size * 2})
    mixed.loc[5, "size"] = np.nan
    mixed.to_csv(folder / "mixed.csv", index=False)
    uri = f"tracking.uri=sqlite:///{folder}/mlflow.db"
    table = ("data=csv", f"data.path={folder}/mixed.csv", "data.target=price", "data.numeric=[size,count]")
    imputed = ("data.categorical=[colour]", "data.categories=inferred", "preprocessing=imputed")
    imputed = (*imputed, "tracking.experiment_name=mixed")
    bikeml.run(*FAST, uri, *table, *imputed, f"hydra.run.dir={folder}/mixed")
    bikeml.run(*FAST, uri, "tracking.experiment_name=plain", f"hydra.run.dir={folder}/plain")
    result = bikeml.run(*FAST, uri, *RUN, f"hydra.run.dir={folder}/daily")
    return folder, result


@pytest.fixture
def store(recorded, workdir):
    """A copy of the store; the artifacts too, so that they can be spoilt."""
    shutil.copy(recorded[0] / "mlflow.db", workdir / "mlflow.db")
    shutil.copy(recorded[0] / "mixed.csv", workdir / "mixed.csv")
    return MlflowClient(f"sqlite:///{workdir}/mlflow.db")


@pytest.fixture
def call(store, workdir, capsysbinary):
    """Call the task in this process: its status, and what it writes to the standard output and error."""

    def run(*arguments):
        status = start(["predict", *arguments])
        out, err = capsysbinary.readouterr()
        return status, out.decode(), err.decode()

    return run


def expected(recorded):
    return recorded[1].pipeline.predict(pd.read_csv(DAILY))


def test_the_embedded_table_is_predicted_as_the_run_did(call, recorded):
    status, out, err = call()
    table = pd.read_csv(io.StringIO(out))
    assert status == 0
    assert list(table) == ["row", "predicted"]
    assert table["row"].tolist() == list(range(1, 732))
    np.testing.assert_array_equal(table["predicted"], expected(recorded))
    held_out = recorded[1].predictions
    np.testing.assert_array_equal(table["predicted"].iloc[held_out["row"] - 1], held_out["predicted"])
    table_and_run = f"pkg://bikeml.datasets/daily-bike-share.csv predicted by run {recorded[1].run_id} (tree-standard on daily-bike-share)"
    best = "the best by cv_r2_mean on the folds of the latest run"
    advice = "these are the rows of the embedded table; set data.path to your own"
    assert err == f"731 rows of {table_and_run}, {best}\n{advice}\n"


@pytest.mark.parametrize(
    ("error", "decimals"),
    [
        (316.1, 0),
        (10.0, 0),
        (9.9, 0),
        (1.0, 1),
        (0.99, 1),
        (0.05, 2),
        (1e-7, 8),
        (0.0, None),
        (np.nan, None),
        (None, None),
    ],
)
def test_a_digit_counts_if_it_is_worth_a_tenth_of_the_error(error, decimals):
    assert count_decimals(error) == decimals


def test_a_terminal_gets_the_digits_that_count_and_a_file_all(call, recorded, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    _, out, err = call("interval=0.9", "key=hum")
    shown = pd.read_csv(io.StringIO(out), dtype=str)
    assert shown["hum"].tolist() == pd.read_csv(DAILY, dtype=str)["hum"].tolist()
    for name in ("predicted", "low", "high"):
        assert shown[name].str.fullmatch(r"0|-?[1-9]\d*").all()
    np.testing.assert_array_equal(shown["predicted"].astype(float), np.round(expected(recorded)))
    mae = recorded[1].metrics["test_mae"]
    assert f"rounded, since the run's mean absolute error is {mae:.2f}; a file or a pipe gets all digits\n" in err
    _, out, err = call("output=out.csv")
    assert (out, "rounded" in err) == ("", False)
    np.testing.assert_array_equal(pd.read_csv("out.csv")["predicted"], expected(recorded))


@pytest.mark.parametrize("rows_at_once", [1, 3, 100])
@pytest.mark.parametrize(
    ("seasons", "line"),
    [
        ([9, 1, 9], "season is 9 in some rows; data.allowed lists 1, 2, 3, 4 only"),
        (range(20), "season is 0, 5, 6, 7, 8 and 11 more in some rows; data.allowed lists 1, 2, 3, 4 only"),
        ([1, None, 4], "gaps that the model took: 1 in season"),
    ],
)
def test_values_that_data_allowed_does_not_list_are_one_line(call, monkeypatch, seasons, line, rows_at_once):
    monkeypatch.setattr("bikeml.table.rows.ROWS_AT_ONCE", rows_at_once)
    pd.read_csv(DAILY).head(len(seasons)).assign(season=seasons).to_csv("new.csv", index=False)
    status, out, err = call("data.path=new.csv")
    assert (status, len(out.splitlines())) == (0, len(seasons) + 1)
    assert err.splitlines()[1:] == [line]


@pytest.mark.slow
@pytest.mark.parametrize(
    "rows_at_once", [pytest.param(1, marks=pytest.mark.long), 100, pytest.param(731, marks=pytest.mark.long)]
)
@pytest.mark.parametrize("output", ["out.csv", "out.parquet"])
def test_chunks_and_formats_change_nothing(call, recorded, workdir, monkeypatch, rows_at_once, output):
    monkeypatch.setattr("bikeml.table.rows.ROWS_AT_ONCE", rows_at_once)
    head = 20 if rows_at_once == 1 else 731
    pd.read_csv(DAILY).head(head).to_parquet("new.parquet")
    pd.read_csv(DAILY, dtype=str).head(head).to_csv("new.csv", index=False)
    for table in ("new.csv", "new.parquet"):
        status, out, err = call(f"data.path={table}", f"output={output}", "key=dteday")
        assert (status, out) == (0, "")
        assert err.endswith(f"\n{output}\n")
        written = pd.read_csv(output) if output.endswith("csv") else pd.read_parquet(output)
        assert list(written) == ["row", "dteday", "predicted"]
        np.testing.assert_array_equal(written["predicted"], expected(recorded)[:head])
        assert written["dteday"].iloc[2] == "1/3/2011"
    assert not list(workdir.glob(".*"))


@pytest.mark.long
@pytest.mark.slow
def test_rows_come_from_the_standard_input_and_go_to_the_standard_output(store, recorded):
    command = [sys.executable, "-m", "bikeml", "predict", "data.path=-", f"run={recorded[1].run_id[:8]}"]
    if re.fullmatch(r"\d+|\d+e\d+", recorded[1].run_id[:8]):  # to Hydra a number
        command[-1] = f"run={recorded[1].run_id}"
    with DAILY.open("rb") as table:
        done = subprocess.run(command, stdin=table, capture_output=True, text=True, check=True)
    np.testing.assert_array_equal(pd.read_csv(io.StringIO(done.stdout))["predicted"], expected(recorded))
    assert done.stderr.startswith("731 rows of the standard input predicted by run ")


@pytest.mark.slow
def test_a_run_that_is_named_by_its_folder_needs_no_store_and_no_mlflow(recorded, workdir):
    words = ["predict", f"run={recorded[0] / 'daily'}", "tracking=none", "output=out.csv"]
    code = "import sys; from bikeml.cli import start; start(sys.argv[1:]); print('mlflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
    np.testing.assert_array_equal(pd.read_csv("out.csv")["predicted"], expected(recorded))


@pytest.mark.long
def test_a_reader_that_has_seen_enough_is_no_error(store):
    command = f"{sys.executable} -m bikeml predict 2> err | head -1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "row,predicted\n")
    assert "Traceback" not in Path("err").read_text()


def test_text_gaps_and_keys_are_read_as_in_training(call, recorded, workdir):
    status, out, _ = call("data=csv", "data.path=mixed.csv", "tracking.experiment_name=mixed", "key=colour")
    assert status == 0
    written = pd.read_csv(io.StringIO(out), keep_default_na=False)
    table = pd.read_csv("mixed.csv", keep_default_na=False, na_values={"size": [""], "colour": [""]})
    pipeline = load_pipeline(recorded[0] / "mixed" / "model")
    np.testing.assert_allclose(written["predicted"], pipeline.predict(table), rtol=1e-12)
    assert {"NA", "None", ""} <= {*written["colour"]}


KEYS = {
    "integers": (pa.array([9007199254740993, None, 7]), ["9007199254740993", "", "7"]),
    "gaps at first": (pa.array([None, None, 2**63 - 1]), ["", "", "9223372036854775807"]),
    "text": (pa.array([None, None, "é"]), ["", "", "é"]),
    "gaps alone": (pa.nulls(3), ["", "", ""]),
    "times": (
        pa.array([1293840000000, None, 1293872400000], pa.timestamp("ms")),
        ["2011-01-01 00:00:00", "", "2011-01-01 09:00:00"],
    ),
    "decimals": (pa.array([Decimal("1.50"), None, Decimal("2.00")]), ["1.50", "", "2.00"]),
}


@pytest.mark.slow
@pytest.mark.parametrize("rows_at_once", [pytest.param(1, marks=pytest.mark.long), 2])
@pytest.mark.parametrize("case", KEYS)
def test_a_key_stays_as_it_is_in_its_table(call, monkeypatch, case, rows_at_once):
    monkeypatch.setattr("bikeml.table.rows.ROWS_AT_ONCE", rows_at_once)
    cells, spelt = KEYS[case]
    table = pa.Table.from_pandas(pd.read_csv(DAILY).head(3)).append_column("id", cells)
    parquet.write_table(table, "new.parquet")
    table.to_pandas().assign(id=spelt).to_csv("new.csv", index=False)
    for name, expected in (
        ("new.parquet", cells),
        ("new.csv", pa.array([text or None for text in spelt], pa.string())),
    ):
        assert call(f"data.path={name}", "key=id", "output=out.parquet")[0] == 0
        assert parquet.read_table("out.parquet")["id"].combine_chunks() == expected
        assert call(f"data.path={name}", "key=id", "output=out.csv")[0] == 0
        assert pd.read_csv("out.csv", dtype=str, keep_default_na=False)["id"].tolist() == spelt


@pytest.mark.slow
@pytest.mark.parametrize("rows_at_once", [1, 3])
@pytest.mark.parametrize("name", ["new.parquet", "new.csv"])
def test_a_feature_can_be_the_key(call, monkeypatch, name, rows_at_once):
    monkeypatch.setattr("bikeml.table.rows.ROWS_AT_ONCE", rows_at_once)
    table = pd.read_csv(DAILY).head(3).assign(mnth=pd.array([1, None, 12], "Int64"), hum=[1, 0, 0.5])
    table.set_index("dteday").to_parquet("new.parquet")
    table.to_csv("new.csv", index=False)
    for key, spelt in (("mnth", ["1", "", "12"]), ("hum", ["1.0", "0.0", "0.5"]), ("dteday", table["dteday"].tolist())):
        status, out, err = call(f"data.path={name}", f"key={key}")
        assert status == 0, err
        assert pd.read_csv(io.StringIO(out), dtype=str, keep_default_na=False)[key].tolist() == spelt
    assert call(f"data.path={name}", "key=hum", "output=out.parquet")[0] == 0


def test_other_columns_and_their_order_do_not_matter(call, recorded, workdir):
    table = pd.read_csv(DAILY).head(9)
    table.assign(more="x")[["more", *table.columns[::-1]]].to_csv("new.csv", index=False)
    _, out, _ = call("data.path=new.csv")
    np.testing.assert_array_equal(pd.read_csv(io.StringIO(out))["predicted"], expected(recorded)[:9])


def edit(row, **cells):
    """Return the embedded table with some cells of a row changed, as CSV."""
    table = pd.read_csv(DAILY).astype(object)
    for name, value in cells.items():
        table.loc[row, name] = value
    return table.to_csv(index=False)


def test_rows_of_another_table_are_refused_by_name_with_the_run_that_fits_them(call, recorded):
    mixed = "data=csv", "data.path=mixed.csv"
    status, out, err = call(*mixed)
    run_id = recorded[1].run_id
    daily = rf"run {run_id[:12]} was fitted on daily-bike-share, with \['season', 'mnth', .*\]"
    columns = r"with the columns \['size', 'colour', 'count', 'price'\]"
    assert (status, out) == (2, "")
    assert re.match(
        rf"bikeml: the rows of mixed.csv are of another table, {columns}; {daily}; name a run of this table with run=\n"
        rf" +run=best is {run_id} \(tree-standard on daily-bike-share\), the best by cv_r2_mean on the folds of the l",
        err,
    )
    status, out, err = call(*mixed, "tracking.experiment_name=mixed", f"run={run_id}")
    assert (status, out) == (2, "")
    assert re.match(
        rf"bikeml: the rows of mixed.csv look like the table mixed, {columns}; {daily}; run=\w{{12}} \(linear-imputed\) fits",
        err,
    )
    assert "run=best" not in err


@pytest.mark.parametrize("task", ["predict", "register"])
def test_an_error_says_which_run_was_chosen_and_its_table(store, recorded, capsys, workdir, task):
    run_id = str(recorded[1].run_id)
    store.set_tag(run_id, "bikeml.model_sha256", "0" * 64)
    for which, how in (("latest", "the latest run"), ("best", "the best by cv_r2_mean on the folds of the latest run")):
        assert start([task, f"run={which}"]) != 0
        told = capsys.readouterr().err.splitlines()
        assert "has been changed since it was recorded" in told[0]
        assert told[-1] == f"        run={which} is {run_id} (tree-standard on daily-bike-share), {how}"
    assert start([task, f"run={run_id}"]) != 0
    assert len(capsys.readouterr().err.splitlines()) == 1


HEADER = DAILY.read_text().splitlines()[0] + "\n"
TABLES = {
    "no columns": ("", r"new.csv is empty; it needs a line of column names"),
    "no rows": (HEADER, r"new.csv has no rows below its column names"),
    "a missing column": (
        pd.read_csv(DAILY).rename(columns={"hum": "humid", "mnth": "x"}).to_csv(index=False),
        r"new.csv does not fit the model:\n +there is no column 'mnth'\n +there is no column 'hum'; did you mean 'humid'",
    ),
    "another separator": (
        DAILY.read_text().replace(",", ";"),
        r"has \['instant;dteday;.*; if its values are separated by ';', set",
    ),
    "a word among numbers": (
        edit(400, hum="wet"),
        r"rows 301 to 450 of new.csv do not fit the model:\n +column 'hum' is not a number in row 401: 'wet'; the model takes double there; fix",
    ),
    "several problems": (
        edit(3, hum="wet", season="9.5", temp="inf"),
        r"'season' is not an integer.*\n.*'temp' is inf",
    ),
    "a fraction among integers": (edit(0, mnth=1.5), r"'mnth' is not an integer in row 1: 1.5; the model takes long"),
    "columns twice": (
        pd.read_csv(DAILY).assign(more=1).to_csv(index=False).replace("more", "hum"),
        r"new.csv has columns of the same name: \['hum'\]",
    ),
    "a picture": (b"\x89PNG\r\n\x1a\n\0\0", r"new.csv is not a text file"),
    "half a Parquet file": (b"PAR1\x15\x04", r"cannot read 'new.csv': Parquet file size is 6 bytes"),
    "not UTF-8": (HEADER.replace("day", "dä").encode("latin-1"), r"new.csv is not utf-8"),
    "a line too long": (
        HEADER + "1," * 90 + "1\n",
        r"new.csv is not a table: line 2 has 91 cells, and the header has 14; .*fix the line",
    ),
    "a very long cell": (edit(0, hum="x" * 9_999_999), r"is not a number in row 1: 'x{59}\.\.\.; "),
    "a page that asks to log in": (
        "<!DOCTYPE html>\n<p>Log in</p>\n",
        r"new.csv is not a text file of a table: it is a web page",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", TABLES)
def test_rows_that_do_not_fit_are_one_message_and_leave_nothing(refuse, workdir, monkeypatch, case):
    monkeypatch.setattr("bikeml.table.rows.ROWS_AT_ONCE", 150)
    content, message = TABLES[case]
    (workdir / "new.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    refuse(["data.path=new.csv", "output=out.csv"], message)
    refuse(["data.path=new.csv"], message)


@pytest.mark.slow
def test_gaps_are_told_where_the_model_takes_them_and_refused_where_it_does_not(call, refuse, workdir, monkeypatch):
    monkeypatch.setattr("bikeml.table.rows.ROWS_AT_ONCE", 150)
    (workdir / "new.csv").write_text(edit(300, hum=None))
    assert "\ngaps that the model took: 1 in hum\n" in call("data.path=new.csv")[2]
    refuse(
        ["data.path=new.csv", "tracking.experiment_name=plain"],
        r"the model refuses rows 301 to 450 of new.csv: 'hum' is missing in row 301; mend these cells, or leave",
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hum": "wet"}, r"'hum' is not a number in row 1: 'wet'"),
        ({"season": 1.5}, r"'season' is not an integer in row 1: 1.5"),
    ],
)
def test_a_parquet_table_is_checked_too(refuse, workdir, change, message):
    pd.read_csv(DAILY).assign(**change).to_parquet("new.parquet")
    refuse(["data.path=new.parquet"], message)


@pytest.mark.slow
def test_numbers_of_parquet_in_a_column_of_text_are_read_as_a_csv_file_spells_them(call, workdir):
    table = pd.read_csv("mixed.csv").assign(colour=7)
    table.to_parquet("new.parquet")
    table.to_csv("new.csv", index=False)
    answers = [call(f"data.path=new.{form}", "tracking.experiment_name=mixed") for form in ("parquet", "csv")]
    assert [status for status, _, _ in answers] == [0, 0]
    assert answers[0][1] == answers[1][1]


COMMANDS = [
    ("run=" + "0" * 31 + "a", r"there is no run or alias '0+a' in 'sqlite:.*mlflow.db'; name a finished run"),
    ("tracking.experiment_name=empty", r"no finished run is recorded in .*, experiment 'empty'; record one first"),
    ("tracking.uri=sqlite:///other.db", r"there is no store at 'sqlite:.*other.db'; record a run first"),
    ("tracking=none", r"tracking.uri=null names no store"),
    ("data.path=nowhere.csv", r"there is no table at 'nowhere.csv'; set data.path"),
    ("data.path=.", r"'.' is a folder; set data.path"),
    ("output=out.xlsx", r"output='out.xlsx' should end in .csv or .parquet, or be - for the standard output"),
    ("data.path=mixed.csv output=./mixed.csv", r"output='./mixed.csv' is the table itself; write to another file"),
    ("key=row", r"key='row' is a column of the output already"),
    ("key=dtedai", r"there is no column 'dtedai'; did you mean 'dteday'"),
    ("interval=90", r"interval=90.* should be less than 1"),
    ("interval=0", r"interval=0.* should be greater than 0"),
    ("interval=0.999", r"interval=0.999 needs 999 held-out rows at least, and the run has 220; set a lower one"),
]


@pytest.mark.parametrize(("command", "message"), COMMANDS)
def test_a_wrong_command_is_one_message_and_leaves_nothing(refuse, command, message):
    refuse(command.split(), message)


@pytest.mark.parametrize("output", ["nowhere/out.csv", "/dev/null/out.csv"])
def test_a_place_that_cannot_be_written_is_named(refuse, output):
    refuse([f"output={output}"], rf"cannot write '{output}': there is no folder '.*'; make it", status=1)


@pytest.fixture
def model(store, recorded, workdir):
    """The folder of the run's model, which a test may spoil, and a function that makes the record agree with it."""
    run_id = recorded[1].run_id
    folder = Path(store.get_run(run_id).info.artifact_uri.removeprefix("file://"))
    artifacts = folder.parents[1]
    place = stored_model(artifacts.parent, run_id)
    shutil.copytree(artifacts, workdir / "before")
    yield place, lambda: agree(store, run_id, folder, place)
    shutil.rmtree(artifacts)
    shutil.move(workdir / "before", artifacts)


class Danger:
    called = False

    def __reduce__(self):
        return (setattr, (Danger, "called", True))


def test_a_model_that_was_changed_after_it_was_recorded_is_refused(refuse, model):
    with (model[0] / "model.skops").open("ab") as file:
        file.write(b"\0")
    refuse([], r"the model of run .* \(tree-standard\) has been changed since it was recorded: its sha256 is", status=1)


def test_a_pickle_is_refused_and_not_run(refuse, model):
    folder, admit = model
    (folder / "model.skops").write_bytes(pickle.dumps(Danger()))
    admit()
    refuse([], r"is not a model that bikeml wrote, or is damaged", status=1)
    assert not Danger.called


@pytest.mark.parametrize("place", [0.2, 0.5, 0.9])
def test_a_damaged_model_is_refused_whatever_its_damage_is(refuse, model, place):
    folder, admit = model
    content = bytearray((folder / "model.skops").read_bytes())
    at = int(len(content) * place)
    content[at : at + 40] = bytes(byte ^ 255 for byte in content[at : at + 40])
    (folder / "model.skops").write_bytes(content)
    admit()
    refuse([], r"is not a model that bikeml wrote, or is damaged", status=1)


@pytest.mark.slow
def test_a_model_of_another_scikit_learn_is_refused_with_the_version_to_install(refuse, call, model):
    file = model[0] / "MLmodel"
    description = yaml.safe_load(file.read_text())
    installed = description["flavors"]["sklearn"]["sklearn_version"]
    for other, is_refused in (("1.5.2", True), ("2.0.0", True), (installed.rpartition(".")[0] + ".99", False)):
        description["flavors"]["sklearn"]["sklearn_version"] = other
        file.write_text(yaml.safe_dump(description))
        model[1]()
        if is_refused:
            refuse([], rf"fitted with scikit-learn {other}, and .* install scikit-learn=={other}, or fit", status=1)
        else:
            assert call()[0] == 0


DESCRIPTIONS = {
    "": r"says flavors=None in its MLmodel",
    "signature: {inputs: '[]'}": r"says flavors=None in its MLmodel",
    "flavors: 5": r"says flavors=5 in its MLmodel",
    "{": r"MLmodel' cannot be read: not valid YAML: ",
}


@pytest.mark.parametrize(("content", "message"), DESCRIPTIONS.items())
def test_a_model_without_a_description_is_refused(refuse, model, content, message):
    (model[0] / "MLmodel").write_text(content)
    model[1]()
    refuse([], message, status=1)


def test_a_run_without_a_model_is_named(refuse, model):
    shutil.rmtree(model[0])
    refuse([], r"run .* \(tree-standard\) has no 'model'; it has \[.*'result.json'.*\]; name another run")


@pytest.mark.slow
def test_a_run_whose_held_out_rows_are_not_as_written_gives_no_interval(refuse, model, store, recorded):
    files = Path(store.get_run(recorded[1].run_id).info.artifact_uri.removeprefix("file://"))
    (files / "predictions.csv").write_text("row,actual\n1,x\n")
    refuse(["interval=0.9"], r"run .* \(tree-standard\): 'predictions.csv' has been changed since the run wrote it")
    model[1]()
    refuse(["interval=0.9"], r"predictions.csv' holds no predictions")


def test_the_interval_is_the_finite_sample_quantile_of_the_scaled_residuals_of_the_held_out_rows(call, recorded):
    status, out, err = call("interval=0.8")
    table = pd.read_csv(io.StringIO(out))
    held_out = recorded[1].predictions
    scores = np.sort(np.abs(held_out["actual"] - held_out["predicted"]) / held_out["scale"])
    assert status == 0
    assert list(table) == ["row", "predicted", "low", "high"]
    rows = table.iloc[held_out["row"] - 1].reset_index(drop=True)
    width = scores[177 - 1] * held_out["scale"]  # ceil(221 * 0.8)
    np.testing.assert_allclose(rows["high"], held_out["predicted"] + width)
    np.testing.assert_allclose(rows["low"], np.maximum(held_out["predicted"] - width, 0))
    mean = (table["high"] - table["low"]).mean()
    told = (
        f"intervals of {mean:.6g} on average, wider where errors are larger, for 80 % of rows such as the held-out ones"
    )
    assert told in err


@pytest.mark.slow
def test_a_run_without_a_scale_has_one_width_for_all_rows_and_says_so(call, workdir):
    """As a run of an earlier version, or one of few rows."""
    table = pd.DataFrame({"size": range(40), "price": np.arange(40) ** 2 - 9.0})
    table.to_csv("my.csv", index=False)
    mine = ["data=csv", "data.path=my.csv", "data.target=price", "data.numeric=[size]", "data.categorical=[]"]
    run = bikeml.run(*FAST, *mine, "preprocessing=standard", "model=linear")
    status, out, err = call("run=latest", "data.path=my.csv", "interval=0.8")
    written = pd.read_csv(io.StringIO(out))
    assert status == 0
    assert "scale" not in run.predictions
    np.testing.assert_allclose(written["high"] - written["low"], (written["high"] - written["low"])[0])
    assert "all rows have one width, since the run recorded no scale of its errors" in err
    assert written["low"].min() < -9


@pytest.mark.slow
@pytest.mark.parametrize(("words", "low"), [(["data.target_range=[-9,null]"], -9), (["data.target_range=null"], None)])
def test_the_range_of_the_command_line_bounds_the_intervals(call, recorded, words, low):
    written = pd.read_csv(io.StringIO(call("interval=0.99", *words)[1]))
    assert written["low"].min() == low if low is not None else written["low"].min() < -9


def test_a_range_that_does_not_hold_the_held_out_rows_is_refused(refuse):
    refuse(
        ["interval=0.9", "data.target_range=[900,null]"], r"does not hold the target .* of a held-out row; set it to"
    )


@pytest.mark.slow
def test_of_a_chronological_split_the_interval_promises_nothing(call, store, workdir):
    bikeml.run(*FAST, "model=linear", "split=chronological", "hydra.run.dir=run")
    _, _, err = call("run=latest", "interval=0.9")
    assert "of later rows the interval promises nothing" in err


@pytest.mark.long
def test_the_coverage_on_rows_that_the_run_never_saw_is_as_promised(call, recorded, workdir):
    """Of 8 random halves of the table: each a run of its own, whose intervals are held against the other half."""
    table, level, covered = pd.read_csv(DAILY), 0.9, []
    for seed in range(8):
        seen = np.random.default_rng(seed).permutation(len(table)) < len(table) // 2
        table[seen].to_csv("seen.csv", index=False)
        table[~seen].to_csv("new.csv", index=False)
        name = f"tracking.experiment_name=half{seed}"
        words = ("model=linear", "evaluation.importance=none", "data.path=seen.csv", "hydra.run.dir=run")
        bikeml.run(*FAST, *words, name)
        status, out, _ = call("data.path=new.csv", f"interval={level}", name)
        assert status == 0
        written, truth = pd.read_csv(io.StringIO(out)), table.loc[~seen, "rentals"].to_numpy()
        covered.append(np.mean((written["low"] <= truth) & (truth <= written["high"])))
    # With 110 held-out rows a half's coverage is Beta(100, 11) about 0.9009 with a deviation of 0.028.
    assert level - 4 * 0.04 / np.sqrt(8) <= np.mean(covered) <= level + 1 / 111 + 4 * 0.04 / np.sqrt(8)


def test_an_interrupt_leaves_nothing(call, workdir, monkeypatch):
    before = {*workdir.rglob("*")}

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("bikeml.tasks.models.predict.predict_chunk", interrupt)
    assert call("output=out.csv") == (130, "", "bikeml: interrupted\n")
    assert {*workdir.rglob("*")} == before


@pytest.mark.slow
def test_what_was_allowed_is_the_runs_own_and_not_the_present_configs(call, capsysbinary):
    table = pd.DataFrame({"season": ["wet", "dry"] * 30, "size": range(60), "price": range(60)})
    table.to_csv("my.csv", index=False)
    mine = ["data=csv", "data.path=my.csv", "data.target=price", "data.numeric=[size]", "data.categorical=[season]"]
    bikeml.run(*FAST, *mine, "preprocessing=standard", "model=linear", "+data.allowed.season=[wet,dry]")
    table.assign(season=["wet", "frozen"] * 30).to_csv("new.csv", index=False)
    capsysbinary.readouterr()  # the hints of the run
    status, _, err = call("run=latest", "data.path=new.csv")
    assert status == 0
    assert err.splitlines()[1:] == ["season is 'frozen' in some rows; data.allowed lists 'wet', 'dry' only"]
