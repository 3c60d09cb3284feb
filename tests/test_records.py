"""What is remembered is typed, checked whenever it is read, and written by one process at a time."""

import json
import multiprocessing
import shutil
import time

import pytest

from bikeml.errors import FolderTakenError, RecordError
from bikeml.records.judgement import read_predictions
from bikeml.records.run import RunRecord, StoreRecord, hash_identity
from bikeml.records.run_folder import PREDICTIONS, RunFolder
from bikeml.records.sweep import Cell, FailureRecord, JobRecord, SweepRecord
from bikeml.records.sweep_folder import SweepFolder, is_collected
from bikeml.system.locks import LOCK, hold
from tests.builders import run_record, write_run, write_sweep


def edit(file, change):
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))


def test_a_record_is_read_as_it_was_written(workdir):
    written = write_run(workdir / "run", run_record(), {"config.yaml": b"seed: 0\n", "model/model.skops": b"x"})
    assert RunFolder(workdir / "run").read() == written
    assert list(written.files) == ["config.yaml", "model/model.skops"]
    assert json.loads((workdir / "run" / "result.json").read_text())["schema"] == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content["metrics"].update(cv_r2_mean="good"), r"metrics.cv_r2_mean='good' should be a valid number"),
        (lambda content: content.pop("fingerprint"), r"fingerprint is missing"),
        (lambda content: content.update(more=1), r"more=1 Extra inputs are not permitted"),
        (lambda content: content.update(schema=3), r"schema=3 should be 2"),
        (lambda content: content["identity"].update(more=1), r"fingerprint is not the hash of identity"),
        (lambda content: content["metrics"].pop("cv_r2_mean"), r"metrics should have cv_r2_mean"),
        (lambda content: content["metrics"].pop("cv_r2_std"), r"metrics should have cv_r2_mean and cv_r2_std"),
        (lambda content: content["metrics"].pop("test_r2"), r"metrics should have test_r2, which has an interval"),
        (lambda content: content["cv"].update(r2=[]), r"should have a score of each kind for each fold"),
        (lambda content: content["dataset"].update(n_train=-1), r"dataset.n_train=-1 should be greater than or equal to 0"),
    ],
)  # fmt: skip
def test_a_record_that_is_broken_is_named_with_file_and_field(change, message, workdir):
    write_run(workdir / "run", run_record())
    edit(workdir / "run" / "result.json", change)
    with pytest.raises(RecordError, match=rf"result.json' is broken: .*{message}"):
        RunFolder(workdir / "run").read()


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"schema": 2}', b"{}", b"[" * 100_000, b'{"a":' * 100_000, b'{"metrics": NaN}'],
)  # fmt: skip
@pytest.mark.parametrize("kind", [RunRecord, SweepRecord, FailureRecord, JobRecord, StoreRecord])
def test_what_is_no_record_at_all_is_one_message(kind, content, workdir):
    (workdir / kind.FILE).write_bytes(content)
    with pytest.raises(RecordError, match=kind.FILE):
        kind.read(workdir)


def test_a_folder_in_the_place_of_a_record_is_one_message(workdir):
    (workdir / "result.json").mkdir()
    with pytest.raises(RecordError, match="it is not a regular file"):
        RunRecord.read(workdir)


def test_a_file_that_was_changed_is_refused(workdir):
    write_run(workdir / "run", run_record(), {"config.yaml": b"seed: 0\n"})
    folder = RunFolder(workdir / "run")
    assert folder.read_config() == {"seed": 0}
    (workdir / "run" / "config.yaml").write_text("seed: 1\n")
    with pytest.raises(RecordError, match=r"config.yaml' has been changed since the run wrote it"):
        folder.read_config()


def test_of_a_huge_cell_among_predictions_only_the_beginning_is_told(workdir):
    content = b"row,actual,predicted\n1,2.0," + b"a" * 3_000_000
    write_run(workdir / "run", run_record(), {PREDICTIONS: content})
    with pytest.raises(RecordError, match="holds no predictions: could not convert string to float: 'aaa") as caught:
        read_predictions(RunFolder(workdir / "run"), PREDICTIONS)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("name", ["evaluate.png", "report.html", "model"])
