"""Metrics are a choice: what each one is, which one ranks, and who reads that."""

import math
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.metrics import get_scorer, get_scorer_names

import bikeml
from bikeml.errors import ConfigError, DataError, FitError
from bikeml.evaluation import evaluate
from bikeml.evaluation.choice import choose_sweep_rank, decide_metrics, find_quantile
from bikeml.evaluation.metrics import AT_A_QUANTILE, METRICS, at_quantile, find_metric
from bikeml.evaluation.uncertainty import units as drawn_together
from bikeml.evaluation.uncertainty.units import Units
from bikeml.experiment.check import check_estimators
from bikeml.experiment.searching.scoring import find_scorer
from bikeml.multirun.run import to_score
from bikeml.pages.sweep.leaderboard import build_leaderboard, count_cells
from bikeml.pages.sweep.plots import find_limits
from bikeml.pages.sweep.report import render_report
from bikeml.records.fingerprint import fingerprint, identify
from bikeml.records.run import CrossValidation
from bikeml.records.sweep import SweepRecord
from bikeml.records.sweep_folder import SweepFolder
from tests.builders import run_record, write_sweep
from tests.conftest import config_of

NAMES = [at_quantile(name, 0.9) if name in AT_A_QUANTILE else name for name in METRICS]
QUANTILE = ("model=gbr", "model.estimator.loss=quantile", "model.estimator.alpha=0.9")
FAST = ("tracking=none", "evaluation.bootstrap_samples=100", "evaluation.importance_repeats=1")


def sample(n_rows=300, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.gamma(2, 2, n_rows) + 1
    return y, np.abs(y + rng.normal(0, 0.5, n_rows)) + 0.1


def rows(n_rows):
    return Units.of("rows", np.arange(n_rows))


def decided(*overrides):
    return decide_metrics(config_of(*overrides))


# what a metric is


@pytest.mark.parametrize("name", NAMES)
def test_a_metric_is_scikit_learns(name):
    metric, (y, predicted) = find_metric(name), sample()
    function = getattr(sklearn.metrics, metric.function)
    assert metric.measure(y, predicted) == function(y, predicted, **metric.arguments)
    if metric.scorer:
        assert metric.scorer in get_scorer_names()
    else:
        assert metric.function not in {get_scorer(known)._score_func.__name__ for known in get_scorer_names()} - {
            "d2_tweedie_score"
        }


@pytest.mark.parametrize("name", NAMES)
def test_the_scorer_of_a_metric_is_the_metric_with_its_sign(name):
    metric, (y, _) = find_metric(name), sample()
    X = pd.DataFrame({"a": y})
    model = DummyRegressor(strategy="mean").fit(X, y)
    scorer = find_scorer(metric.scorer or name)
    scorer = get_scorer(scorer) if isinstance(scorer, str) else scorer
    assert scorer(model, X, y) == metric.sign * metric.measure(y, model.predict(X)) == metric.score(model, X, y)
    assert pickle.loads(pickle.dumps(scorer))(model, X, y) == scorer(model, X, y)


@pytest.mark.parametrize("name", NAMES)
def test_perfect_predictions_are_the_best(name):
    metric, (y, predicted) = find_metric(name), sample()
    assert metric.sign * metric.measure(y, y) > metric.sign * metric.measure(y, predicted)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("max_error", "median_ae")])
@pytest.mark.parametrize(("n_rows", "seed"), [(2, 0), (31, 1), (300, 2)])
def test_what_an_interval_is_made_of_is_the_metric(name, n_rows, seed):
    metric, (y, predicted) = find_metric(name), sample(n_rows, seed)
    statistic = metric.find_statistic(y, predicted)
    value = statistic.value(*[term.mean() for term in statistic.terms])
    assert value == pytest.approx(metric.measure(y, predicted), rel=1e-9)


def test_intervals_over_sets_of_rows_are_those_over_rows_within_the_noise_of_both(monkeypatch):
    y, predicted = sample(20_000, 3)
    settings = decided(f"evaluation.metrics=[{','.join(NAMES)}]").evaluation
    over_sets = evaluate.intervals(y, predicted, settings, rows(20_000))
    monkeypatch.setattr(drawn_together, "MANY_UNITS", 20_000)
    settings = settings.model_copy(update={"bootstrap_samples": 500})
    over_rows = evaluate.intervals(y, predicted, settings, rows(20_000))
    assert [*over_rows] == [*over_sets] == [name for name in NAMES if name != "max_error"]
    for name, (low, high) in over_rows.items():
        np.testing.assert_allclose(over_sets[name], (low, high), atol=0.2 * (high - low))


