import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import bikeml
from bikeml.cli import start
from bikeml.experiment import story as experiment
from bikeml.system.redaction import redact
from tests.conftest import DAILY

pytestmark = pytest.mark.usefixtures("unrendered")
FAST = ("tracking=none", "evaluation.bootstrap_samples=100", "evaluation.importance_repeats=1")


def test_the_default_command_prints_the_published_figures_beside_ours(bikeml_main, workdir, capsys):
    assert bikeml_main("evaluation.importance_repeats=1", "hydra.run.dir=out") == 0
    out = capsys.readouterr().out
    for part in (
        "published",
        "201,972.56",
        "95% interval",
        "cv_r2_mean",
        "cv_r2_pooled",
        "5; ",
        "bikeml ui run=",
        "next",
    ):
        assert part in out
    summary = json.loads((workdir / "out" / "result.json").read_text())
    assert json.loads((workdir / "out" / "store.json").read_text())["run_id"] in out
    assert summary["command"] == "bikeml evaluation.importance_repeats=1 hydra.run.dir=out"
    assert (workdir / "mlflow.db").is_file()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "following"),
    [
        ("", "-m model=linear,lasso,tree,rf,gbr preprocessing=none,standard"),
        ("model.estimator.positive=true split.folds=3", "split.folds=3 -m model=linear,"),
        (
            "data.date=null preprocessing=standard",
            "data.date=null preprocessing=standard -m model=linear,lasso,tree,rf,gbr\n",
        ),
        ("model=tree data.date=null", "model=tree data.date=null search=grid\n"),
        ("model=tree search=grid split.folds=3", "model=tree search=grid split.folds=3 evaluation.nested=true\n"),
    ],
)
def test_the_next_command_keeps_what_this_one_said(bikeml_main, capsys, command, following):
    assert bikeml_main(*command.split(), *FAST, "hydra.run.dir=out") == 0
    suggested = capsys.readouterr().out.split("next  ")[1].replace(" ".join(FAST) + " ", "")
    assert suggested.startswith(f"bikeml {following}")


def test_figures_are_not_called_published_on_another_task(bikeml_main, capsys):
    assert bikeml_main(*FAST, "hydra.run.dir=out", "split.random_state=1") == 0
    assert "published" not in capsys.readouterr().out


def test_a_searched_run_is_marked_as_tuned_on_these_rows(bikeml_main, capsys):
    assert bikeml_main(*FAST, "hydra.run.dir=out", "search=grid") == 0
    out = capsys.readouterr().out
    assert "tuned on these rows" in out
    assert "(of 4 candidates)" in out


@pytest.mark.slow
def test_a_run_without_a_seed_is_called_not_reproducible(bikeml_main, capsys):
    assert bikeml_main(*FAST, "hydra.run.dir=out", "model=tree", "seed=null") == 0
    assert "not reproducible: a random_state is null" in capsys.readouterr().out


@pytest.mark.slow
def test_a_sweep_runs_every_cell_into_a_folder_of_its_own(bikeml_main, workdir):
    assert bikeml_main("-m", *FAST, "hydra.sweep.dir=sweep", "model=linear,tree", "preprocessing=none,standard") == 0
    names = [json.loads((workdir / "sweep" / str(i) / "result.json").read_text())["run_name"] for i in range(4)]
    assert names == ["linear", "linear-standard", "tree", "tree-standard"]


def test_options_and_overrides_stand_in_any_order(bikeml_main, workdir):
    assert bikeml_main("model=linear", "-m", *FAST, "--config-dir", str(workdir), "seed=0,1", "hydra.sweep.dir=s") == 0
    assert (workdir / "s" / "leaderboard.csv").is_file()


