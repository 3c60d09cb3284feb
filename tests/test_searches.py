"""Searches beside the grid: what they evaluate, a candidate that fails, a budget, and that a run replays them."""

import time
from concurrent.futures import Future

import numpy as np
import pytest

import bikeml
from bikeml import cli
from bikeml.config.estimators import Range
from bikeml.config.schema import typed
from bikeml.config.sections import complete, take_known
from bikeml.errors import ConfigError, FitError
from bikeml.evaluation.choice import decide_metrics
from bikeml.experiment.check import check_estimators, find_tolerance
from bikeml.experiment.fit import fit
from bikeml.experiment.grid import _Drawn
from bikeml.experiment.searching.budget import Budget, spread
from bikeml.experiment.searching.rounds import Halving
from bikeml.experiment.searching.runner import _send
from bikeml.experiment.searching.tpe import Choice, Tpe
from bikeml.records.fingerprint import fingerprint, identify
from bikeml.records.record import as_json
from bikeml.records.run_folder import RunFolder
from bikeml.system.clock import entered
from bikeml.table.data import read_table
from bikeml.table.split import split_table
from bikeml.terminal.progress import silent
from tests.conftest import config_of

KINDS = ("grid", "random", "halving", "optuna")
TREE = ("model=tree", "preprocessing=none", "search.n_candidates=8")


def search(*overrides, config=None, **arguments):
    """Return the decided config, and what its search fits."""
    config = config or decide_metrics(config_of(*overrides))
    check_estimators(config)
    table = read_table(config, find_tolerance(config))
    split = split_table(table, config.split, config.search.folds, nested=config.evaluation.nested)
    fitted = fit(config, table, split, "name", silent, **arguments)
    return fitted.outcome.settle(config), fitted


class Inline:
    """A worker that calls each function here and at once: no process has to start."""

    def __init__(self, function, *args, variables):
        function(*args)

    def submit(self, function, *args):
        future = Future()
        future.set_result(function(*args))
        return future

    def kill(self):
        pass


@pytest.fixture
def inline(monkeypatch):
    monkeypatch.setattr("bikeml.experiment.searching.timed.Worker", Inline)


def scores(fitted):
    columns = [name for name in fitted.outcome.candidates if "time" not in name]
    return fitted.outcome.candidates[columns]


def assert_same(one, other):
    assert scores(one).equals(scores(other))
    assert one.outcome.best_params == other.outcome.best_params


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["halving", "optuna"])
def test_the_same_seed_gives_the_same_candidates_and_another_one_others(kind):
    _, first = search(*TREE, f"search={kind}")
    assert_same(first, search(*TREE, f"search={kind}")[1])
    _, other = search(*TREE, f"search={kind}", "search.random_state=5")
    assert not scores(first)["params"].equals(scores(other)["params"])


def test_halving_gives_the_best_third_three_times_the_rows_and_all_of_them_at_the_end():
    config, fitted = search(*TREE, "search=halving", "search.n_candidates=9")
    table = fitted.outcome.candidates
    n_rows = config.search.folds and len(read_table(config, find_tolerance(config)).y)
    assert [*table.groupby("iter").size()] == [9, 3, 1]
    rows = [*table.groupby("iter")["n_resources"].first()]
    assert rows[1] == rows[2] // 3
    assert rows[2] == fitted.pipeline[-1].tree_.n_node_samples[0] < n_rows
    best = table[table["rank_test_score"] == 1]
    assert [*best["iter"]] == [2]
    assert [*best["params"]] == [fitted.outcome.best_params]


def test_the_resource_of_halving_can_be_an_argument_whose_fits_are_shared_with_none():
    rows = ("model=gbr", "preprocessing=none", "search=halving", "search.n_candidates=4", "search.factor=2")
    _, fitted = search(*rows, "search.resource=n_estimators", "search.max_resources=8")
    table = fitted.outcome.candidates
    assert {**table.groupby("iter")["n_resources"].first()} == {0: 2, 1: 4, 2: 8}
    assert all(params["n_estimators"] == n for params, n in zip(table["params"], table["n_resources"], strict=True))
    assert fitted.pipeline[-1].n_estimators == 8
    with pytest.raises(ConfigError, match="set max_resources for an argument"):
        config_of(*rows, "search.resource=n_estimators")


def test_a_schedule_of_halving_is_that_of_scikit_learn():
    halving = Halving([{}] * 27, 3, "n_samples", "smallest", None, fewest=6)
    assert halving._schedule(600) == [6, 18, 54, 162]
    assert Halving([{}] * 27, 3, "n_samples", "exhaust", None, fewest=6)._schedule(600) == [22, 66, 200, 600]
    assert Halving([{}] * 27, 3, "n_samples", 500, None, fewest=6)._schedule(600) == [500]