@pytest.mark.parametrize("alpha", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("n_rows", [20, 20_000])
def test_an_interval_holds_the_metric_at_any_quantile(alpha, n_rows):
    y, predicted = sample(n_rows, 4)
    names = [at_quantile(name, alpha) for name in AT_A_QUANTILE]
    settings = decided(f"evaluation.metrics=[{','.join(names)},median_ae]", "evaluation.rank=median_ae").evaluation
    found = evaluate.intervals(y, predicted, settings, rows(n_rows))
    for name, value in evaluate.measure(y, predicted, settings.metrics).items():
        low, high = found[name]
        assert low < value < high


@pytest.mark.parametrize(
    ("name", "change", "reason"),
    [
        ("mape", (0, 1), "the target is 0 in 1 of 3 rows"),
        ("rmsle", (-1, 1), "the target is -1 or less in 1 of 3 rows"),
        ("rmsle", (1, -2), "the prediction is -1 or less in 1 of 3 rows"),
        ("poisson_deviance", (-0.5, 1), "the target is negative in 1 of 3 rows"),
        ("poisson_deviance", (1, 0), "the prediction is 0 or less in 1 of 3 rows"),
        ("d2_poisson", (1, -1), "the prediction is 0 or less in 1 of 3 rows"),
    ],
)
def test_a_metric_that_is_undefined_is_none_with_the_reason(name, change, reason):
    y, predicted = np.array([1.0, 2.0, change[0]]), np.array([1.5, 2.5, change[1]])
    assert math.isnan(evaluate.measure(y, predicted, [name])[name])
    assert evaluate.find_undefined(y, predicted, ["mae", name]) == {name: reason}
    settings = decided(f"evaluation.metrics=[{name},mae]", "evaluation.rank=mae").evaluation
    assert [*evaluate.intervals(np.tile(y, 5), np.tile(predicted, 5), settings, rows(15))] == ["mae"]


def test_a_maximum_has_no_interval():
    settings = decided("evaluation.metrics=[max_error]").evaluation
    assert evaluate.intervals(*sample(), settings, rows(300)) == {}


@pytest.mark.parametrize("name", ["pinball_0.9", "pinball_.9", "pinball_0.90"])
def test_a_quantile_has_one_spelling(name):
    assert find_metric(name).name == "pinball_0.9"
    assert find_metric(name).arguments == {"alpha": 0.9}
    assert find_metric(name).label == "pinball loss at 0.9"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mapee", "'mapee' is not a metric; did you mean 'mape'?; the metrics are mse, rmse, mae, r2, mape, "),
        ("RMSE", "'RMSE' is not a metric; did you mean 'rmse'?"),
        ("neg_mean_absolute_error", "is scikit-learn's name of a metric that is called mae here; write mae"),
        ("mean_squared_error", "is scikit-learn's name of a metric that is called mse here; write mse"),
        ("mean_pinball_loss", "is scikit-learn's name of a metric that is called pinball_0.9 here; write pinball_0.9"),
        ("pinball", "'pinball' needs a quantile between 0 and 1; write pinball_0.9 for the quantile 0.9"),
        ("pinball_1.5", "'pinball_1.5' needs a quantile between 0 and 1; write pinball_0.9"),
        ("d2_pinball_0", "'d2_pinball_0' needs a quantile between 0 and 1; write d2_pinball_0.9"),
    ],
)
def test_an_unknown_metric_says_what_to_write(name, message):
    with pytest.raises(ConfigError) as caught:
        find_metric(name)
    assert message in str(caught.value)


# which ones judge a run, and which one ranks it


