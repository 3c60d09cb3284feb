import errno
import json
import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from joblib import parallel_config
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV

import bikeml
from bikeml.errors import ConfigError, FitError
from bikeml.experiment.searching.checkpoint import Checkpoint
from bikeml.experiment.searching.search import ResumableSearchCV
from tests.conftest import config_of

pytestmark = pytest.mark.usefixtures("unrendered")
FAST = ("tracking=none", "evaluation.bootstrap_samples=100", "evaluation.importance_repeats=1", "hydra.run.dir=out")
SEARCH = (*FAST, "model=gbr", "search=grid", "model.grid.n_estimators=[5,10,20]", "model.grid.learning_rate=[0.1,0.2]")
RNG = np.random.default_rng(0)
X, y = RNG.normal(size=(60, 3)), RNG.normal(size=60)
GRID = {"n_estimators": [2, 4], "learning_rate": [0.1, 0.3]}


def search(folder=None, **arguments):
    made = ResumableSearchCV(GradientBoostingRegressor(random_state=0), GRID, cv=3, **arguments)
    made.checkpoint = folder and Checkpoint(folder)
    return made


def scores(fitted):
    return {name: column for name, column in fitted.cv_results_.items() if "time" not in name and name != "params"}


def assert_same(one, other):
    for name, column in sorted_scores(one):
        np.testing.assert_array_equal(np.asarray(column), np.asarray(scores(other)[name]), err_msg=name)


def sorted_scores(fitted):
    return sorted(scores(fitted).items())


def test_progress_counts_every_task_and_clones_have_none():
    seen = []
    made = search()
    made.on_progress = lambda done, total: seen.append((done, total))
    made.fit(X, y)
    assert seen == [(done, 6) for done in range(7)]
    from sklearn.base import clone

    clone(made).fit(X, y)
    assert len(seen) == 7


@pytest.mark.slow
@pytest.mark.parametrize("n_jobs", [None, pytest.param(2, marks=pytest.mark.long)])
def test_a_resumed_search_makes_no_recorded_fit_again(workdir, monkeypatch, n_jobs):
    whole = search(workdir / "kept", n_jobs=n_jobs).fit(X, y)
    assert len(list((workdir / "kept").glob("*.json"))) == 6
    (workdir / "kept" / "3.json").unlink()
    (workdir / "kept" / "4.json").write_text('{"results": [')
    again = search(workdir / "kept").fit(X, y)
    assert again.n_fits_resumed_ == 4
    assert_same(whole, again)
    monkeypatch.setattr("bikeml.experiment.searching.runner.evaluate", None)
    assert_same(whole, search(workdir / "kept").fit(X, y))


@pytest.mark.parametrize(
    "altered",
    [
        {},
        {"results": []},
        {"n_fits": 0},
        {"n_fits": 99},
        {"results": [{"test_scores": "x" * 100}]},
        {"results": [{"fit_error": "\x1b[2J"}]},
        {"results": [{"fit_time": -1.0}]},
    ],
)
def test_a_file_of_a_checkpoint_that_no_search_has_written_is_fitted_again(workdir, altered):
    whole = search(workdir / "kept").fit(X, y)
    file = workdir / "kept" / "0.json"
    kept = json.loads(file.read_text())
    results = [{**result, **new} for result in kept["results"] for new in altered.get("results", [{}])]
    file.write_text(json.dumps({**kept, **altered, "results": results} if altered else {}))
    again = search(workdir / "kept").fit(X, y)
    assert again.n_fits_resumed_ == 5
    assert_same(whole, again)


def test_of_a_fit_that_failed_nothing_is_kept(workdir):
    made = ResumableSearchCV(Ridge(), {"alpha": [1.0, "no number"]}, cv=3, error_score=-9.0)
    made.checkpoint = Checkpoint(workdir / "kept")
    made.fit(X, y)
    assert [params for params, _ in made.failures_] == [{"alpha": "no number"}]
    assert len(list((workdir / "kept").iterdir())) == 3