@pytest.mark.parametrize("has_digests", [True, False])
def test_a_link_out_of_a_run_folder_is_refused_before_its_file_is_sent(name, has_digests, workdir):
    (workdir / "mine").mkdir()
    (workdir / "mine" / "key").write_text("mine")
    write_run(workdir / "run", run_record(), {"config.yaml": b"seed: 0\n", "model/key": b"mine"})
    if not has_digests:  # as in form 1
        edit(workdir / "run" / "result.json", lambda content: content.update(files={}))
    shutil.rmtree(workdir / "run" / "model")
    (workdir / "run" / name).symlink_to(workdir / "mine" / ("key" if "." in name else ""))
    with pytest.raises(RecordError, match=rf"run/{name}.*' leads out of its folder, of which only its own"):
        RunFolder(workdir / "run").verify()


def test_a_link_to_a_run_folder_and_one_within_it_are_as_good_as_files(workdir):
    write_run(workdir / "run", run_record(), {"config.yaml": b"seed: 0\n"})
    (workdir / "run" / "config.yaml").rename(workdir / "run" / "kept.yaml")
    (workdir / "run" / "config.yaml").symlink_to("kept.yaml")
    (workdir / "link").symlink_to("run")
    RunFolder(workdir / "link").verify()


def test_a_link_out_of_a_sweep_folder_is_refused_before_its_file_is_sent(workdir):
    sweep = write_sweep(workdir / "sweep", a=run_record())
    (workdir / "key").write_text("mine")
    (workdir / "sweep" / "leaderboard.csv").symlink_to(workdir / "key")
    with pytest.raises(RecordError, match="leaderboard.csv' leads out of its folder"):
        sweep.list_files()


@pytest.mark.parametrize("name", ["config.yaml", "evaluate.png", "result.json", "store.json", "predictions.csv"])
def test_a_folder_with_a_file_of_the_same_name_that_is_not_a_runs_is_refused_and_untouched(name, workdir):
    (workdir / name).write_text("mine")
    message = rf"{name} in .* was not written by a run, or was changed; choose another"
    with pytest.raises(FolderTakenError, match=message), RunFolder(workdir).claim():
        pytest.fail("the folder was claimed")
    assert [file.name for file in workdir.iterdir()] == [name]
    assert (workdir / name).read_text() == "mine"


def test_a_run_replaces_an_earlier_one_and_leaves_other_files_alone(workdir):
    (workdir / ".env").write_text("TOKEN=1")
    (workdir / "notes").mkdir()
    write_run(workdir, run_record(name="rf"), {"config.yaml": b"seed: 0\n", "tree.txt": b"rules"})
    with RunFolder(workdir).claim():
        pass
    write_run(workdir, run_record(name="lasso"))
    assert RunFolder(workdir).require().run_name == "lasso"
    assert {file.name for file in workdir.iterdir()} == {".env", "notes", "config.yaml", "result.json"}


def test_a_changed_file_of_an_earlier_run_is_not_overwritten(workdir):
    write_run(workdir, run_record())
    (workdir / "config.yaml").write_text("seed: 7  # mine")
    with pytest.raises(FolderTakenError, match="config.yaml in .* or was changed"), RunFolder(workdir).claim():
        pytest.fail("the folder was claimed")


@pytest.mark.parametrize("n_moved", range(4))
def test_what_a_run_left_that_was_killed_between_two_files_is_swept_up(n_moved, workdir, monkeypatch):
    from bikeml.records import run_folder

    write_run(
        workdir / "run", run_record(name="rf"), {"config.yaml": b"a", "tree.txt": b"b", "model/model.skops": b"c"}
    )
    moved = []

    def move(source, target):
        if len(moved) == n_moved:
            shutil.copytree(source.parent, workdir / "kept")  # a killed process cleans nothing up
            raise KeyboardInterrupt
        moved.append(source)
        source.replace(target)

    monkeypatch.setattr(run_folder, "move", move)
    with pytest.raises(KeyboardInterrupt):
        write_run(workdir / "run", run_record(name="gbr"), {"config.yaml": b"d", "model/model.skops": b"e"})
    monkeypatch.undo()
    (workdir / "run").mkdir(exist_ok=True)
    (workdir / "kept").rename(workdir / "run" / ".unfinished-x")
    with RunFolder(workdir / "run").claim():
        left = {file.name for file in (workdir / "run").iterdir()} - {LOCK}
        assert left == (set() if n_moved else {"config.yaml", "tree.txt", "model", "result.json"})