@pytest.mark.parametrize(
    ("overrides", "metrics", "rank"),
    [
        ((), ["mse", "rmse", "mae", "r2"], "r2"),
        (("evaluation.metrics=[mae,r2]",), ["mae", "r2"], "r2"),
        (("evaluation.metrics=[mape,mae]",), ["mape", "mae"], "mape"),
        (("evaluation.rank=mae",), ["mse", "rmse", "mae", "r2"], "mae"),
        (
            ("evaluation.metrics=[mae,pinball_.9]", "evaluation.rank=pinball_0.90"),
            ["mae", "pinball_0.9"],
            "pinball_0.9",
        ),
        (QUANTILE, ["mse", "rmse", "mae", "r2", "pinball_0.9"], "pinball_0.9"),
        ((*QUANTILE, "evaluation.metrics=[pinball,d2_pinball]"), ["pinball_0.9", "d2_pinball_0.9"], "pinball_0.9"),
        ((*QUANTILE, "evaluation.rank=r2"), ["mse", "rmse", "mae", "r2"], "r2"),
    ],
)
def test_the_rank_is_r2_unless_the_config_or_the_model_says_otherwise(overrides, metrics, rank):
    check_estimators(config_of(*overrides))
    evaluation = decided(*overrides).evaluation
    assert (evaluation.metrics, evaluation.rank) == (metrics, rank)


def test_deciding_twice_changes_nothing():
    once = decided(*QUANTILE, "search=grid")
    assert decide_metrics(once) == once


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["evaluation.metrics=[]"], "evaluation.metrics=[] names no metric; write at least one, such as [r2]"),
        (["evaluation.metrics=[r2,mae,r2]"], "evaluation.metrics has r2 2 times; write it once"),
        (["evaluation.metrics=[r2,pinball_0.9,pinball_.9]"], "evaluation.metrics has pinball_0.9 2 times"),
        (["evaluation.metrics=[r2,mea]"], "evaluation.metrics: 'mea' is not a metric; did you mean"),
        (["evaluation.metrics=[r2,pinball]"], "evaluation.metrics: 'pinball' needs a quantile"),
        (["evaluation.rank=mape"], "evaluation.rank='mape' is not one of evaluation.metrics (mse, rmse, mae, r2); choose"),
        (["evaluation.rank=neg_mean_squared_error"], "evaluation.rank: 'neg_mean_squared_error' is scikit-learn's name"),
    ],
)  # fmt: skip
def test_a_wrong_choice_is_one_message_before_anything_is_read(overrides, message, bikeml_main, capsys, workdir):
    assert bikeml_main(*overrides, "data=csv", "data.path=missing.csv", "data.target=y", "tracking=none") == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1
    assert [*workdir.iterdir()] == []


@pytest.mark.parametrize(
    ("spec", "quantile"),
    [
        ({"_target_": "sklearn.linear_model.QuantileRegressor"}, 0.5),
        ({"_target_": "sklearn.linear_model.QuantileRegressor", "quantile": 0.2}, 0.2),
        ({"_target_": "sklearn.ensemble.GradientBoostingRegressor", "loss": "quantile"}, 0.9),
        ({"_target_": "sklearn.ensemble.GradientBoostingRegressor", "loss": "huber", "alpha": 0.9}, None),
        ({"_target_": "sklearn.ensemble.HistGradientBoostingRegressor", "loss": "quantile", "quantile": 0.3}, 0.3),
        ({"_target_": "sklearn.ensemble.HistGradientBoostingRegressor", "loss": "quantile", "quantile": None}, None),
        ({"_target_": "lightgbm.LGBMRegressor", "objective": "quantile", "alpha": 0.4}, 0.4),
        ({"_target_": "xgboost.XGBRegressor", "objective": "reg:quantileerror", "quantile_alpha": 0.6}, 0.6),
        ({"_target_": "sklearn.dummy.DummyRegressor", "strategy": "quantile", "quantile": 0.8}, 0.8),
        ({"_target_": "sklearn.linear_model.Lasso", "alpha": 0.5}, None),
        ({"_target_": "sklearn.compose.TransformedTargetRegressor",
          "regressor": {"_target_": "sklearn.linear_model.QuantileRegressor", "quantile": 0.7}}, 0.7),
    ],
)  # fmt: skip
def test_a_model_of_a_quantile_is_known_by_its_arguments(spec, quantile):
    assert find_quantile(spec) == quantile


def test_the_default_of_a_quantile_is_the_models_own():
    assert (
        find_quantile({"_target_": "x.GradientBoostingRegressor", "loss": "quantile"})
        == GradientBoostingRegressor().alpha
    )


