import re
import signal

import pytest
import yaml

from bikeml.config.composition import config_dir, read_comments
from bikeml.config.fields import Section
from bikeml.errors import ClusterError, DataError
from bikeml.system.processes import HANGUP, INTERRUPTS, uninterrupted
from bikeml.tasks import shell as task
from tests.conftest import heeded, signals_as_before

TASKS = sorted((config_dir() / "task").glob("*.yaml"))


class Options(Section):
    """As predict.yaml has them."""

    run: str
    output: str
    key: str | None
    interval: float | None


@pytest.fixture
def told():
    """What the task was called with."""
    return []


def call(told, *arguments, error=None):
    def keep(config, options):
        told.append((config, options))
        if error is not None:
            raise error

    with signals_as_before():
        return task.main("predict", Options, keep, arguments)


def test_a_task_gets_the_config_and_its_own_options_apart(told):
    assert call(told, "run=latest", "model=rf", "data.path=-") == 0
    ((config, options),) = told
    assert config.model.estimator["_target_"].endswith("RandomForestRegressor")
    assert (config.data.path, options.run, options.output, options.interval) == ("-", "latest", "-", None)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["runn=best"], r"unknown key 'runn'; did you mean 'run'\?; allowed here"),
        (["modle=rf"], r"unknown key 'modle'; did you mean 'model'"),
        (["model=rff"], r"model has no option 'rff'; did you mean 'rf'"),
        (["interval=much"], r"interval='much' should be a number"),
        (["run=1234567"], r"run=1234567 should be text; a number, a boolean or null as text stands in quotes"),
        (["data.targt=x"], r"unknown key 'data.targt'; did you mean 'target'"),
        (["~run"], r"run is missing; set it"),
        (["+other=1"], r"unknown key 'other'; allowed here"),
    ],
)
def test_a_wrong_override_is_one_message_and_status_2(told, capsys, arguments, message):
    assert call(told, *arguments) == 2
    shown = capsys.readouterr()
    assert told == []
    assert re.search(message, shown.err), shown.err
    assert shown.err.startswith("bikeml: ")
    assert "Traceback" not in shown.err
    assert shown.out == ""


@pytest.mark.parametrize("arguments", [["-m"], ["--multirun", "run=best"], ["--cfg", "job"]])
def test_what_a_task_has_no_option_for_is_refused_with_status_2(told, capsys, arguments):
    assert call(told, *arguments) == 2
    assert f"bikeml: there is no option '{arguments[0]}'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (DataError("the rows do not fit"), 2, "bikeml: the rows do not fit\n"),
        (ClusterError("the workspace is gone"), 1, "bikeml: the workspace is gone\n"),
        (KeyboardInterrupt(), 130, "bikeml: interrupted\n"),
    ],
)
def test_what_goes_wrong_in_a_task_is_one_message_and_its_status(told, capsys, error, status, message):
    assert call(told, error=error) == status
    assert capsys.readouterr().err == message


@pytest.mark.skipif(HANGUP is None, reason="Windows has no such signal")
@pytest.mark.parametrize(
    ("before", "status"), [(signal.SIG_DFL, 130), (signal.SIG_IGN, 0)], ids=["by default", "nohup"]
)
def test_a_terminal_that_is_closed_interrupts_unless_it_is_ignored(capsys, before, status):
    with signals_as_before():
        signal.signal(HANGUP, before)
        assert task.main("predict", Options, lambda *_: signal.raise_signal(HANGUP), []) == status
    assert capsys.readouterr().err == ("bikeml: interrupted\n" if status else "")


@pytest.mark.parametrize("number", INTERRUPTS)
def test_no_interrupt_disturbs_a_cleaning_up(number):
    with heeded(number):
        with uninterrupted():
            signal.raise_signal(number)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)


def test_a_bug_of_ours_is_a_traceback(told, capsys):
    assert call(told, error=ZeroDivisionError("oh")) == 1
    assert "ZeroDivisionError: oh" in capsys.readouterr().err


def test_options_of_ones_own_folder_are_found(told, workdir):
    (workdir / "my conf" / "tracking").mkdir(parents=True)
    (workdir / "my conf" / "tracking" / "mine.yaml").write_text(
        "uri: sqlite:///other.db\nexperiment_name: mine\nrun_name: null\n"
    )
    assert call(told, "--config-dir", "my conf", "tracking=mine") == 0
    assert told[0][0].tracking.experiment_name == "mine"


@pytest.mark.parametrize("file", TASKS, ids=lambda file: file.stem)
def test_help_tells_what_every_task_does_its_options_and_examples(file, capsys):
    with pytest.raises(SystemExit) as stop:
        task.main(file.stem, Options, print, ["--help"])
    assert stop.value.code == 0
    shown = capsys.readouterr().out
    for line in read_comments(file):
        assert line in shown
    for key in yaml.safe_load(file.read_text()):
        assert f"\n  {key}=" in shown


@pytest.mark.parametrize("file", TASKS, ids=lambda file: file.stem)
def test_every_option_of_a_task_says_what_it_is(file):
    lines = [line for line in file.read_text().splitlines() if line and not line.startswith("#")]
    assert all("  # " in line for line in lines)
    assert len(read_comments(file)) >= 2
