"""What Hydra's users type works here as they know it, or is refused with the cure."""

import json
import logging
import re
import shlex
import sys
from importlib.util import find_spec

import hydra
import pandas as pd
import pytest
import yaml
from hydra import initialize_config_dir, version
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import OmegaConf
from packaging.version import Version

import bikeml
from bikeml.azure.launch.launcher import AzureMLLauncher
from bikeml.config.composition import compose, config_dir, hydra_set_aside
from bikeml.config.composition.loader import Loader
from bikeml.config.overrides import as_typed, literal
from bikeml.errors import ConfigError, PlannedError
from bikeml.multirun import story
from bikeml.multirun.composed import Job
from bikeml.multirun.launcher import CellLauncher
from bikeml.multirun.local.launcher import LocalLauncher
from bikeml.multirun.sources import find_folders
from bikeml.records.sweep_folder import SweepFolder
from bikeml.system.redaction import redact
from tests.conftest import DAILY

pytestmark = pytest.mark.usefixtures("unrendered")
has_azure = find_spec("azure") is not None and find_spec("azure.ai") is not None
needs_azure = pytest.mark.skipif(not has_azure, reason="the azure extra is not installed")
FAST = ("evaluation.bootstrap_samples=100", "evaluation.importance=none")
UNTRACKED = (*FAST, "tracking=none", "hydra.sweep.dir=sweep")
OF_A_SWEEP = ("seed=${hydra:job.num}", "tracking.run_name=${hydra:runtime.choices.model}-${now:%f}")


def results(folder):
    return [json.loads(file.read_text()) for file in sorted(folder.glob("*/result.json"))]


@pytest.fixture
def plan(bikeml_main, monkeypatch):
    """Compose the cells of a sweep by the command line, and return them; nothing runs."""

    def call(*words, status=0):
        seen = []

        def stop(composed, *_):
            seen.extend(composed)
            raise PlannedError("seen")

        monkeypatch.setattr(story, "_plan", stop)
        monkeypatch.setattr(LocalLauncher, "warm_up", CellLauncher.warm_up)  # so that nobody is asked elsewhere
        assert bikeml_main("-m", *words) == status
        return seen

    return call


@pytest.mark.long
@pytest.mark.slow
def test_chdir_moves_neither_store_nor_table_nor_checkpoint_nor_folder(bikeml_main, workdir):
    (workdir / "t.csv").write_bytes(DAILY.read_bytes())
    words = (*FAST, "hydra.job.chdir=true", "data.path=t.csv", "model=tree", "search=grid", "search.checkpoint=true")
    words = (*words, "search.checkpoint_dir=kept", "model.grid={max_depth: [2, 3]}")
    assert bikeml_main(*words, "hydra.run.dir=run") == 0
    for folder in ("sweep", "again"):
        assert bikeml_main("-m", *words, "seed=1", f"hydra.sweep.dir={folder}", "reuse=finished") == 0
    assert [file.parent for file in workdir.rglob("mlflow.db")] == [workdir]
    assert [folder.parent for folder in workdir.rglob("kept")] == [workdir]
    assert [cell.reused for cell in SweepFolder(workdir / "again").read().cells] == [True]
    assert len(list(workdir.rglob("sweep"))) == 1


@pytest.mark.slow
def test_a_cell_reads_hydras_config_as_the_plan_did(bikeml_main, workdir):
    words = (*UNTRACKED, *OF_A_SWEEP, "data.name=${hydra:job.id} ${hydra:runtime.output_dir}")
    assert bikeml_main("-m", *words, "model=linear,tree") == 0
    first, second = results(workdir / "sweep")
    assert [first["overrides"][0], second["overrides"][-1]] == [FAST[0], "model=tree"]
    assert [each["identity"]["config"]["seed"] for each in (first, second)] == [0, 1]
    assert first["run_name"].startswith("linear-")
    assert second["run_name"] == first["run_name"].replace("linear", "tree")  # one ${now:} for the sweep
    assert second["dataset"]["name"] == f"1 {workdir}/sweep/1"
    command = shlex.split(second["command"])
    assert {*OF_A_SWEEP} < {*command}
    assert command[-1] == "model=tree"


