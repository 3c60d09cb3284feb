"""What a config file may say of Hydra: options by name and plain values, but nothing that Hydra would run."""

import os
import re
import shutil
from itertools import pairwise
from random import Random

import pytest
import yaml
from omegaconf import OmegaConf
from sklearn.base import RegressorMixin

from bikeml.config.composition import compose, config_dir
from bikeml.config.composition.hydra_section import TEXTS, find_links, is_harmless, list_values
from bikeml.config.sections import take_known
from bikeml.errors import ConfigError, RecordError, TrackingError
from bikeml.experiment.estimators import find_problems
from bikeml.experiment.grid import find_grid_problems
from tests.attacks.configs import WAYS, Folder, Place, attack_once, list_payloads
from tests.conftest import config_of

pytestmark = pytest.mark.usefixtures("unrendered")
VARIABLE = "BIKEML_ALLOW_HYDRA_CONFIG"
CALLED = "hydra: {callbacks: {x: {_target_: builtins.print}}}\n"


@pytest.fixture
def mine(workdir):
    """Write a file of a config folder, and return the override that names the folder."""

    def write(text, name="experiment/own", header="_global_"):
        file = workdir / "mine" / f"{name}.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"# @package {header}\n{text}" if header else text)
        return f"hydra.searchpath=[{workdir}/mine]"

    return write


@pytest.mark.parametrize(
    "text",
    [
        "defaults: [override /hydra/launcher: joblib, _self_]\nhydra: {launcher: {n_jobs: 2, prefer: threads, verbose: 1}}",
        "defaults: [override /hydra/launcher: azureml]\nhydra: {launcher: {wait: false, on_quota: wait, max_jobs: 7}}",
        "defaults: [override /hydra/sweeper: bikeml_optuna, _self_]\nhydra: {sweeper: {n_trials: 3, seed: '${seed}'}}",
        "defaults: [override /hydra/job_logging: default, override /hydra/hydra_logging: none]",
        "hydra: {mode: MULTIRUN, sweeper: {params: {model: 'rf,gbr', +vars.n: [1, 2], seed: 3}}}",
        "hydra: {verbose: true, output_subdir: null, job: {name: mine, chdir: true}}",
        "hydra: {run: {dir: 'out/${now:%Y-%m-%d}/${now:%H-%M}'}, sweep: {dir: out/me, subdir: '${hydra.job.num}'}}",
        "hydra: {sweep: {subdir: '${hydra.job.override_dirname}'}, job: {config: {override_dirname: {exclude_keys: [seed]}}}}",
        "hydra: {sweep: {subdir: '${hydra:runtime.choices.model}-${hydra:job.num}'}}",
    ],
)
def test_a_recipe_chooses_by_name_and_sets_plain_values(mine, text):
    composed = compose([mine(text), "experiment=own"])
    asked = yaml.safe_load(text).get("hydra", {})
    for key, value in list_values(asked):
        node = OmegaConf.to_container(composed)
        for name in key:
            node = node[name]
        assert node == value or key[1:] == ("mode",)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (CALLED, "hydra.callbacks.x._target_"),
        ("hydra: {job: {env_set: {X: 1}}}", "hydra.job.env_set.X"),
        ("hydra: {job: {env_copy: [HOME]}}", "hydra.job.env_copy"),
        ("hydra: {job_logging: {root: {level: DEBUG}}}", "hydra.job_logging.root.level"),
        ("hydra: {searchpath: [pkg://json]}", "hydra.searchpath"),
        ("hydra: {launcher: {_target_: x.y}}", "hydra.launcher._target_"),
        ("hydra: {launcher: {setup: [rm]}}", "hydra.launcher.setup"),
        ('hydra: {launcher: {partition: "a\\nrm"}}', "hydra.launcher.partition"),
        ("hydra: {launcher: {n_jobs: {_target_: x.y}}}", "hydra.launcher.n_jobs._target_"),
        ("hydra: {sweeper: {params: {hydra.run.dir: /x}}}", "hydra.sweeper.params.hydra.run.dir"),
        ("hydra: {sweeper: {params: {'+a@hydra.callbacks': x}}}", "hydra.sweeper.params.+a@hydra.callbacks"),
        ("hydra: {sweeper: {params: {_target_: x.y}}}", "hydra.sweeper.params._target_"),
        ("hydra: {sweeper: {params: {a: [{_target_: x.y}]}}}", "hydra.sweeper.params.a"),
        ("hydra: {sweeper: {params: {vars.x: ../../up}}}", "hydra.sweeper.params.vars.x"),
        ("hydra: {run: {dir: /x}}", "hydra.run.dir"),
        ("hydra: {sweep: {dir: a/../../x}}", "hydra.sweep.dir"),
        ("hydra: {sweep: {subdir: '${vars.x}'}}", "hydra.sweep.subdir"),
        ("hydra: {run: {dir: '${now:/x}'}}", "hydra.run.dir"),
        ("hydra: {output_subdir: x}", "hydra.output_subdir"),
        ("hydra: {job: {name: ../x}}", "hydra.job.name"),
        ("hydra: ${vars.x}", "hydra"),
        ("hydra: {launcher: '${vars.x}'}", "hydra.launcher"),
        ("hydra:", "hydra"),
    ],
)
def test_what_hydra_would_run_is_refused_with_file_key_and_cure(mine, workdir, text, key):
    with pytest.raises(ConfigError) as raised:
        compose([mine(text), "experiment=own"])
    assert str(raised.value).startswith(
        f"'{workdir}/mine/experiment/own.yaml' has {key}, by which a file could run code"
    )
    assert f"set {VARIABLE}=1 in the environment" in str(raised.value)


