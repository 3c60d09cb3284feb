import re
import signal
import sys

import pytest
import yaml

from bikeml.cli import start
from bikeml.cli.catalogue import TASKS, Task
from bikeml.config.composition import config_dir, read_comments
from bikeml.config.fields import Section
from bikeml.errors import ClusterError, DataError
from bikeml.system.interrupts import HANGUP, INTERRUPTS, clean_up
from bikeml.system.processes import uninterrupted
from tests.azureml.fixtures import tolerate_client_warnings
from tests.conftest import heeded, signals_as_before

FOLDER = config_dir() / "task"


class Options(Section):
    """As predict.yaml has them."""

    run: str
    output: str
    key: str | None
    interval: float | None


@pytest.fixture
def call(monkeypatch):
    """Call a task with the options of predict that notes what it is called with in `call.told`."""

    def do(*arguments, error=None):
        def note(config, options):
            do.told.append((config, options))
            if error is not None:
                raise error

        monkeypatch.setattr(sys.modules[__name__], "note", note, raising=False)
        monkeypatch.setitem(TASKS, "predict", Task(f"{__name__}:note", "note"))
        return start(["predict", *arguments])

    do.told = []
    return do


def test_a_task_gets_the_config_and_its_own_options_apart(call):
    assert call("run=latest", "model=rf", "data.path=-") == 0
    ((config, options),) = call.told
    assert config.model.estimator["_target_"].endswith("RandomForestRegressor")
    assert (config.data.path, options.run, options.output, options.interval) == ("-", "latest", "-", None)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["runn=best"], r"unknown key 'runn'; did you mean 'run'\?; allowed here"),
        (["modle=rf"], r"unknown key 'modle'; did you mean 'model'"),
        (["model=rff"], r"model has no option 'rff'; did you mean 'rf'"),
        (["interval=much"], r"interval='much' should be a number"),
        (
            ["run=1234567"],
            r"run=1234567 should be text; what YAML or Hydra reads as another value, .* stands in quotes",
        ),
        (["data.targt=x"], r"unknown key 'data.targt'; did you mean 'target'"),
        (["~run"], r"run is missing; set it"),
        (["+other=1"], r"unknown key 'other'; allowed here"),
    ],
)
def test_a_wrong_override_is_one_message_and_status_2(call, capsys, arguments, message):
    assert call(*arguments) == 2
    shown = capsys.readouterr()
    assert call.told == []
    assert re.search(message, shown.err), shown.err
    assert shown.err.startswith("bikeml: ")
    assert "Traceback" not in shown.err
    assert shown.out == ""


@pytest.mark.parametrize("arguments", [["-m"], ["--multirun", "run=best"], ["--cfg", "job"]])
def test_what_a_task_has_no_option_for_is_refused_with_status_2(call, capsys, arguments):
    assert call(*arguments) == 2
    assert f"bikeml: there is no option '{arguments[0]}'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (DataError("the rows do not fit"), 2, "bikeml: the rows do not fit\n"),
        (ClusterError("the workspace is gone"), 1, "bikeml: the workspace is gone\n"),
        (KeyboardInterrupt(), 130, "bikeml: interrupted\n"),
    ],
)
def test_what_goes_wrong_in_a_task_is_one_message_and_its_status(call, capsys, error, status, message):
    assert call(error=error) == status
    assert capsys.readouterr().err == message


@pytest.mark.skipif(HANGUP is None, reason="Windows has no such signal")
@pytest.mark.parametrize(
    ("before", "status"), [(signal.SIG_DFL, 128 + (HANGUP or 0)), (signal.SIG_IGN, 0)], ids=["by default", "nohup"]
)
def test_a_terminal_that_is_closed_interrupts_unless_it_is_ignored(bikeml_main, monkeypatch, capsys, before, status):
    def hang_up(*_, **__):
        clean_up()
        signal.raise_signal(HANGUP)

    monkeypatch.setattr("bikeml.cli.start", hang_up)
    with signals_as_before():
        signal.signal(HANGUP, before)
        assert bikeml_main("predict") == status
    assert capsys.readouterr().err == ("bikeml: interrupted\n" if status else "")


@pytest.mark.parametrize("number", INTERRUPTS)
def test_no_interrupt_disturbs_a_cleaning_up(number):
    with heeded(number):
        with uninterrupted():
            signal.raise_signal(number)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)


def test_a_bug_of_ours_is_a_traceback(call, capsys):
    assert call(error=ZeroDivisionError("oh")) == 1
    assert "ZeroDivisionError: oh" in capsys.readouterr().err