@pytest.mark.long
@pytest.mark.slow
def test_the_number_of_a_cell_is_the_same_in_every_batch_and_where_others_are_reused(bikeml_main, workdir, monkeypatch):
    monkeypatch.setattr("bikeml.multirun.launcher.SERIAL_BATCH", 2)
    words = (*FAST, "model=tree", "model.estimator.max_depth=2,3,4", "seed=${hydra:job.num}")
    assert bikeml_main("-m", *words, "hydra/launcher=basic", "sweep.max_failures=0", "hydra.sweep.dir=first") == 0
    found = [each["identity"]["config"]["seed"] for each in results(workdir / "first")]
    assert found == [0, 1, 2]
    again = (*words[:3], "model.estimator.max_depth=2,7,4", words[-1])
    assert bikeml_main("-m", *again, "reuse=finished", "hydra.sweep.dir=second") == 0
    cells = SweepFolder(workdir / "second").read().cells
    assert [cell.reused for cell in cells] == [True, False, True]
    assert [each["identity"]["config"]["seed"] for each in results(workdir / "second")] == [0, 1, 2]


@pytest.mark.long
@pytest.mark.slow
def test_the_number_of_a_cell_is_the_same_with_another_launcher(bikeml_main, workdir):
    words = ("model=linear,tree,linear,lasso", "seed=${hydra:job.num}", "hydra/launcher=joblib")
    assert bikeml_main("-m", *UNTRACKED, *words, "hydra.launcher.n_jobs=2", "evaluation.random_state=0") == 0
    board = pd.read_csv(workdir / "sweep" / "leaderboard.csv").sort_values("cell")
    assert list(board["cell"]) == [0, 1, 2, 3]
    assert [each["identity"]["config"]["seed"] for each in results(workdir / "sweep")] == [0, 1, 2, 3]


@pytest.mark.slow
def test_a_cell_that_is_resolved_otherwise_than_planned_does_not_run(bikeml_main, workdir, monkeypatch):
    words = Job.words.fget
    monkeypatch.setattr(Job, "words", property(lambda job: [*words(job), "seed=7"]))
    assert bikeml_main("-m", *UNTRACKED, "hydra/launcher=basic", "model=linear,tree") == 1
    (board,) = {*pd.read_csv(workdir / "sweep" / "leaderboard.csv")["status"]}
    assert board == "failed"


@needs_azure
def test_a_job_elsewhere_is_told_what_was_resolved_here(plan, workdir):
    from bikeml.azure.launch.command import build_request

    first, second = plan(*UNTRACKED, *OF_A_SWEEP, "model=linear,tree", "++data.name=${hydra:runtime.cwd}")
    command = shlex.split(build_request(_with_identity(second), workdir).command)
    assert "++seed=1" in command
    assert f"++data.name={workdir}" in command
    assert not [word for word in command if "${hydra" in word or "${now" in word or "run_name=$" in word]
    assert "++seed=0" in build_request(_with_identity(first), workdir).command


def _with_identity(planned):
    from dataclasses import replace

    return replace(planned, identity={"data_sha256": "0" * 64})


def test_hydras_config_of_another_program_is_left_as_it_was(plan):
    assert HydraConfig.instance().cfg is None
    plan(*UNTRACKED, *OF_A_SWEEP, "model=linear,tree")
    assert HydraConfig.instance().cfg is None


@pytest.mark.parametrize(
    ("escaped", "typed"),
    [
        (r"seed=$\{hydra\:job.num\}", "seed=${hydra:job.num}"),
        (r"a=$\{oc.env\:X\,$\{seed\}\}-$\{now\:%f\}", "a=${oc.env:X,${seed}}-${now:%f}"),
        (r"l=[$\{seed\},a\,b]", r"l=[${seed},a\,b]"),
        (r"x='$\{a\}'", r"x='$\{a\}'"),
        (r"x=a\,b", r"x=a\,b"),
    ],
)
def test_an_interpolation_is_kept_as_it_was_typed(escaped, typed):
    assert as_typed(escaped) == typed


def test_any_value_is_written_in_hydras_grammar():
    assert literal({"a": [1, None, True, 1.5, "x y"]}) == '{a:[1,null,True,1.5,"x y"]}'


def write(file, text):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


RECIPE = """# @package _global_
defaults:
  - override /hydra/job_logging: default
  - override /hydra/hydra_logging: default
  - override /hydra/sweeper: basic
"""


