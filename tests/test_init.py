"""A folder of one's own: bikeml.yaml and the config of a table, which every command there finds by itself."""

import json
import re
from pathlib import Path

import jsonschema
import numpy as np
import pandas as pd
import pytest
import yaml

from bikeml.cli import start
from bikeml.cli.hydra_app import parse
from bikeml.config.composition import compose, config_dir, resolve
from bikeml.config.project import find_default_store, find_project
from bikeml.config.schema import typed
from bikeml.tasks.tables.init import name_option
from bikeml.tasks.tables.json_schema import build_schema
from tests.test_describe import NASTY


@pytest.fixture
def houses(workdir):
    rng = np.random.default_rng(0)
    size = rng.uniform(20, 200, 120).round(1)
    frame = pd.DataFrame(
        {"size": size, "town": rng.choice(["Bern", "Zug"], 120), "price": 3 * size + rng.normal(size=120)}
    )
    frame.to_csv(workdir / "houses.csv", index=False)
    return workdir


@pytest.fixture
def project(houses, capsys):
    """A folder in which init was called, below the top of a git checkout."""
    (houses / ".git").mkdir()
    assert start(["init", "houses.csv", "target=price"]) == 0, capsys.readouterr().err
    return houses


def data_of(*words):
    return typed(resolve(compose(words))).data


def test_init_writes_what_the_table_shows_and_says_what_is_next(houses, capsys):
    assert start(["init", "houses.csv", "target=price"]) == 0
    shown = capsys.readouterr().out
    written = houses / "conf" / "data" / "houses.yaml"
    assert "conf/data/houses.yaml" in shown
    assert yaml.safe_load((houses / "bikeml.yaml").read_text()) == {
        "config_dir": "conf",
        "store": "sqlite:///mlflow.db",
    }
    lines = written.read_text().splitlines()
    assert lines[1] == "# yaml-language-server: $schema=.schema.json"
    assert all(" # " in line for line in lines[3:]), lines
    data = data_of("data=houses")
    assert (data.name, data.path, data.target) == ("houses", "houses.csv", "price")
    assert (data.numeric, data.categorical, data.is_decided) == (["size"], ["town"], True)
    commands = re.findall(r"python -m bikeml .*", shown)
    assert len(commands) == 3
    assert all("data=houses" in command for command in commands)


@pytest.mark.slow
def test_the_next_commands_work_as_they_stand(houses, capsys):
    assert start(["init", "houses.csv", "target=price"]) == 0
    for command in re.findall(r"python -m bikeml (.*)", capsys.readouterr().out):
        fast = ["evaluation.bootstrap_samples=100", "evaluation.importance=none"] if command.startswith("-m") else []
        assert start([*command.replace("linear,lasso,tree,rf,gbr", "linear,tree").split(), *fast]) == 0
    assert capsys.readouterr().out.rstrip().splitlines()[-1].split()[1] in ("linear-auto", "tree-auto")


def test_nothing_is_overwritten(project, capsys):
    before = {file: file.read_bytes() for file in project.rglob("*") if file.is_file()}
    assert start(["init", "houses.csv", "target=price"]) == 2
    told = "'conf/data/houses.yaml' is there already; choose another with name=NAME, or use it, as in: python -m bikeml"
    assert f"{told} explore data=houses" in capsys.readouterr().err
    assert start(["init", "houses.csv", "target=price", "name=flats"]) == 0
    assert "kept  bikeml.yaml" in capsys.readouterr().out
    assert all(file.read_bytes() == content for file, content in before.items())
    assert data_of("data=flats").target == "price"


def test_a_folder_below_finds_its_options_and_its_store(project, monkeypatch):
    below = project / "a" / "b"
    below.mkdir(parents=True)
    assert find_default_store() == "sqlite:///mlflow.db"
    monkeypatch.chdir(below)
    assert find_project().config_dir == project / "conf"
    assert data_of("data=houses").target == "price"
    assert find_default_store() == f"sqlite:///{project}/mlflow.db"
    assert typed(resolve(compose([]))).tracking.uri == f"sqlite:///{project}/mlflow.db"
    assert typed(resolve(compose(["tracking=local"]))).tracking.uri == "sqlite:///mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///theirs.db")
    assert typed(resolve(compose([]))).tracking.uri == "sqlite:///theirs.db"