@pytest.mark.slow
def test_optuna_proposes_better_candidates_once_it_has_seen_some_and_none_twice():
    tpe = Tpe([{"x": _Drawn(Range(low=0.0, high=1.0)), "kind": Choice(["good", "bad"])}], 60, random_state=0)
    rounds, seen = tpe.propose(100), []
    proposed = next(rounds)
    while proposed is not None:
        (params,) = proposed.candidates
        seen.append(params)
        loss = abs(params["x"] - 0.7) + (params["kind"] == "bad")
        proposed = _send(rounds, [-loss if params["x"] < 0.9 else float("nan")])
    far = [abs(each["x"] - 0.7) + (each["kind"] == "bad") for each in seen]
    assert np.median(far[-20:]) < np.median(far[:10]) / 2
    assert len({repr(each) for each in seen}) == len(seen) <= 60


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_candidate_that_fails_costs_itself_and_is_named(kind):
    words = (
        "model=knn",
        "preprocessing=none",
        f"search={kind}",
        "model.space=null",
        "model.grid.n_neighbors=[3,100000]",
    )
    drawn = [] if kind == "grid" else ["search.n_candidates=9"]
    _, fitted = search(*words, *drawn)
    assert fitted.outcome.best_params["n_neighbors"] == 3
    assert "n_neighbors=100000" in fitted.outcome.failures[0]
    assert "Expected n_neighbors <= n_samples_fit" in fitted.outcome.failures[0]
    assert fitted.outcome.counts()["failed"] == len(fitted.outcome.failures)
    with pytest.raises(FitError, match="n_neighbors"):
        search(*words, *drawn, "search.error_score=raise")


def test_a_search_in_which_all_candidates_fail_is_an_error():
    with pytest.raises(
        FitError,
        match="all 8 candidates of the search failed; the first one, n_neighbors=90000.*: ValueError: Expected",
    ):
        search("model=knn", "preprocessing=none", "search=grid", "model.grid={n_neighbors: [90000, 100000]}")


@pytest.mark.slow
@pytest.mark.usefixtures("inline")
@pytest.mark.parametrize("kind", KINDS)
def test_a_search_that_a_budget_has_ended_is_replayed_without_a_clock(kind, monkeypatch):
    drawn = () if kind == "grid" else ("search.n_candidates=9",)
    words = ("model=tree", "preprocessing=none", f"search={kind}", "search.budget_seconds=60", *drawn)
    seen = []
    monkeypatch.setattr(Budget, "is_over", property(lambda _: len(seen) > 6))
    learn = Budget.learn
    monkeypatch.setattr(Budget, "learn", lambda self, *arguments: [seen.append(1), learn(self, *arguments)])
    config, ended = search(*words)
    assert config.search.budget_seconds is None
    assert 0 < len(config.search.evaluated) == len(ended.outcome.candidates)
    assert ended.outcome.n_not_evaluated > 0
    again, replayed = search(config=config)
    assert again.search == config.search
    assert_same(ended, replayed)


@pytest.mark.slow
@pytest.mark.usefixtures("inline")
def test_a_budget_that_suffices_leaves_the_config_of_a_search_without_one():
    words = ("model=tree", "preprocessing=none", "search=random", "search.n_candidates=3")
    ample, plain = search(*words, "search.budget_seconds=100"), search(*words)
    assert ample[0].search == plain[0].search
    assert_same(ample[1], plain[1])


def test_a_budget_that_has_passed_leaves_the_parameters_of_the_model():
    words = ("model=tree", "preprocessing=none", "search=grid", "search.budget_seconds=1")
    config, fitted = search(*words, begun=time.monotonic() - 1)
    assert config.search.evaluated == []
    assert not fitted.is_tuned
    assert fitted.outcome.best_params == {}
    assert fitted.pipeline[-1].get_params()["max_depth"] is None
    assert search(config=config)[0].search.evaluated == []


@pytest.mark.slow
def test_a_fit_that_would_outlast_the_budget_is_stopped_and_another_one_wins(workdir, monkeypatch):
    (workdir / "sleepy.py").write_text(
        "import time\n"
        "from sklearn.linear_model import Ridge\n"
        "class Sleepy(Ridge):\n"
        "    def fit(self, X, y):\n"
        "        time.sleep(600 if self.alpha > 1 else 0)\n"
        "        return super().fit(X, y)\n"
    )
    monkeypatch.syspath_prepend(workdir)
    monkeypatch.setenv("BIKEML_ALLOWED_PACKAGES", "sleepy")
    words = ("model=ridge", "preprocessing=none", "search=grid", "model.estimator._target_=sleepy.Sleepy")
    config, fitted = search(*words, "model.grid.alpha=[0.5,2,1]", "search.budget_seconds=50")
    assert {params["alpha"] for params in fitted.outcome.candidates["params"]} == {0.5, 1.0}
    assert config.search.evaluated == [0, 2]