def test_options_of_ones_own_folder_are_found(call, workdir):
    (workdir / "my conf" / "tracking").mkdir(parents=True)
    (workdir / "my conf" / "tracking" / "mine.yaml").write_text(
        "uri: sqlite:///other.db\nexperiment_name: mine\nrun_name: null\n"
    )
    assert call("--config-dir", "my conf", "tracking=mine") == 0
    assert call.told[0][0].tracking.experiment_name == "mine"


@pytest.mark.parametrize("name", [name for name, task in TASKS.items() if task.has_options])
def test_help_tells_what_every_task_does_its_options_and_examples(name, capsys):
    assert start([*name.split(), "--help"]) == 0
    shown, file = capsys.readouterr().out, FOLDER / f"{name.split()[-1]}.yaml"
    for line in read_comments(file):
        assert line in shown
    for key in yaml.safe_load(file.read_text()) or {}:
        assert f"\n  {key}=" in shown


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.yaml")), ids=lambda file: file.stem)
def test_every_option_of_a_task_says_what_it_is(file):
    lines = [line for line in file.read_text().splitlines() if line and not line.startswith("#")]
    assert all("  # " in line for line in lines)
    assert len(read_comments(file)) >= 2


def test_every_task_is_in_the_table_with_its_options():
    assert {file.stem for file in FOLDER.glob("*.yaml")} == {
        name.split()[-1] for name, task in TASKS.items() if task.has_options
    }


@pytest.mark.parametrize("name", TASKS)
def test_the_code_of_a_task_is_where_the_table_says(name):
    task = TASKS[name]
    if name.startswith("azure "):
        pytest.importorskip("azure.ai.ml", reason="the azure extra is not installed")
        tolerate_client_warnings()
    assert callable(task.load_function())
    if task.has_options:
        keys = yaml.safe_load((FOLDER / f"{name.split()[-1]}.yaml").read_text()) or {}
        assert {*task.load_options().model_fields} - {"given"} == set(
            keys
        )  # the command itself fills in what was given


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["predcit"],
            r"there is no task 'predcit'; did you mean 'predict'\? tasks: .*explore, predict, .*; an experiment takes key=value",
        ),
        (["azure"], r"there is no task 'azure'; tasks: azure data, azure compute, "),
        (["azure", "deplyo"], r"there is no task 'azure deplyo'; did you mean 'azure deploy'\? tasks: azure data, "),
        (["model", "=", "rf"], r"write model=VALUE without spaces around ="),
        (["explore", "--config-dir", "nowhere"], r"--config-dir: there is no folder 'nowhere'"),
        (["model=rf", "predict"], r"'predict' is a task, and a task comes first: python -m bikeml predict \.\.\."),
        (["-m", "azure", "model=rf"], r"'azure' is a task, and a task comes first: python -m bikeml azure \.\.\."),
        (["--experimental-rerun", "config.pickle"], r"there is no option '--experimental-rerun'"),
    ],
)
def test_a_task_that_is_none_or_stands_elsewhere_is_one_message_and_status_2(capsys, words, message):
    assert start(words) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert re.fullmatch(f"bikeml: {message}.*\n", shown.err), shown.err


def test_a_folder_may_have_the_name_of_a_task(workdir, capsys):
    (workdir / "predict" / "model").mkdir(parents=True)
    (workdir / "predict" / "model" / "mine.yaml").write_text("defaults: [tree]\n")
    assert start(["--config-dir", "predict", "model=mine", "--cfg", "job"]) == 0
    assert "DecisionTreeRegressor" in capsys.readouterr().out


@pytest.mark.parametrize("task", ["report", "record"])
def test_an_operand_is_a_path_and_no_override(task, capsys):
    assert start([task, "multirun/a=b"]) == 2
    assert "'multirun/a=b'" in capsys.readouterr().err


@pytest.mark.parametrize("task", ["report", "record", "azure jobs"])
def test_a_task_with_operands_has_its_help(task, capsys):
    assert start([*task.split(), "--help"]) == 0
    assert capsys.readouterr().out.startswith(f"usage: python -m bikeml {task} ")


def test_a_group_of_tasks_has_its_help(capsys):
    assert start(["azure", "--help"]) == 0
    shown = capsys.readouterr().out
    assert [line.split("  ")[1] for line in shown.splitlines()[1:]] == [name for name in TASKS if "azure" in name]