@pytest.mark.slow
def test_two_runs_in_one_second_do_not_share_a_folder(bikeml_main, workdir):
    for _ in range(2):
        assert bikeml_main(*FAST) == 0
    assert len(list(workdir.glob("outputs/*/*/result.json"))) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["modle=rf"], "bikeml: unknown key 'modle'; did you mean 'model'?"),
        (["split.test_size=2.5"], "bikeml: split.test_size=2.5 should be less than 1 as a share"),
        (["model=rf", "model.estimator.n_estimators=none"], "Got 'none' instead"),
        (["data=csv", "data.path=none.csv"], "bikeml: there is no table at 'none.csv'"),
        (["-m", "model=linear,rff"], "bikeml: model has no option 'rff'; did you mean 'rf'?"),
        (["-m", "seed=1,-1"], "bikeml: seed=-1 should be greater than or equal to 0"),
        (
            ["data=csv", "data.path='http://me:hush@127.0.0.1:1/x?sig=hush'"],
            "cannot read 'http://***@127.0.0.1:1/x?sig=***'",
        ),
    ],
)
def test_a_users_mistake_is_one_message_and_status_2(bikeml_main, workdir, capsys, arguments, message):
    assert bikeml_main(*arguments, "tracking=none") == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error
    assert "hush" not in error
    if "-m" not in arguments:
        assert list(workdir.rglob("*.json")) + list(workdir.rglob("*.log")) == []
        assert [path for path in workdir.rglob("*") if path.is_file()] == []


@pytest.mark.slow
def test_a_second_run_in_a_folder_leaves_nothing_of_the_first(bikeml_main, workdir):
    assert bikeml_main(*FAST, "hydra.run.dir=out", "model=tree", "search=grid") == 0
    assert bikeml_main(*FAST, "hydra.run.dir=out") == 0
    assert not {"tree.txt", "cv_results.csv", "search.png"} & {file.name for file in (workdir / "out").iterdir()}


@pytest.mark.slow
def test_a_sweeps_record_holds_no_secret(bikeml_main, workdir, capfd):
    paths = f"data.path='http://me:hush@127.0.0.1:1/x?sig=hush',{DAILY}"
    assert bikeml_main("-m", *FAST, "hydra.sweep.dir=sweep", paths) == 1
    written = [file.read_text() for file in (workdir / "sweep").rglob("*") if file.suffix in (".json", ".csv", ".log")]
    assert any("127.0.0.1:1" in text for text in written)
    assert not any("hush" in text for text in [*written, *capfd.readouterr()])


def test_a_failed_fit_is_status_1(bikeml_main, capsys):
    arguments = ("model=rf", "model.estimator.oob_score=true", "model.estimator.bootstrap=false")
    assert bikeml_main(*FAST, *arguments) == 1
    assert "the pipeline could not be fitted" in capsys.readouterr().err


@pytest.mark.slow
def test_an_unreachable_store_is_status_1_and_says_where_the_result_is(bikeml_main, workdir, capsys):
    assert bikeml_main(*FAST[1:], "tracking=server", "tracking.uri=http://127.0.0.1:1", "hydra.run.dir=out") == 1
    error = capsys.readouterr().err
    assert "nothing is lost" in error
    assert str(workdir / "out") in error


@pytest.mark.parametrize("folder", ["hydra.run.dir=file/out", "hydra.run.dir=file"])
def test_a_run_folder_below_a_file_is_one_message(bikeml_main, workdir, capsys, folder):
    (workdir / "file").write_text("")
    assert bikeml_main(*FAST, folder) == 1
    error = capsys.readouterr().err
    assert "cannot write the run folder" in error
    assert "Traceback" not in error


def test_an_interrupt_is_status_130(bikeml_main, monkeypatch, capsys):
    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(experiment, "read_table", interrupt)
    monkeypatch.setattr(experiment, "read_table", lambda *args, **kwargs: interrupt())
    assert bikeml_main(*FAST) == 130
    assert "bikeml: interrupted" in capsys.readouterr().err


def test_our_own_bug_shows_a_full_traceback(bikeml_main, monkeypatch, capsys):
    def bug(*args, **kwargs):
        raise ValueError("a bug")

    monkeypatch.setattr(experiment, "read_table", bug)
    assert bikeml_main(*FAST) == 1
    error = capsys.readouterr().err
    assert "Traceback" in error
    assert "ValueError: a bug" in error