def test_a_budget_keeps_the_time_that_follows_the_search(monkeypatch):
    monkeypatch.setattr(time, "monotonic", lambda: 0.0)
    budget = Budget(end=100, later_rows=[1.0, 1.0], later_scorings=10, overhead_seconds=1)
    assert budget.deadline == 99
    assert budget.limit(n_fits=1) == pytest.approx(99 / 3), "the fit, and two that follow"
    budget.learn(0.5, fit_seconds=2, score_seconds=0.1, n_fits=3, share=1.0)
    assert budget.deadline == 99 - 2 * 2 - 1
    budget.learn(0.4, fit_seconds=9, score_seconds=9, n_fits=3, share=1.0)
    assert budget.deadline == 94, "it is not the best one"


def test_a_budget_learns_from_the_rounds_of_halving_how_the_seconds_grow(monkeypatch):
    monkeypatch.setattr(time, "monotonic", lambda: 0.0)
    budget = Budget(end=100, later_rows=[1.0], later_scorings=0, overhead_seconds=0)
    budget.learn(0.5, 1.0, 0, 3, share=1 / 16)
    assert budget.deadline == pytest.approx(100 - 2), "much of them is taken to be the same for any rows"
    budget.learn(0.4, 4.0, 0, 3, share=1 / 4)  # a worse score, but of a later round
    assert budget.deadline == pytest.approx(100 - 4 * 4), "four times as long on four times the rows"


def test_candidates_from_all_over_a_grid_are_seen_first():
    assert spread(8) == [0, 4, 2, 6, 1, 5, 3, 7]
    assert sorted(spread(11)) == [*range(11)]


def test_a_budget_and_a_cluster_exclude_each_other():
    with pytest.raises(
        ConfigError, match=r"budget_seconds=9 stops processes of this machine, not those of scheduler='tcp"
    ):
        config_of("search=grid", "search.budget_seconds=9", "search.scheduler=tcp://127.0.0.1:1")


def test_optuna_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setattr("bikeml.experiment.grid.find_spec", lambda _: None)
    with pytest.raises(
        ConfigError, match=r"search=optuna needs Optuna; install it with: pip install 'bikeml\[optuna\]'"
    ):
        check_estimators(config_of("search=optuna"))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["halving", "optuna", "random"])
def test_a_run_of_each_search_is_recorded_loaded_and_repeated_from_its_record(kind, workdir, inline, monkeypatch):
    monkeypatch.setattr(Budget, "is_over", property(lambda budget: budget._spent > 0))
    fast = ("evaluation.bootstrap_samples=100", "evaluation.importance=none", "tracking=none")
    words = ("model=tree", "preprocessing=none", f"search={kind}", "search.n_candidates=4", *fast)
    result = bikeml.run(*words, "search.budget_seconds=60", "hydra.run.dir=first")
    folder = RunFolder(workdir / "first")
    record = folder.require()
    assert record.search.counts["not_evaluated"] > 0
    assert record.asked not in (None, record.fingerprint)
    assert record.answers(record.asked)
    assert (
        len(bikeml.load(workdir / "first").pipeline.predict(read_table(config_of(), find_tolerance(config_of())).X))
        > 700
    )
    config, again = search(config=typed(complete(take_known(folder.read_config()))))
    assert fingerprint(identify(config, record.dataset.sha256)) == record.fingerprint == result.fingerprint
    assert as_json(again.outcome.best_params) == record.search.best_params
    found = [each.scores["mean_test_score"] for each in record.search.candidates]
    assert [*again.outcome.candidates["mean_test_score"]] == found


@pytest.mark.parametrize("command", ["start", "run_multirun"])
def test_a_budget_begins_anew_after_a_command_of_the_same_process(command, monkeypatch):
    monkeypatch.setattr("bikeml.cli._finish", lambda _: entered(0.0))
    monkeypatch.setattr("bikeml.cli._call_hydra", lambda *_: InterruptedError(str(entered(0.0))))
    call = getattr(cli, command)
    if command == "start":
        noted = call([], seconds_ago=1000)
    else:
        with pytest.raises(InterruptedError) as caught:
            call(["model=rf"])
        noted = float(str(caught.value))
    assert 0 < noted <= time.time()
    assert entered(5.0) == 5.0, "what is called later was not entered then"