def test_a_recipes_choices_in_hydras_groups_win_over_ours_and_give_way_to_the_command_line(workdir):
    write(workdir / "mine" / "experiment" / "loud.yaml", RECIPE)
    mine = f"hydra.searchpath=[{workdir / 'mine'}]"
    of_hydra = ("hydra/sweeper", "hydra/job_logging", "hydra/hydra_logging")
    for words, chosen in (
        ([], ["bikeml", "quiet", "none"]),
        ([mine, "experiment=loud"], ["basic", "default", "default"]),
        ([mine, "experiment=loud", "hydra/sweeper=bikeml", "hydra/job_logging=none"], ["bikeml", "none", "default"]),
    ):
        choices = compose(words).hydra.runtime.choices
        assert [choices[group] for group in of_hydra] == chosen


@pytest.mark.slow
def test_a_hyperparameter_file_chooses_sweeper_mode_and_axes(bikeml_main, workdir, capsys):
    text = f"{RECIPE}hydra: {{mode: MULTIRUN, sweeper: {{params: {{model: 'linear,lasso'}}}}}}\n"
    write(workdir / "mine" / "hparams_search" / "two.yaml", text)
    assert bikeml_main("--config-dir", "mine", "+hparams_search=two", *UNTRACKED) == 0
    assert [each["choices"]["model"] for each in results(workdir / "sweep")] == ["linear", "lasso"]


@pytest.mark.slow
def test_values_of_ones_own_are_for_other_values_and_no_part_of_a_result(bikeml_main, workdir, capsys):
    text = "# @package _global_\nvars: {my_alpha: 0.3, db: {password: hush}}\n"
    text += "defaults: [override /model: lasso]\nmodel: {estimator: {alpha: '${vars.my_alpha}'}}\n"
    write(workdir / "mine" / "experiment" / "own.yaml", text)
    words = ("--config-dir", "mine", "experiment=own", *FAST, "+vars.my_token=hush", "+vars.n=1")
    assert bikeml_main(*words, "hydra.run.dir=a") == 0
    assert bikeml_main(*FAST, "model=lasso", "model.estimator.alpha=0.3", "hydra.run.dir=b") == 0
    one, other = (json.loads((workdir / name / "result.json").read_text()) for name in "ab")
    assert one["fingerprint"] == other["fingerprint"]
    config = yaml.safe_load((workdir / "a" / "config.yaml").read_text())
    assert config["vars"] == {"my_alpha": 0.3, "db": {"password": "***"}, "my_token": "***", "n": 1}
    held = [file.read_bytes() for file in (workdir / "a").rglob("*") if file.is_file()]
    assert not [content for content in held if b"hush" in content]
    assert b"hush" not in (workdir / "mlflow.db").read_bytes()
    assert "hush" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("bikeml +vars.password=abc model=rf", "bikeml +vars.password=*** model=rf"),
        ("bikeml '+vars.my_token=a b' model=rf", "bikeml '+vars.my_token=***' model=rf"),
        ("++vars.db.api_key=abc", "++vars.db.api_key=***"),
        ("+vars.sigma=3", "+vars.sigma=3"),
    ],
)
def test_secrets_among_ones_own_values_are_taken_out_of_commands(text, shown):
    assert redact(text) == shown


MINE = "# My own defaults\ndefaults: [config, _self_, override /model: lasso]\nseed: 5\n"
OWN = "# My own ridge\nestimator: {_target_: sklearn.linear_model.Ridge, alpha: 3.0}\ngrid: {}\n"


@pytest.fixture
def mine(workdir):
    """A folder of a user's own, with a primary config and a model."""
    write(workdir / "mine" / "mine.yaml", MINE)
    write(workdir / "mine" / "model" / "own.yaml", OWN)
    return workdir / "mine"


SOURCES = {
    "folder": (("--config-dir", "mine", "--config-name=mine"), ["--config-dir={}", "--config-name=mine"]),
    "path": (("--config-path", "mine", "--config-name=mine"), ["--config-path={}", "--config-name=mine"]),
    "searchpath": (("hydra.searchpath=[mine]", "seed=5"), ["hydra.searchpath=[{}]"]),  # where Hydra finds no primary
}


@pytest.mark.slow
@pytest.mark.parametrize(("sources", "kept"), SOURCES.values(), ids=SOURCES)
def test_a_recorded_command_composes_from_the_same_sources(bikeml_main, workdir, mine, sources, kept):
    assert bikeml_main("-m", *sources, *UNTRACKED, "model=own", "split.folds=2,3") == 0
    first, _ = results(workdir / "sweep")
    program, *command = shlex.split(first["command"])
    assert program == "bikeml"
    assert command[: len(kept)] == [word.format(mine) for word in kept]
    assert bikeml_main(*command, "hydra.run.dir=again") == 0
    again = json.loads((workdir / "again" / "result.json").read_text())
    assert again["fingerprint"] == first["fingerprint"]
    assert again["identity"]["config"]["seed"] == 5