@pytest.mark.parametrize(
    ("name", "header", "default", "message"),
    [
        ("part/x", "hydra.callbacks.x", {"/part": "x"}, "part/x.yaml' has hydra.callbacks.x._target_"),
        ("part/x", None, {"/part@hydra.callbacks.x": "x"}, "part/x.yaml' has hydra.callbacks.x._target_"),
        ("part/x", None, {"/part@_global_.hydra.launcher": "x"}, "part/x.yaml' has hydra.launcher._target_"),
        ("hydra/x", None, "/hydra/x", "hydra/x.yaml' has hydra._target_"),
        ("hydra/env/x", None, {"override /hydra/env": "x"}, "hydra/env/x.yaml' has hydra.env._target_"),
        (
            "hydra/env/x",
            "_global_",
            {"override /hydra/env": "x"},
            "hydra/env/x.yaml' is an option of Hydra's own group",
        ),
        ("hydra/launcher/joblib", None, {"override /hydra/launcher": "joblib"}, "joblib.yaml' has hydra.launcher._tar"),
        ("experiment/x", "hydra.callbacks", "x", "experiment/x.yaml' has hydra.callbacks._target_"),
    ],
)
def test_whatever_the_way_in_the_file_is_named(mine, name, header, default, message):
    folder = mine("{_target_: builtins.print}", name, header)
    mine(yaml.safe_dump({"defaults": [default, "_self_"]}))
    with pytest.raises(ConfigError, match=message):
        compose([folder, "experiment=own"])


def test_the_environment_lets_a_file_have_anything(mine, monkeypatch):
    monkeypatch.setenv(VARIABLE, "1")
    composed = compose([mine(CALLED), "experiment=own"])
    assert composed.hydra.callbacks.x._target_ == "builtins.print"


def test_the_command_line_sets_what_a_file_may_not():
    words = [
        "+hydra.callbacks.x._target_=builtins.print",
        "hydra.run.dir=/x",
        "hydra.sweeper.params={hydra.run.dir: y}",
    ]
    assert compose(words).hydra.callbacks.x._target_ == "builtins.print"


@pytest.mark.parametrize("name", ["BIKEML_ALLOWED_PACKAGES", VARIABLE, "bikeml_allowed_packages"])
def test_no_word_sets_what_bikeml_trusts(name):
    with pytest.raises(
        ConfigError, match=f"hydra.job.env_set.{name}: no config sets what bikeml trusts; set {name} in the"
    ):
        compose([f"+hydra.job.env_set.{name}=mine"])


def test_a_shipped_option_reads_no_mapping_of_the_experiment(mine):
    text = "defaults: [override /hydra/sweeper: bikeml_optuna]\nseed: {_target_: builtins.print}\n"
    with pytest.raises(ConfigError, match="hydra.sweeper.seed reads a mapping or a list; give it a number or a text"):
        compose([mine(text), "experiment=own"])