def hold_for_a_while(folder, began):
    with hold(folder, "advice"):
        began.set()
        time.sleep(30)


def test_a_folder_has_one_writer_who_is_said_and_a_killed_one_holds_nothing(workdir):
    context = multiprocessing.get_context("fork")
    began = context.Event()
    process = context.Process(target=hold_for_a_while, args=(workdir, began))
    process.start()
    assert began.wait(10)
    with (
        pytest.raises(FolderTakenError, match=rf"is in use by process {process.pid} on .*, since 20.*; choose another"),
        RunFolder(workdir).claim(),
    ):
        pytest.fail("two writers")
    process.kill()
    process.join()
    with RunFolder(workdir).claim():
        pass


def test_a_folder_that_refuses_locks_is_written_with_a_warning(workdir, monkeypatch, caplog):
    from filelock import FileLock

    def refuse(*_, **__):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(FileLock, "acquire", refuse)
    write_run(workdir / "run", run_record())
    assert RunFolder(workdir / "run").read() is not None
    assert "cannot be locked" in caplog.text


@pytest.mark.parametrize("folder", ["/tmp/x", "../x", "a/../../x", "C:\\x", "\\x", "", "."])
def test_the_folder_of_a_cell_lies_below_the_sweeps(folder):
    with pytest.raises(ValueError, match="should be a folder below the sweep's folder"):
        Cell(number=0, overrides=(), folder=folder, varies={})


def test_a_result_of_another_experiment_is_not_the_cells(workdir):
    sweep = write_sweep(workdir / "sweep", rf=run_record(name="rf"), lasso=run_record(name="lasso"))
    shutil.copy(workdir / "sweep/rf/result.json", workdir / "sweep/lasso/result.json")
    rf, lasso = sweep.look().outcomes
    assert (rf.status, rf.problem) == ("finished", None)
    assert (lasso.status, lasso.record) == ("broken", None)
    assert "is of another experiment" in lasso.problem


def test_a_broken_record_costs_its_own_cell(workdir):
    sweep = write_sweep(
        workdir / "sweep", a=run_record(name="a"), b=run_record(name="b"), c=FailureRecord(error="e", overrides=())
    )
    (workdir / "sweep/a/result.json").write_text("{")
    a, b, c = sweep.look().outcomes
    assert [each.status for each in (a, b, c)] == ["broken", "finished", "failed"]
    assert "a/result.json' is broken" in a.problem


def test_a_result_counts_as_collected_only_whole_and_of_its_job(workdir):
    record = write_run(workdir / "cell", run_record())
    folder = RunFolder(workdir / "cell")
    assert not is_collected(folder, record.fingerprint)
    JobRecord(name="job", status="Completed", studio="", seen=0).write(folder.path)
    assert is_collected(folder, record.fingerprint)
    assert not is_collected(folder, hash_identity({}))
    (folder.path / "config.yaml").write_text("other")
    assert not is_collected(folder, record.fingerprint)


def test_a_sweep_keeps_out_of_a_folder_with_files_of_a_users(workdir):
    (workdir / "leaderboard.csv").write_text("mine")
    with (
        pytest.raises(FolderTakenError, match="leaderboard.csv in .* was not written by a sweep"),
        SweepFolder(workdir).claim(),
    ):
        pytest.fail("the folder was claimed")
    (workdir / "0").mkdir()
    (workdir / "0" / "config.yaml").write_text("mine")
    with pytest.raises(FolderTakenError, match="config.yaml in .* was not written by a run"):
        SweepFolder(workdir).clear(["0"])
    assert (workdir / "0" / "config.yaml").read_text() == "mine"


def test_the_cells_of_an_earlier_sweep_are_cleared_whatever_became_of_them(workdir):
    sweep = write_sweep(workdir / "sweep", a=run_record(name="a"), b=FailureRecord(error="e", overrides=()))
    (workdir / "sweep/a/result.json").write_text("{")
    sweep.clear(["a", "b"])
    assert [file.name for file in (workdir / "sweep").glob("*/*")] == []