def test_a_proposed_command_keeps_the_sources(bikeml_main, mine, capsys):
    assert bikeml_main("--config-dir", "mine", "--config-name", "mine", *FAST, "tracking=none") == 0
    assert "next  bikeml --config-dir mine --config-name mine " in capsys.readouterr().out


@needs_azure
@pytest.mark.parametrize(("sources", "kept"), SOURCES.values(), ids=SOURCES)
def test_a_job_elsewhere_gets_the_folders_and_the_name(
    plan, bikeml_main, workdir, mine, monkeypatch, capsys, sources, kept
):
    seen = []
    monkeypatch.setattr(AzureMLLauncher, "setup", lambda self, *, config, **_: seen.append(config))
    write(mine / "model" / "rf.yaml", OWN)
    first, _ = plan(*sources, "hydra/launcher=azureml", "model=own,lasso")
    from bikeml.azure.launch.command import build_request
    from bikeml.azure.launch.snapshot import stage

    stage(workdir / "code", (), find_folders(seen[0].hydra), ())
    name = seen[0].hydra.job.config_name
    command = shlex.split(build_request(_with_identity(first), workdir, name).command)[4:]
    assert command[:2] == ["--config-path=config", f"--config-name={name}"]
    assert not [word for word in command if str(mine) in word or word.startswith("hydra.searchpath")]
    assert (workdir / "code/config/model/rf.yaml").is_file() == (sources[0] == "--config-path")  # else ours hides it
    monkeypatch.chdir(workdir / "code")
    capsys.readouterr()
    assert bikeml_main(*(word for word in command if "inputs.table" not in word), "--cfg", "job") == 0
    composed = yaml.safe_load(capsys.readouterr().out)
    assert (composed["seed"], composed["model"]["estimator"]["alpha"]) == (5, 3.0)


@needs_azure
@pytest.mark.parametrize("name", [None, "mine"])
def test_a_job_elsewhere_trusts_the_folders_that_it_gets_as_here(plan, workdir, monkeypatch, name):
    from bikeml.azure.launch.command import build_request

    monkeypatch.setenv("BIKEML_ALLOW_HYDRA_CONFIG", "1")
    first, _ = plan(*UNTRACKED, "model=linear,lasso")
    command = build_request(_with_identity(first), workdir, name).command
    assert ("BIKEML_ALLOW_HYDRA_CONFIG=1 python -m bikeml --config-path" in command) == (name is not None)


@needs_azure
def test_a_package_of_configs_is_refused_on_a_cluster(bikeml_main, capsys):
    words = ("hydra.searchpath=[pkg://json]", "hydra/launcher=azureml", "model=linear,tree", "hydra.launcher.plan=true")
    assert bikeml_main("-m", *words) == 2
    assert "pkg://json is in a package, which a job does not have" in capsys.readouterr().err


@pytest.mark.slow
def test_a_value_for_the_swept_models_need_not_fit_the_default_one(plan):
    def arguments(*words):
        return [each.config.model.estimator.get("n_estimators") for each in plan(*UNTRACKED, *words)]

    assert arguments("model=gbr,rf", "model.estimator.n_estimators=20") == [20, 20]
    assert arguments("experiment=tutorial_rf,tutorial_gbr", "model.estimator.n_estimators=7") == [7, 7]
    assert arguments("hydra.mode=MULTIRUN", "model=gbr,rf", "++model.estimator.n_estimators=9") == [9, 9]
    first, second = plan(*UNTRACKED, "model=gbr,rf", "model.grid={n_estimators: [1, 2]}", "split.folds=2")
    assert first.config.model.grid["n_estimators"] == second.config.model.grid["n_estimators"] == [1, 2]
    assert first.overrides[-2:] == ("model.grid={n_estimators:[1,2]}", "split.folds=2")


def test_a_value_that_one_of_the_swept_models_lacks_is_refused_with_its_keys(plan, capsys):
    assert plan("model=rf,lasso", "model.estimator.n_estimators=20", status=2) == []
    assert "unknown key 'model.estimator.n_estimators'; allowed here: _target_, alpha" in capsys.readouterr().err