def test_a_shipped_option_stays_where_it_belongs(mine):
    with pytest.raises(ConfigError, match="hydra.callbacks.x._target_"):
        compose([mine("defaults: [/hydra/launcher@hydra.callbacks.x: joblib]"), "experiment=own"])


@pytest.mark.parametrize("path", ["/../../x", "//etc/x", "../model/rf"])
def test_no_file_is_named_by_a_path_that_leads_out_of_the_folder(mine, path):
    with pytest.raises(ConfigError, match="leads out of the config folder|has no option"):
        compose([mine(f"defaults: ['{path}']"), "experiment=own"])


def test_a_copy_of_our_own_folder_may_have_what_ours_has(workdir, bikeml_main, capsys):
    shutil.copytree(config_dir(), workdir / "copy")
    assert bikeml_main("--config-path", "copy", "--cfg", "job") == 0
    text = (workdir / "copy" / "config.yaml").read_text().replace("bikeml.cli.BegunSweep", "builtins.print")
    (workdir / "copy" / "config.yaml").write_text(text)
    capsys.readouterr()
    assert bikeml_main("--config-path", "copy", "--cfg", "job") == 2
    assert "copy/config.yaml' has hydra.callbacks" in capsys.readouterr().err


def test_the_texts_that_launchers_and_sweepers_take_are_those_of_ours():
    for kind in ("launcher", "sweeper"):
        for file in (config_dir() / "hydra" / kind).glob("*.yaml"):
            values = {key: value for key, value in yaml.safe_load(file.read_text()).items() if key != "_target_"}
            texts = {key for key, value in values.items() if isinstance(value, str)}
            assert texts <= TEXTS, file


def test_links_are_found_at_any_depth():
    made = OmegaConf.create({"a": {"b": ["${c}"]}, "c": {"_target_": "x"}, "d": "${e}", "e": 1, "f": "${nothing}"})
    assert list(find_links(made, ())) == [("a", "b", "0")]


def test_an_empty_mapping_changes_nothing():
    assert list(list_values({"callbacks": {}, "job": {"env_set": {}}})) == []
    assert not is_harmless(("hydra", "callbacks"), None)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 5000 + "]" * 5000,
        "a: &a [1]\n" + "".join(f"{b}: &{b} [*{a}, *{a}, *{a}, *{a}]\n" for a, b in pairwise("abcdefghijklmno")),
        "a: &a {b: *a}\n",
        f"a: {'1:' * 500_000}\n",
        "x" * 3_000_000,
    ],
)
def test_a_file_that_would_fill_the_memory_is_refused(mine, text):
    folder = mine(text, "experiment/own", None)
    with pytest.raises(ConfigError, match=r"cannot read '.*own.yaml': it(s| has) .*; mend it, or take it away"):
        compose([folder, "experiment=own"])


@pytest.mark.parametrize(
    "text", ["defaults: [own]", "defaults: [/part: x]", f"vars: {{x: '{'${a:' * 3000}{'}' * 3000}'}}"]
)
def test_a_config_without_end_is_refused(mine, text):
    mine("defaults: [/experiment: own]", "part/x")
    with pytest.raises(ConfigError, match="the config has no end: a file names itself in its defaults list, or"):
        compose([mine(text), "experiment=own"])


@pytest.mark.slow
def test_help_waits_for_no_pipe_and_lists_a_file_that_is_no_text(mine, workdir, bikeml_main, capsys):
    mine("estimator: {}", "model/own", None)
    os.mkfifo(workdir / "mine" / "model" / "pipe.yaml")
    (workdir / "mine" / "model" / "picture.yaml").write_bytes(b"\xff\xfe\x00")
    assert bikeml_main("--config-dir", "mine", "--help") == 0
    assert {"own", "pipe", "picture"} <= {*capsys.readouterr().out.split()}


def test_reproduce_takes_the_sections_of_an_experiment_alone():
    recorded = {"seed": 1, "model": {"estimator": {}}, "hydra": {"callbacks": {}}, "experiment": {}, "defaults": ["x"]}
    assert take_known(recorded) == {"seed": 1, "model": {"estimator": {}}}
    with pytest.raises(RecordError, match="the run's config has search.defaults, which bikeml never writes"):
        take_known({"search": {"defaults": [{"/model@hydra.callbacks": "recorded"}]}})


