"""What Hydra's users type works here as they know it, or is refused with the cure."""

import json
import shlex

import pandas as pd
import pytest
import yaml
from hydra.core.hydra_config import HydraConfig

from bikeml.azure.launch.command import build_request
from bikeml.config.composition import compose
from bikeml.config.overrides import as_typed, literal
from bikeml.errors import PlannedError
from bikeml.multirun import story
from bikeml.records.sweep_folder import SweepFolder
from bikeml.system.redaction import redact
from tests.conftest import DAILY

pytestmark = pytest.mark.usefixtures("unrendered")
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

        def stop(composed):
            seen.extend(composed)
            raise PlannedError("seen")

        monkeypatch.setattr(story, "plan_cells", stop)
        assert bikeml_main("-m", *words) == status
        return seen

    return call


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


def test_the_number_of_a_cell_is_the_same_in_every_batch_and_where_others_are_reused(bikeml_main, workdir, monkeypatch):
    monkeypatch.setattr("bikeml.multirun.launcher.SERIAL_BATCH", 2)
    words = (*FAST, "model=tree", "model.estimator.max_depth=2,3,4", "seed=${hydra:job.num}")
    assert bikeml_main("-m", *words, "sweep.max_failures=0", "hydra.sweep.dir=first") == 0
    found = [each["identity"]["config"]["seed"] for each in results(workdir / "first")]
    assert found == [0, 1, 2]
    again = (*words[:3], "model.estimator.max_depth=2,7,4", words[-1])
    assert bikeml_main("-m", *again, "reuse=finished", "hydra.sweep.dir=second") == 0
    cells = SweepFolder(workdir / "second").read().cells
    assert [cell.reused for cell in cells] == [True, False, True]
    assert [each["identity"]["config"]["seed"] for each in results(workdir / "second")] == [0, 1, 2]


@pytest.mark.slow
def test_the_number_of_a_cell_is_the_same_with_another_launcher(bikeml_main, workdir):
    words = ("model=linear,tree,linear,lasso", "seed=${hydra:job.num}", "hydra/launcher=joblib")
    assert bikeml_main("-m", *UNTRACKED, *words, "hydra.launcher.n_jobs=2", "evaluation.random_state=0") == 0
    board = pd.read_csv(workdir / "sweep" / "leaderboard.csv").sort_values("cell")
    assert list(board["cell"]) == [0, 1, 2, 3]
    assert [each["identity"]["config"]["seed"] for each in results(workdir / "sweep")] == [0, 1, 2, 3]


def test_a_cell_that_is_resolved_otherwise_than_planned_does_not_run(bikeml_main, workdir, monkeypatch):
    job = story._job
    monkeypatch.setattr(story, "_job", lambda *arguments: [*job(*arguments), "seed=7"])
    assert bikeml_main("-m", *UNTRACKED, "model=linear,tree") == 1
    (board,) = {*pd.read_csv(workdir / "sweep" / "leaderboard.csv")["status"]}
    assert board == "failed"


def test_a_job_elsewhere_is_told_what_was_resolved_here(plan, workdir):
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


def test_a_hyperparameter_file_chooses_sweeper_mode_and_axes(bikeml_main, workdir, capsys):
    text = f"{RECIPE}hydra: {{mode: MULTIRUN, sweeper: {{params: {{model: 'linear,lasso'}}}}}}\n"
    write(workdir / "mine" / "hparams_search" / "two.yaml", text)
    assert bikeml_main("--config-dir", "mine", "+hparams_search=two", *UNTRACKED) == 0
    assert [each["choices"]["model"] for each in results(workdir / "sweep")] == ["linear", "lasso"]


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