def test_a_table_of_a_folder_below_has_a_path_that_works_above(project, monkeypatch):
    (project / "below").mkdir()
    (project / "houses.csv").rename(project / "below" / "flats.csv")
    monkeypatch.chdir(project / "below")
    assert start(["init", "flats.csv", "target=price"]) == 0
    assert data_of("data=flats").path == str(project / "below" / "flats.csv")
    assert not (project / "below" / "conf").exists()


def test_a_table_that_init_has_described_is_found_in_folders_below(project, monkeypatch, capsys):
    below = project / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert data_of("data=houses").path == str(project / "houses.csv")
    assert data_of("data=houses", "data.path=other.csv").path == "other.csv"  # relative to where it was typed
    assert data_of("data=csv", "data.path=other.csv", "data.target=x").path == "other.csv"
    assert data_of("data=houses", "+data.test_path=rest.csv").test_path == "rest.csv"
    assert start(["explore", "data=houses"]) == 0, capsys.readouterr().err
    monkeypatch.chdir(project)
    assert data_of("data=houses").path == "houses.csv"


@pytest.mark.long
def test_an_experiment_and_a_cell_find_the_table_from_a_folder_below(project, monkeypatch, capsys):
    (project / "below").mkdir()
    monkeypatch.chdir(project / "below")
    fast = ("model=baseline", "tracking=none", "split.folds=2", "evaluation.importance=none")
    assert start(["data=houses", *fast]) == 0, capsys.readouterr().err
    assert start(["-m", "data=houses", *fast, "seed=0,1"]) == 0, capsys.readouterr().err


def test_nothing_is_looked_for_above_a_checkout_or_in_folders_that_are_in_none(project, monkeypatch):
    inner = project / "inner"
    (inner / ".git").mkdir(parents=True)
    monkeypatch.chdir(inner)
    assert find_project() is None
    (project / ".git").rmdir()
    (inner / ".git").rmdir()
    assert find_project() is None  # a folder above might be another person's
    monkeypatch.setattr(Path, "home", lambda: project)
    assert find_project().file == project / "bikeml.yaml"


def test_the_words_of_a_command_win(project):
    other = project / "other" / "data"
    other.mkdir(parents=True)
    (other / "houses.yaml").write_text("defaults: [csv, _self_]\npath: o.csv\ntarget: other\n")
    assert data_of("hydra.searchpath=[other]", "data=houses").target == "other"


@pytest.mark.parametrize("words", [("data=houses",), ("--config-dir", "conf", "data=houses")])
def test_an_experiment_finds_the_option(project, capsys, words):
    assert start([*words, "--cfg", "job"]) == 0
    assert "target: price" in capsys.readouterr().out


def test_hydra_gets_the_folder_as_its_config_dir_and_so_a_cell_or_a_job_names_it(project):
    assert parse(["data=houses"]).config_dir == str(project / "conf")
    Path("other").mkdir()
    assert parse(["--config-dir", "other", "data=houses"]).config_dir == "other"
    assert parse(["hydra.searchpath=[other]"]).config_dir is None


def test_help_says_which_file_is_used(project, capsys):
    for words in (["--help"], ["explore", "--help"]):
        assert start(words) == 0
        shown = " ".join(capsys.readouterr().out.split())
        assert (
            f"Used here: {project / 'bikeml.yaml'} (config_dir: {project / 'conf'}, store: sqlite:///{project}/mlflow.db)"
            in shown
        )
    assert start(["--help"]) == 0
    assert "houses: written by bikeml init" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("confdir: conf", r"unknown key 'confdir'; did you mean 'config_dir'\?; allowed here: config_dir, store"),
        ("config_dir: nowhere", r"has config_dir: nowhere, and there is no such folder; make it, or mend the file"),
        ("config_dir: [a]", r"config_dir=\['a'\] should be text"),
        ("- a", r"should hold lines such as config_dir: conf; it holds \['a'\]"),
        ("a: [", r"cannot read .*; mend it, or delete it"),
        ("store: csv://x", r"tracking.uri='csv://x' is not a store of MLflow"),
    ],
)
def test_a_wrong_bikeml_yaml_is_one_message(workdir, capsys, text, message):
    (workdir / "bikeml.yaml").write_text(text)
    for words in (["runs"], ["model=tree"]):
        assert start(words) == 2
        assert re.search(message, capsys.readouterr().err)