@pytest.mark.parametrize("memory", ["cache", {"_target_": "joblib.Memory", "location": "cache"}])
def test_no_estimator_has_a_cache_of_pickles(memory, workdir):
    inner = {"_target_": "sklearn.pipeline.Pipeline", "steps": [["a", "passthrough"]], "memory": memory}
    for spec in (
        {"_target_": "sklearn.ensemble.BaggingRegressor", "estimator": inner},
        {"_target_": "sklearn.ensemble.StackingRegressor", "estimators": [["a", inner]]},
    ):
        assert any("memory" in problem for problem in find_problems("model.estimator", spec, RegressorMixin))


INNER = "steps: [[b, {_target_: sklearn.linear_model.Ridge}]]"


@pytest.mark.parametrize(
    ("axis", "key"),
    [
        ("estimator__memory: [null, cache]", "estimator__memory"),
        ("estimator__memory: [{_target_: joblib.Memory}]", "estimator__memory"),
        (f"estimator: [{{_target_: sklearn.pipeline.Pipeline, memory: cache, {INNER}}}]", "estimator.estimator.memory"),
        (
            f"estimator__steps: [[[b, {{_target_: sklearn.pipeline.Pipeline, memory: cache, {INNER}}}]]]",
            "estimator__steps.0.1.memory",
        ),
    ],
)
def test_no_axis_of_a_grid_gives_an_estimator_a_cache_of_pickles(mine, axis, key):
    pipeline = f"{{_target_: sklearn.pipeline.Pipeline, {INNER}}}"
    bag = f"estimator: {{_target_: sklearn.ensemble.BaggingRegressor, estimator: {pipeline}}}\ngrid: {{{axis}}}\n"
    config = config_of(mine(bag, "model/bag", None), "model=bag", "search=grid")
    problem, *_ = find_grid_problems(config)
    assert re.match(rf"model\.grid\.{re.escape(key)}=.* is for pickles, which joblib loads and which run code", problem)


# what the attacks see


@pytest.fixture
def place(tmp_path):
    made = Place(tmp_path / "top")
    made.lay_out()
    return made


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "name"), [("run", "callback own"), ("sweep", "axis target"), ("run", "job_logging file")]
)
def test_an_attack_does_its_harm_if_the_environment_allows_it(place, command, name):
    WAYS["recipe"](Folder(place), list_payloads(place)[name], Random(0))
    attack_once(place, "--config-dir", "recipe", command, **{VARIABLE: "1"})
    assert place.find_harm()


def test_a_server_keeps_files_in_its_own_place():
    from bikeml.destination.places import refuse_outside

    server, cloud = "http://host:5000", "azureml://west.api.azureml.ms/mlflow/v1.0/subscriptions/x"
    for place, uri in (
        ("mlflow-artifacts:/1/2/artifacts", server),
        ("mlflow-artifacts://host:5000/1", server),
        ("http://host:5000/api/2.0/mlflow-artifacts/artifacts/1", server),
        ("s3://bucket/a", server),
        ("wasbs://box@account.blob.core.windows.net/a", server),
        ("abfss://box@account.dfs.core.windows.net/a", server),
        ("azureml://east.api.azureml.ms/mlflow/v2.0/subscriptions/x/experiments/a/runs/b/artifacts", cloud),
        ("azureml://experiments/a/runs/b/artifacts", cloud),
        ("file:///anywhere", "sqlite:///mlflow.db"),
    ):
        refuse_outside(place, uri)
    for place, uri in (
        ("file:///home/me/.ssh", server),
        ("/home/me", server),
        ("mlruns/1", server),
        ("", server),
        ("mlflow-artifacts://elsewhere/1", server),
        ("http://elsewhere/1", server),
        ("https://host:5000/1", server),
        ("azureml://evil.example.org/mlflow/v1.0/subscriptions/x", server),
        ("abfss://box@account.evil.org/a", server),
        ("s3://user@evil/a", server),
        ("runs:/1/a", server),
        ("http://[", server),
        ("file:///x", cloud),
        ("azureml://evil.example.org/a", cloud),
    ):
        with pytest.raises(TrackingError, match="which is not its own: files are sent to and taken from"):
            refuse_outside(place, uri)