def test_a_traceback_is_shown_on_request(bikeml_main, monkeypatch, capsys):
    monkeypatch.setenv("BIKEML_TRACEBACK", "1")
    assert bikeml_main("seed=-1") == 2
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.long
@pytest.mark.slow
def test_warnings_of_libraries_go_to_the_log_of_the_run(workdir):
    lasso = ("model=lasso", "model.estimator.max_iter=1", "preprocessing=standard")
    done = subprocess.run(
        [sys.executable, "-m", "bikeml", *FAST, *lasso, "hydra.run.dir=out"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "ConvergenceWarning" in (workdir / "out" / "bikeml.log").read_text()
    assert "bikeml.log" in done.stdout


@pytest.mark.slow
def test_a_normal_run_prints_nothing_but_the_table(workdir):
    done = subprocess.run([sys.executable, "-m", "bikeml"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Warning" not in done.stdout
    assert not list(workdir.rglob("*.log"))


@pytest.mark.slow
def test_help_and_the_config_need_no_heavy_library():
    commands = [["--help"], ["--cfg", "job"], ["predict", "--help"], ["report", "--help"], ["azure", "jobs", "--help"]]
    for words in commands:
        done = subprocess.run(
            [sys.executable, "-X", "importtime", "-m", "bikeml", *words], capture_output=True, text=True, check=True
        )
        assert re.search("model|sweep", done.stdout)
        imported = {line.split("|")[-1].strip() for line in done.stderr.splitlines()}
        assert not {"sklearn", "mlflow", "pandas", "pydantic", "azure"} & imported, words


def test_a_python_without_hydra_is_told_what_to_do():
    bare = [sys.executable, "-S", "-m", "bikeml"]  # -S: without the installed packages
    done = subprocess.run(bare, cwd=DAILY.parents[3], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"bikeml: hydra is not installed for {sys.executable}; enter the environment that has it "
        "(. .venv/bin/activate), or write scripts/run in place of python -m bikeml\n"
    )


def test_the_console_script_and_the_module_are_the_same_program():
    script = Path(sys.executable).with_name("bikeml")
    done = subprocess.run([script, "--cfg", "job"], capture_output=True, text=True, check=True)
    assert "_target_: sklearn.linear_model.LinearRegression" in done.stdout


@pytest.mark.slow
def test_the_python_call_reads_the_environment_of_no_other_hydra_app():
    assert bikeml.run(*FAST, "hydra.run.dir=a").fingerprint == bikeml.run(*FAST, "hydra.run.dir=b").fingerprint


def test_a_wrong_value_of_an_option_names_the_program(capsys):
    assert start(["--cfg", "jobs"]) == 2
    assert "python -m bikeml: error: argument --cfg/-c: invalid choice: 'jobs'" in capsys.readouterr().err


def test_a_start_leaves_the_process_as_it_was(monkeypatch, capsys):
    monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)
    argv, environment = sys.argv[:], dict(os.environ)
    assert [start(["modle=rf"]), start(["--cfg", "job"]), start(["-m", "model=rff"])] == [2, 0, 2]
    assert (sys.argv, dict(os.environ)) == (argv, environment)


@pytest.mark.slow
def test_a_second_start_knows_nothing_of_the_first(workdir, capsys):
    assert start(["-m", *FAST, "seed=0", "model.estimator=null", "hydra.sweep.dir=sweep"]) == 2
    assert start([*FAST, "hydra.run.dir=out"]) == 0
    assert json.loads((workdir / "out" / "result.json").read_text())["command"].endswith("hydra.run.dir=out")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://me:pw@host/x", "https://***@host/x"),
        ("https://host/x?sv=1&sig=abc%3D&se=2", "https://host/x?sv=1&sig=***&se=2"),
        ("https://host/x?access_token=abc", "https://host/x?access_token=***"),
        ("git@github.com:a/b", "git@github.com:a/b"),
        ("data.path='http://h/?api-key=1'", "data.path='http://h/?api-key=***'"),
        ("nothing here", "nothing here"),
    ],
)
def test_secrets_are_taken_out_of_text(text, shown):
    assert redact(text) == shown


@pytest.mark.slow
@pytest.mark.parametrize("words", ["--help", "predict --help", "--cfg job"])
def test_a_reader_that_goes_away_gets_no_complaint(workdir, words):
    """As behind `| head -1`, with a pipe that is closed before anything is written."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "bikeml", *words.split()],
            check=False,
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
        )
    finally:
        os.close(writing)
    assert done.stderr == ""
    assert done.returncode == 0