@pytest.mark.parametrize(
    ("overrides", "scoring"),
    [
        (["search=grid"], "r2"),
        (["search=grid", "evaluation.rank=mae"], "neg_mean_absolute_error"),
        (["search=grid", "search.scoring=neg_mean_squared_error", "evaluation.rank=mae"], "neg_mean_squared_error"),
        (["search=grid", "search.scoring=mse"], "neg_mean_squared_error"),
        (["search=grid", "search.scoring=pinball_.8"], "pinball_0.8"),
        ([*QUANTILE, "search=grid"], "pinball_0.9"),
    ],
)
def test_a_search_is_scored_by_the_rank_unless_it_says_otherwise(overrides, scoring):
    config = config_of("model=gbr", *overrides)
    check_estimators(config)
    assert decide_metrics(config).search.scoring == scoring


# the identity


def identity_of(*overrides):
    return fingerprint(identify(decided(*overrides), "a" * 64))


def test_a_metric_counts_only_if_the_search_or_the_importance_reads_it():
    assert identity_of("evaluation.metrics=[mae,r2]") == identity_of()
    assert identity_of("evaluation.rank=mae") != identity_of()
    blind = "evaluation.importance=none"
    assert identity_of("evaluation.rank=mae", blind) == identity_of(blind)
    searched = ("model=gbr", "search=grid", blind)
    assert identity_of("evaluation.rank=mae", *searched) != identity_of(*searched)
    same = identity_of("evaluation.rank=mae", "search.scoring=neg_mean_absolute_error", *searched)
    assert identity_of("evaluation.rank=mae", *searched) == same == identity_of("search.scoring=mae", *searched)


def test_the_default_enters_an_identity_as_in_earlier_versions():
    config = identify(decided("model=gbr", "search=grid"), "a" * 64)["config"]
    assert config["search"] == {"kind": "grid", "scoring": "r2", "folds": 3}
    assert not {"metrics", "rank"} & config["evaluation"].keys()


# a run


def test_a_run_is_judged_by_the_metrics_that_are_asked_for(workdir, capsys, bikeml_main):
    names = "[mae,mape,rmsle,max_error,pinball_.9]"
    assert bikeml_main(*FAST, f"evaluation.metrics={names}", "evaluation.rank=mae", "hydra.run.dir=run") == 0
    shown = capsys.readouterr().out
    for part in ("test_max_error", "test_pinball_0.9", "cv_mae_mean", "test_rmsle: the prediction is -1 or less in"):
        assert part in shown
    assert "test_r2" not in shown
    from bikeml.records.run_folder import RunFolder

    record = RunFolder(workdir / "run").require()
    assert record.rank == "mae"
    assert [*record.cv.scores] == ["mae", "mape", "rmsle", "max_error", "pinball_0.9"]
    assert record.score == pytest.approx(np.mean(record.cv.scores["mae"]))
    assert to_score(record) == -record.score
    assert record.metrics["test_rmsle"] is record.metrics["cv_rmsle_mean"] is None
    assert {"test_rmsle", "cv_rmsle_mean", "cv_rmsle_pooled"} == record.undefined.keys()
    of_test = ["test_mae", "test_mape", "test_pinball_0.9"]
    assert [*record.intervals] == [*of_test, "cv_mae_pooled", "cv_mape_pooled", "cv_pinball_0.9_pooled"]


@pytest.mark.slow
def test_the_figures_and_the_importance_of_a_run_are_those_of_its_rank():
    by_r2, by_mae = (bikeml.run(*FAST, f"evaluation.rank={rank}", f"hydra.run.dir={rank}") for rank in ("r2", "mae"))
    assert by_r2.metrics == by_mae.metrics
    assert by_r2.intervals == by_mae.intervals
    assert max(by_mae.record.importance.mean) > max(by_r2.record.importance.mean) > 0
    assert by_mae.figures["evaluate.png"].axes[0].get_title("left").endswith(" to 363.53)") or "MAE" in by_mae.figures[
        "evaluate.png"
    ].axes[0].get_title("left")
    assert "R² 0.604 (95% interval 0." in by_r2.figures["evaluate.png"].axes[0].get_title("left")
    labels = [each.figures["importance.png"].axes[0].get_xlabel() for each in (by_r2, by_mae)]
    assert [label.partition(" when")[0] for label in labels] == ["fall of the test R²", "rise of the test MAE"]
    assert repr(by_mae).startswith("Result('linear', test_mae=323.00")
    assert (by_r2.score, by_mae.score) == (by_r2.metrics["cv_r2_mean"], -by_mae.metrics["cv_mae_mean"])