def test_a_checkpoint_holds_any_kind_of_score_to_the_last_bit(workdir):
    grid = {"alpha": [0.1, 1.0, 10.0]}
    for number, scoring in enumerate(["r2", ["r2", "neg_mean_absolute_error"], lambda model, X, y: float("nan")]):
        searches = []
        for _ in range(2):
            made = ResumableSearchCV(Ridge(), grid, cv=3, scoring=scoring, refit=False, return_train_score=True)
            made.checkpoint = Checkpoint(workdir / str(number))
            with np.errstate(all="ignore"):
                import warnings

                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", UserWarning)  # NaN scores
                    searches.append(made.fit(X, y))
        assert searches[1].n_fits_resumed_ == 9
        assert_same(*searches)


def test_a_search_with_nothing_to_share_is_scikit_learns():
    ours = ResumableSearchCV(Ridge(), {"alpha": [0.1, 1.0]}, cv=3).fit(X, y)
    assert_same(ours, GridSearchCV(Ridge(), {"alpha": [0.1, 1.0]}, cv=3).fit(X, y))


@pytest.mark.slow
def test_a_backend_that_cannot_report_one_by_one_still_works():
    with parallel_config("multiprocessing"):
        assert_same(search(n_jobs=2).fit(X, y), search().fit(X, y))


@pytest.mark.slow
def test_the_record_tells_fits_made_and_avoided(workdir):
    result = bikeml.run(*SEARCH)
    summary = json.loads((workdir / "out" / "result.json").read_text())
    assert summary["search"]["counts"] == {"candidates": 6, "fits": 6, "fits_avoided": 12, "fits_resumed": 0}
    assert (workdir / "out" / "search.png").is_file()
    assert result.record.search.counts["fits"] == 6


@pytest.mark.slow
def test_the_checkpoint_goes_when_the_run_has_finished(workdir):
    bikeml.run(*SEARCH, "search.checkpoint=true", f"search.checkpoint_dir={workdir}/kept")
    assert list((workdir / "kept").iterdir()) == []


def test_a_checkpoint_that_cannot_be_written_is_one_warning_and_the_search_goes_on(workdir):
    (workdir / "file").touch()
    message = (
        f"cannot keep fits in '{workdir}/file/kept': Not a directory; the search goes on.*; set search.checkpoint_dir"
    )
    with pytest.warns(UserWarning, match=message) as warned:
        fitted = search(workdir / "file" / "kept").fit(X, y)
    assert len(warned) == 1
    assert_same(search().fit(X, y), fitted)


@pytest.mark.slow
@pytest.mark.filterwarnings("always:cannot keep fits")
def test_the_terminal_names_the_log_that_tells_of_a_checkpoint_that_cannot_be_written(bikeml_main, workdir, capsys):
    (workdir / "file").touch()
    assert bikeml_main(*SEARCH, "search.checkpoint=true", "search.checkpoint_dir=file") == 0
    assert "there were warnings; see bikeml.log in the folder" in capsys.readouterr().out
    assert (workdir / "out" / "bikeml.log").read_text().count("cannot keep fits in 'file/") == 1


@pytest.mark.slow
def test_a_checkpoint_is_kept_where_renames_are_refused(workdir, monkeypatch):
    def refuse(source, target):
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), source, None, target)

    monkeypatch.setattr(os, "replace", refuse)
    bikeml.run(*SEARCH, "search.checkpoint=true", f"search.checkpoint_dir={workdir}/kept")
    whole = search(workdir / "mine").fit(X, y)
    monkeypatch.setattr("bikeml.experiment.searching.runner.evaluate", None)
    assert_same(whole, search(workdir / "mine").fit(X, y))


KILLED = (*SEARCH, "model.grid.n_estimators=[100,200]", "model.grid.learning_rate=[0.05,0.1,0.15,0.2,0.25]")


def kept_tasks(workdir):
    return len(list(workdir.glob("kept/*/*.json")))


def start_and_kill(workdir, arguments, *, at, delay=0.0):
    """Run a search, kill it some seconds after so many tasks are kept, and return how many are kept then."""
    process = subprocess.Popen([sys.executable, "-m", "bikeml", *arguments])
    while kept_tasks(workdir) < at:
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.01)
    time.sleep(delay)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "it ended before it could be killed"
    return kept_tasks(workdir)


def candidates_of(result):
    """Return the candidates of a search without the times that their fits took."""
    return [
        (each.params, each.rank, {name: score for name, score in each.scores.items() if "time" not in name})
        for each in result.record.search.candidates
    ]