LAUNCHED = "# @package _global_\ndefaults: [override /hydra/launcher: joblib]\nseed: 1\n"
HELD = "# @package _global_\nhydra: {sweep: {dir: elsewhere}}\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("+experiment=tutorial_rf",), "experiment is chosen twice; choose it without \\+: experiment=OPTION"),
        (("mygroup=g",), r"mygroup has no default to override; add it with: \+mygroup=g$"),
        (("+model.estimator._partial_=true",), "model.estimator._partial_ is for Hydra's instantiate.*leave it out"),
        (("-m", "hydra.sweeper.max_batch_size=1", "seed=1,2"), "bikeml's sweeper hands all cells over at once: leave"),
        (("hydra.searchpath=[mine]", "model=rf"), "model=rf is shipped, and hides '.*/mine/model/rf.yaml'; give that"),
        (("-m", "hydra.searchpath=[mine]", "model=rf,tree"), "model=rf is shipped, and hides '.*/mine/model/rf.yaml'"),
        (("-m", "experiment=launched,tutorial_rf"), "'.*/experiment/launched.yaml' sets hydra.launcher, which a sweep"),
        (("-m", "experiment=held,tutorial_rf"), "hydra.sweep.dir is 'elsewhere' in a cell and 'multirun/.*' in the sw"),
        (("-m", "seed=1,2", "hydra.sweep.dir=sw/${seed}"), "hydra.sweep.dir is 'sw/1' in a cell and 'sw/0' in the sw"),
        (("vars.x=1",), r"unknown key 'vars.x'; to add a key, write \+vars.x=VALUE"),
    ],
)
def test_a_word_of_hydra_that_means_something_else_here_is_refused_with_the_cure(
    bikeml_main, mine, words, message, capsys
):
    write(mine / "mygroup" / "g.yaml", "# @package _global_\nseed: 3\n")
    write(mine / "model" / "rf.yaml", OWN)
    write(mine / "experiment" / "launched.yaml", LAUNCHED)
    write(mine / "experiment" / "held.yaml", HELD)
    folder = () if any("searchpath" in word for word in words) else ("--config-dir", "mine")
    if folder:
        (mine / "model" / "rf.yaml").unlink()
    assert bikeml_main(*folder, *words, *FAST, "tracking=none") == 2
    assert re.search(message, capsys.readouterr().err, re.MULTILINE)


@pytest.mark.slow
def test_what_a_sweep_has_once_may_stand_in_a_recipe_that_is_not_swept(bikeml_main, workdir, mine):
    write(mine / "experiment" / "held.yaml", HELD)
    words = ("--config-dir=mine", "experiment=held", *FAST, "tracking=none", "split.folds=2,3")
    assert bikeml_main("-m", *words) == 0
    assert len(results(workdir / "elsewhere")) == 2


@pytest.mark.slow
def test_help_lists_the_options_of_a_folder_of_ones_own(bikeml_main, mine, capsys):
    for words in (("--config-dir", "mine"), ("--config-path=mine", "--config-name=mine"), ("hydra.searchpath=[mine]",)):
        assert bikeml_main(*words, "--help") == 0
        assert "  own                   My own ridge\n" in capsys.readouterr().out


def test_hydra_full_error_shows_the_whole_error(bikeml_main, monkeypatch, capsys):
    assert bikeml_main("modle=rf") == 2
    assert "Traceback" not in capsys.readouterr().err
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    assert bikeml_main("modle=rf") == 2
    shown = capsys.readouterr().err
    assert "ConfigCompositionException: Could not override 'modle'" in shown
    assert shown.splitlines()[-1].startswith("bikeml: unknown key 'modle'; did you mean 'model'?")


def test_null_for_the_swept_models_is_null_in_each_cell(plan):
    planned = plan(*UNTRACKED, "model=tree,rf", "model.estimator.max_depth=null")
    assert [cell.config.model.estimator["max_depth"] for cell in planned] == [None, None]
    assert all("model.estimator.max_depth=null" in cell.overrides for cell in planned)


def test_verbose_shows_and_logs_what_libraries_say(bikeml_main, workdir, capsys, monkeypatch):
    monkeypatch.setattr(logging.getLogger("filelock"), "level", logging.NOTSET)  # restored: Hydra sets it for good
    assert bikeml_main("hydra.verbose=[filelock]", *FAST, "tracking=none", "hydra.run.dir=run") == 0
    assert "DEBUG filelock: Lock" in (workdir / "run" / "bikeml.log").read_text()
    assert "Attempting to acquire lock" in capsys.readouterr().err


@pytest.fixture
def app(monkeypatch):
    """Call another program of Hydra's, whose task function is given, with conf/ as its own."""

    def call(task, *words):
        monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
        monkeypatch.setattr(sys, "argv", ["app.py", *words])
        hydra.main(version_base="1.2", config_path=str(config_dir()), config_name="config")(task)()

    return call