def test_an_importance_whose_metric_is_undefined_loses_no_run():
    words = ("evaluation.metrics=[poisson_deviance,r2]", "evaluation.rank=poisson_deviance")
    result = bikeml.run(*FAST, *words, "hydra.run.dir=run")  # a linear model predicts negative rentals
    assert set(result.record.importance.mean) == {None}
    assert math.isnan(result.score)
    assert result.figures


def test_a_target_that_leaves_the_rank_undefined_is_refused_before_the_fit(workdir):
    rng = np.random.default_rng(0)
    pd.DataFrame({"a": rng.normal(size=60), "y": [0.0, *rng.normal(size=59)]}).to_csv("t.csv", index=False)
    words = ("data=csv", "data.path=t.csv", "data.target=y", "evaluation.metrics=[mape,r2]", *FAST)
    with pytest.raises(
        DataError, match="evaluation.rank=mape is undefined: the target is 0 in 1 of 60 rows of t.csv; rank"
    ):
        bikeml.run(*words, "evaluation.rank=mape", "hydra.run.dir=a")
    assert bikeml.run(*words, "hydra.run.dir=b").metrics["cv_mape_mean"] is None


@pytest.mark.slow
def test_a_quantile_model_is_searched_and_ranked_by_its_pinball_loss_with_shared_fits():
    grid = "model.grid={n_estimators: [3, 6], learning_rate: [0.1, 0.3]}"
    result = bikeml.run(*FAST, *QUANTILE, "search=grid", grid, "hydra.run.dir=run")
    search = result.record.search
    assert (search.scoring, search.counts["fits"], search.counts["fits_avoided"]) == ("pinball_0.9", 6, 6)
    assert search.best_score == max(candidate.scores["mean_test_score"] for candidate in search.candidates) < 0
    assert result.record.rank == "pinball_0.9"
    assert not any("quantile" in hint for hint in result.record.hints)


def test_a_quantile_model_that_r2_ranks_is_told():
    result = bikeml.run(*FAST, *QUANTILE, "evaluation.rank=r2", "model.estimator.n_estimators=3", "hydra.run.dir=run")
    (hint,) = (hint for hint in result.record.hints if "quantile" in hint)
    assert "evaluation.rank=auto ranks by pinball_0.9" in hint


# records


def test_a_record_of_an_earlier_version_is_ranked_by_r2():
    record = run_record()
    assert (record.rank, record.score, record.undefined) == ("r2", pytest.approx(0.55), {})


def test_the_scores_of_the_folds_keep_their_keys_in_the_record():
    counts = {"n_fit": (8, 8), "n_score": (2, 2), "folds": "f", "tuned_on_these_rows": False}
    cv = CrossValidation(mae=(1.0, None), **counts)
    assert cv.scores == {"mae": (1.0, None)}
    assert CrossValidation.model_validate_json(cv.model_dump_json()) == cv


# a sweep


def by_loss(folds, name, **changes):
    """A finished run that the loss of its folds ranks."""
    counts = {"n_fit": (80, 80), "n_score": (20, 20), "folds": "f", "tuned_on_these_rows": False}
    scores = [score for score in folds if score is not None]
    mean, std = float(np.mean(scores)), float(np.std(scores))
    metrics = {"cv_mae_mean": mean, "cv_mae_std": std, "test_mae": 5.0, "test_r2": 0.5}
    content = {"rank": "mae", "metrics": metrics, "cv": CrossValidation(mae=folds, **counts), "intervals": {}}
    return run_record(name=name, **content | changes)


def sweep_by(rank, folder, **cells):
    written = write_sweep(folder, **cells)
    SweepRecord(**(written.read().model_dump(exclude={"form"}) | {"rank": rank})).write(folder)
    return written.look()