def test_an_empty_bikeml_yaml_says_nothing(workdir):
    (workdir / "bikeml.yaml").write_text("# to be written\n")
    assert find_project().config_dir is None
    assert find_default_store() == "sqlite:///mlflow.db"
    assert data_of().target == "rentals"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("houses.csv", "houses"),
        ("a/Houses 2024 (final).csv.gz", "houses_2024_final"),
        ("https://example.org/x/flats.parquet?sig=abc", "flats"),
        ("2024.csv", "table_2024"),
        ("yes.csv", "table_yes"),
        ("daily.csv", "table_daily"),
        ("csv.csv", "table_csv"),
        ("温度.csv", "table"),
        (".csv", "table"),
    ],
)
def test_a_name_that_is_none_of_an_option_is_made_one(path, name):
    assert name_option(path) == name


@pytest.mark.parametrize("name", NASTY[:40])
def test_any_file_name_becomes_an_option_that_hydra_takes(houses, name):
    assert re.fullmatch(r"[a-z_][a-z0-9_]*", name_option(f"{name}.csv".replace("/", "")))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["houses.csv"], r"houses.csv needs a target, the column to predict; it has \['size', 'town', 'price'\]"),
        (["houses.csv", "target=prize"], r"no column 'prize'; did you mean 'price'\?; it has .*; set target=COLUMN"),
        (["houses.csv", "target=price", "name=yes"], r"name='yes' should have letters"),
        (
            ["houses.csv", "target=price", "name=csv"],
            r"name='csv' is an option of bikeml itself, which would hide yours",
        ),
        (["houses.csv", "target=price", "name=a/b"], r"name='a/b' should have letters"),
        (
            ["houses.csv", "flats.csv", "target=price"],
            r"init takes one word without a key, and got 'houses.csv', 'flats.csv'",
        ),
        (["nothing.csv", "target=price"], r"nothing.csv"),
        ([], r"data.path has no value"),
    ],
)
def test_a_wrong_word_leaves_nothing_behind(houses, capsys, words, message):
    before = sorted(houses.rglob("*"))
    assert start(["init", *words]) == 2
    assert re.search(message, capsys.readouterr().err)
    assert sorted(houses.rglob("*")) == before


# The JSON schema


def valid(values):
    return jsonschema.Draft202012Validator(build_schema()).is_valid(values)


@pytest.mark.parametrize("file", sorted((config_dir() / "data").glob("*.yaml")), ids=lambda file: file.stem)
def test_every_shipped_option_is_valid(file):
    schema = build_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(yaml.safe_load(file.read_text()), schema)


def test_what_init_writes_is_valid_and_a_misspelled_key_is_not(project):
    schema = json.loads((project / "conf" / "data" / ".schema.json").read_text())
    values = yaml.safe_load((project / "conf" / "data" / "houses.yaml").read_text())
    jsonschema.validate(values, schema)
    with pytest.raises(jsonschema.ValidationError, match="taget"):
        jsonschema.validate({**values, "taget": "price"}, schema)


@pytest.mark.parametrize(
    ("values", "is_valid"),
    [
        ({"numeric": [2011, "a"]}, True),
        ({"numeric": "auto"}, True),
        ({"numeric": "all"}, False),
        ({"path": "${oc.env:TABLE}"}, True),
        ({"header": "${vars.header}"}, True),
        ({"header": "maybe"}, False),
        ({"skip_rows": -1}, False),
        ({"missing_target": "keep"}, False),
        ({"units": None}, True),
        ({"numeric": None}, False),
        ({"decimal": ";"}, False),
    ],
)
def test_an_editor_is_told_what_a_run_would_refuse(values, is_valid):
    assert valid(values) == is_valid


def test_every_key_is_described():
    described = build_schema()["properties"]
    assert [key for key, found in described.items() if not found["description"]] == []