@pytest.mark.slow
def test_an_experiment_runs_inside_another_program_of_hydra(app, workdir):
    seen = []

    def task(config):
        seen.append(bikeml.run(config))
        seen.append(bikeml.run("model=lasso", *FAST, "tracking=none", "hydra.run.dir=other"))
        assert HydraConfig.get().runtime.output_dir == str(workdir / "out")
        assert GlobalHydra.instance().is_initialized()
        assert version.getbase() == Version("1.2")

    app(task, "model=tree", *FAST, "tracking=none", "hydra.run.dir=out", "hydra.job.chdir=true")
    own, other = seen
    assert (own.folder, own.record.run_name) == (workdir / "out", "tree")
    assert own.record.overrides[0] == "model=tree"
    assert own.record.command.endswith(
        "bikeml model=tree evaluation.bootstrap_samples=100 evaluation.importance=none tracking=none"
    )
    assert other.record.run_name == "lasso"
    assert not GlobalHydra.instance().is_initialized()


@pytest.mark.slow
def test_another_program_of_hydra_is_swept_as_ours(app, workdir):
    def task(config):
        result = bikeml.run(config)
        bikeml.run("model=lasso", *FAST, "tracking=none", "hydra.run.dir=other")
        return result.score

    app(task, "-m", *UNTRACKED, "seed=${hydra:job.num}", "model=linear,tree")
    cells = SweepFolder(workdir / "sweep").look()
    assert [outcome.status for outcome in cells.outcomes] == ["finished", "finished"]
    assert [each["identity"]["config"]["seed"] for each in results(workdir / "sweep")] == [0, 1]
    assert (workdir / "sweep" / "leaderboard.csv").is_file()


@pytest.mark.parametrize("with_hydra", [False, True])
def test_a_composed_config_is_run_where_nobody_is_in_a_program_of_hydra(workdir, with_hydra):
    words = ["model=tree", *FAST, "tracking=none", "hydra.run.dir=out"]
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        composed = hydra.compose("config", words, return_hydra_config=with_hydra)
        result = bikeml.run(composed)
        assert GlobalHydra.instance().is_initialized()
    assert not HydraConfig.initialized()
    assert result.record.identity["config"]["model"]["estimator"]["_target_"] == "sklearn.tree.DecisionTreeRegressor"
    assert result.folder == workdir / "out" if with_hydra else result.folder.is_relative_to(workdir / "outputs")
    assert result.record.run_name == ("tree" if with_hydra else "run")


@pytest.mark.parametrize("given", [({"model": "rf"},), (OmegaConf.create({}), "model=rf"), (None,)])
def test_anything_else_than_overrides_or_one_config_is_refused(given):
    with pytest.raises(
        ConfigError, match="bikeml.run was given .*; it takes overrides, such as 'model=rf', or one con"
    ):
        bikeml.run(*given)


def compose_cells(*cells):
    """Compose cells with our loader, and with Hydra's own after it; a cell that is refused is its message."""
    words = ["seed=3", "hydra.job.name=some"]
    composed = []
    with hydra_set_aside(), initialize_config_dir(str(config_dir()), version_base="1.3"):
        theirs = GlobalHydra.instance().config_loader()
        master = theirs.load_configuration("config", words, RunMode.MULTIRUN)
        for loader in (Loader(theirs.get_search_path()), theirs):
            composed.append([])
            for cell in cells:
                try:
                    composed[-1].append(OmegaConf.to_container(loader.load_sweep_config(master, list(cell))))
                except HydraException as error:
                    composed[-1].append(str(error))
    return composed


@pytest.mark.slow
def test_cells_that_share_the_composition_of_their_files_are_what_hydra_composes():
    ours, theirs = compose_cells(
        ["model=gbr", "model.estimator.max_depth=4", "seed=7"],
        ["seed=5", "model=gbr", "hydra.sweep.subdir=a", "+vars.mine={a: 1}"],
        ["model=gbr", "~model.estimator.max_depth", "split.test_size=0.2", "split.test_size=0.3"],
        ["model=gbr", "model.estimator.max_dept=4"],
        ["model.estimator.max_depth=1,2"],
        ["experiment=auto", "model=[tree]", "data={path: a.csv}", "sweep.blend=false"],
    )
    assert ours == theirs
    assert [isinstance(each, str) for each in ours] == [False] * 3 + [True] * 2 + [False]