def test_of_a_loss_the_smallest_is_the_best(workdir):
    cells = {"a": by_loss((4.0, 6.0), "a"), "b": by_loss((1.0, 2.0), "b"), "c": by_loss((30.0, 40.0), "c")}
    sweep = sweep_by("mae", workdir, **cells)
    board = build_leaderboard(sweep)
    assert list(board["name"]) == ["x=b", "x=a", "x=c"]
    assert list(board["cv_mae_mean"]) == [1.5, 5.0, 35.0]
    assert list(board["difference"]) == [0.0, 3.5, 33.5]
    assert count_cells(sweep, board) == {"cells_finished": 3.0, "best_cv_mae_mean": 1.5}
    page = render_report(sweep, board)
    for part in (
        "best cv MAE 1.5000 ± 0.5000",
        "Ranked by cross-validated MAE",
        "the smaller the better",
        "test MAE",
        "MAE of the folds",
    ):
        assert part in page
    assert "cv R²" not in page


def test_a_cell_without_the_metric_has_no_rank_and_says_why(workdir):
    undefined = {"cv_mae_mean": None, "cv_mae_std": None}
    cells = {
        "a": by_loss((4.0, 6.0), "a"),
        "b": run_record(name="b"),
        "c": by_loss((None, 1.0), "c", metrics=undefined, undefined={"cv_mae_mean": "the target is 0"}),
    }
    board = build_leaderboard(sweep_by("mae", workdir, **cells)).set_index("cell")
    assert board["rank"].isna().tolist() == [False, True, True]
    assert "its run has no cv_mae_mean" in board["note"][1]
    assert board["note"][2] == "no rank: cv_mae_mean is undefined: the target is 0"


def test_a_sweep_of_another_sweeper_is_ranked_by_what_its_cells_have_in_common(workdir):
    for name, cells in {
        "same": {"a": by_loss((4.0, 6.0), "a"), "b": by_loss((1.0, 2.0), "b")},
        "mixed": {"a": by_loss((4.0, 6.0), "a"), "b": run_record(name="b")},
    }.items():
        write_sweep(workdir / name, **cells)
        (workdir / name / SweepRecord.FILE).unlink()
    assert [SweepFolder(workdir / name).read().rank for name in ("same", "mixed")] == ["mae", "r2"]


@pytest.mark.parametrize(
    ("cells", "rank"),
    [
        ([(), ("model=gbr",)], "r2"),
        ([("evaluation.rank=mae",)] * 2, "mae"),
        ([QUANTILE, QUANTILE], "pinball_0.9"),
        ([QUANTILE, ()], "r2"),
        ([QUANTILE, (*QUANTILE, "model.estimator.alpha=0.1")], "r2"),
        ([("evaluation.metrics=[mae]",), ("evaluation.metrics=[mae,mse]",)], "mae"),
    ],
)
def test_a_sweep_has_one_rank(cells, rank):
    assert choose_sweep_rank([config_of(*cell) for cell in cells]) == rank


@pytest.mark.parametrize(
    ("words", "ranks"),
    [
        (["evaluation.rank=mae,r2"], "'mae', 'r2'"),
        (["evaluation.metrics=[mae],[rmse]"], "'mae', 'rmse'"),
        ([*QUANTILE[:2], "model.estimator.alpha=0.1,0.9", "evaluation.metrics=[pinball]", "evaluation.rank=pinball"],
         "'pinball_0.1', 'pinball_0.9'"),
    ],
)  # fmt: skip
def test_cells_of_several_ranks_are_refused_before_any_of_them_runs(words, ranks, bikeml_main, capsys, workdir):
    assert bikeml_main("-m", "tracking=none", "hydra.sweep.dir=sweep", *words) == 2
    error = capsys.readouterr().err
    assert (
        f"bikeml: the cells of a sweep are ranked by one metric, and these have {ranks}; set evaluation.rank" in error
    )
    assert [*workdir.iterdir()] == []