def assert_resumes_bit_identical(workdir, arguments, kept):
    """Run a killed search to its end, from another folder, and compare it with an undisturbed one."""
    (workdir / "elsewhere").mkdir()
    os.chdir(workdir / "elsewhere")
    resumed, undisturbed = bikeml.run(*arguments), bikeml.run(*KILLED)
    assert resumed.record.search.counts["fits_resumed"] == kept
    assert resumed.metrics == undisturbed.metrics
    assert resumed.fingerprint == undisturbed.fingerprint
    assert candidates_of(resumed) == candidates_of(undisturbed)
    assert list((workdir / "kept").iterdir()) == []


def with_checkpoint(workdir):
    return [*KILLED, "search.checkpoint=true", f"search.checkpoint_dir={workdir}/kept"]


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_killed_search_goes_on_where_it_was(workdir):
    arguments = with_checkpoint(workdir)
    kept = start_and_kill(workdir, arguments, at=3)
    assert 3 <= kept < 15
    assert_resumes_bit_identical(workdir, arguments, kept)


@pytest.mark.long
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
@pytest.mark.parametrize(
    ("seed", "workers"),
    [(3, 2), *(pytest.param(*more, marks=pytest.mark.long) for more in ((0, 1), (1, 1), (2, 1), (4, 2)))],
)
def test_a_search_killed_at_random_moments_again_and_again_ends_bit_identical(workdir, seed, workers):
    arguments = [*with_checkpoint(workdir), f"search.n_jobs={workers}"]
    moments = random.Random(seed)
    kept = 0
    for last in (3, 6, 9):  # so early that a killed search has the rest of its run before it
        at = moments.randint(kept, max(kept, last))
        kept = start_and_kill(workdir, arguments, at=at, delay=moments.uniform(0, 0.1))
    assert_resumes_bit_identical(workdir, arguments, kept)


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_more_workers_change_nothing(backend):
    alone = bikeml.run(*SEARCH)
    with parallel_config(backend):
        shared = bikeml.run(*SEARCH, "search.n_jobs=2")
    assert shared.metrics == alone.metrics
    assert shared.fingerprint == alone.fingerprint


@pytest.mark.long
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")
def test_a_dask_cluster_of_two_worker_processes_changes_nothing():
    from distributed import Client, LocalCluster
    from joblib import Parallel, delayed

    alone = bikeml.run(*SEARCH)
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
    ) as cluster:
        shared = bikeml.run(*SEARCH, f"search.scheduler={cluster.scheduler_address}")
        with Client(cluster), parallel_config(backend="dask"):
            (backends,) = Parallel()([delayed(nested_backends)()])
    assert shared.metrics == alone.metrics
    assert shared.record.search.counts["fits"] == alone.record.search.counts["fits"]
    # A task that gave its place to another one could wait for it forever
    assert backends == ("DaskDistributedBackend", "SequentialBackend")


def nested_backends():
    """Return where a task does nested parallel work, in joblib's way and in that of the search."""
    from joblib.parallel import get_active_backend

    from bikeml.search.evaluate import _staying_on_this_thread

    before = type(get_active_backend()[0]).__name__
    with _staying_on_this_thread():
        return before, type(get_active_backend()[0]).__name__


@pytest.mark.slow
def test_a_scheduler_that_does_not_answer_is_named(monkeypatch):
    monkeypatch.setattr("bikeml.experiment.fit.CONNECT_TIMEOUT_SECONDS", 1)
    with pytest.raises(FitError, match="cannot reach a Dask scheduler at search.scheduler='tcp://127.0.0.1:1'"):
        bikeml.run(*SEARCH, "search.scheduler=tcp://127.0.0.1:1")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("search.n_jobs=0", "search.n_jobs=0 is not a number of workers; use 1 or more"),
        ("search.scheduler=8786", "search.scheduler=8786 should be text"),
        ("search.child_runs=some", "search.child_runs"),
        ("search.child_runs=-1", "search.child_runs"),
        ("search.checkpoint=perhaps", "search.checkpoint='perhaps' should be true or false"),
        ("search.checkpoint_dir=null", "search.checkpoint_dir=null should be text"),
    ],
)
def test_bad_settings_of_a_search_are_named(override, message):
    with pytest.raises(ConfigError, match=message):
        config_of("search=grid", override)