@pytest.mark.slow
@pytest.mark.usefixtures("unrendered")
def test_a_sweep_is_ranked_by_the_metric_that_is_asked_for(bikeml_main, capsys, workdir):
    words = ("model=linear,baseline", "evaluation.metrics=[mae,r2]", "evaluation.rank=mae", "hydra.sweep.dir=sweep")
    assert bikeml_main("-m", *FAST, *words) == 0
    shown = capsys.readouterr()
    assert "[1/2] model=linear: cv_mae 287.16 ± 32.62" in shown.err
    assert "2 cells, by cross-validated MAE" in shown.out
    assert SweepFolder(workdir / "sweep").read().rank == "mae"
    board = pd.read_csv("sweep/leaderboard.csv")
    assert list(board["name"]) == ["model=linear", "model=baseline"]


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.usefixtures("unrendered")
def test_cells_of_different_quantiles_are_ranked_by_r2_and_say_so(bikeml_main, capsys):
    words = (*QUANTILE[:2], "model.estimator.alpha=0.1,0.9", "model.estimator.n_estimators=3", "hydra.sweep.dir=sweep")
    assert bikeml_main("-m", *FAST, *words) == 0
    assert "ranked by  r2; alone, cells are ranked by pinball_0.1, pinball_0.9" in capsys.readouterr().out
    assert "Alone, cells are ranked by pinball_0.1, pinball_0.9." in Path("sweep/report.html").read_text()


@pytest.mark.long
@pytest.mark.usefixtures("unrendered")
def test_a_recorded_run_that_lacks_a_metric_is_not_reused(bikeml_main):
    words = ("-m", *FAST[1:], "reuse=finished", "evaluation.importance=none")
    notes = []
    for number, more in enumerate(
        (["evaluation.metrics=[r2]"], ["evaluation.metrics=[mae]"], ["evaluation.metrics=[mae]"])
    ):
        assert bikeml_main(*words, *more, f"hydra.sweep.dir={number}") == 0
        board = pd.read_csv(f"{number}/leaderboard.csv")
        notes.append((board["status"][0], board["note"][0]))
    assert notes[1][0] == "finished"
    assert notes[1][1].endswith("cannot be reused: it was not judged by mae")
    assert notes[2][0] == "reused"


@pytest.mark.parametrize(("sign", "worst"), [(1, 0.6), (-1, 0.85)])
def test_cells_that_are_far_worse_do_not_set_the_limits(sign, worst):
    means, stds = np.array([0.8, 0.75, 0.7, 0.65, -sign * 40.0]), np.full(5, 0.05)
    limits = find_limits(means, stds, sign)
    assert limits.worst == pytest.approx(worst)
    assert limits.hold(means).tolist() == [True] * 4 + [False]


# a search by a metric that may be undefined


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:One or more of the:UserWarning")  # scikit-learn's, of scores that are NaN
def test_candidates_whose_score_is_undefined_are_the_last():
    words = ("model=lasso", "search=grid", "evaluation.metrics=[rmsle,r2]", "evaluation.rank=rmsle")
    grid = "model.grid={alpha: [1, 1000, 1e9]}"  # the last two predict no negative rentals
    result = bikeml.run(*FAST, *words, grid, "hydra.run.dir=run")
    scores = {each.params["alpha"]: each.scores["mean_test_score"] for each in result.record.search.candidates}
    assert scores[1] is None
    assert result.record.search.best_params["alpha"] != 1
    assert result.record.search.best_score == max(score for score in scores.values() if score is not None)


@pytest.mark.filterwarnings("ignore:One or more of the:UserWarning")  # scikit-learn's, of scores that are NaN
def test_a_search_without_any_score_says_why():
    words = ("model=lasso", "search=grid", "search.scoring=neg_mean_poisson_deviance", "model.grid={alpha: [0.1, 1]}")
    message = "search.scoring=neg_mean_poisson_deviance, which is undefined with a negative target, a prediction of 0"
    with pytest.raises(FitError, match=message):
        bikeml.run(*FAST, *words, "hydra.run.dir=run")


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["evaluation.metrics=mae"], "evaluation.metrics='mae' should be a list of metrics, such as [r2, mae]"),
        (["evaluation.metrics=null"], "evaluation.metrics=null should be a list of metrics, such as [r2, mae]"),
        (["model=lasso", "search=grid", "search.scoring=maee"], "not a scorer of scikit-learn; did you mean 'mae'?"),
    ],
)
def test_a_value_of_the_wrong_kind_says_what_is_wanted(overrides, message):
    with pytest.raises(ConfigError) as caught:
        check_estimators(config_of(*overrides))
    assert message in str(caught.value)


def test_metrics_that_are_none_are_refused_when_they_are_decided():
    with pytest.raises(ConfigError, match="'r3' is not a metric"):
        decide_metrics(config_of("evaluation.metrics=[r3]"))
