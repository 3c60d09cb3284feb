import json
import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.metrics import r2_score
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_info, threadpool_limits

import bikeml
from bikeml.config.composition import config_dir
from bikeml.errors import ConfigError, DataError, FitError, RunFolderError
from bikeml.experiment import story as experiment
from bikeml.experiment import summary
from bikeml.experiment.model_file import load_pipeline
from bikeml.table.datasets import PUBLISHED_LINEAR
from tests.conftest import DAILY
from tests.test_config import MODELS

pytestmark = pytest.mark.usefixtures("unrendered")
FAST = ("tracking=none", "evaluation.bootstrap_samples=100", "evaluation.importance_repeats=1")
SMALL = {
    "rf": ["model.estimator.n_estimators=5", "model.grid.n_estimators=[3,5]", "model.grid.min_samples_leaf=[1]"],
    "gbr": ["model.estimator.n_estimators=5", "model.grid.n_estimators=[3,5]", "model.grid.learning_rate=[0.1]"],
}


LEAST = {"baseline": -0.1, "svr": -0.1, "gamma": 0.0, "elastic_net": 0.0}
"""R² of the models that docs/models.md advises to take with scaled columns, or a scaled target; 0.3 of the others."""
SMALL["extra_trees"] = SMALL["rf"]
SMALL["lightgbm"] = SMALL["xgboost"] = ["model.grid.n_estimators=[5,10]", "model.grid.learning_rate=[0.2]"]
SMALL["catboost"] = ["model.estimator.iterations=50", "model.grid.iterations=[30,50]", "model.grid.depth=[4]"]
SMALL["stacking"] = ["model.estimator.cv=2", "model.grid.passthrough=[true]", "split.folds=2"]
SMALL["voting"] = ["model.grid.weights=[[0,1,1]]", "split.folds=2"]
SMALL["hist_gbr"] = [
    "model.estimator.max_iter=20",
    "model.grid.max_iter=[10,20]",
    "model.grid.learning_rate=[0.2]",
    "model.grid.max_leaf_nodes=[7]",
]


def test_linear_regression_gives_the_published_figures():
    metrics = bikeml.run("tracking=none").metrics
    for name, published in PUBLISHED_LINEAR.items():
        assert metrics[name] == pytest.approx(published, rel=1e-12, abs=0)


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    ("preprocessing", "search"), [("none", "none"), pytest.param("standard", "grid", marks=pytest.mark.long)]
)
@pytest.mark.filterwarnings("ignore:The optimal value found for dimension")  # a Gaussian process without noise
def test_every_model_fits_with_every_preprocessing_and_search(model, preprocessing, search):
    overrides = [f"model={model}", f"preprocessing={preprocessing}", f"search={search}", *SMALL.get(model, [])]
    result = bikeml.run(*FAST, *overrides, "hydra.run.dir=out")
    assert result.metrics["test_r2"] > LEAST.get(model, 0.3)
    assert (result.record.search is not None) == (search == "grid") == result.record.cv.tuned_on_these_rows


@pytest.mark.slow
def test_a_chronological_experiment_runs_with_a_search():
    result = bikeml.run(*FAST, "split=chronological", "search=grid", "hydra.run.dir=out")
    assert len(result.record.cv.scores["r2"]) == 5
    assert result.predictions["row"].min() == 512


PUBLISHED_R2 = {
    "tutorial_tree": (0.499, 0.561),
    "tutorial_rf": (0.770, 0.789),
    "tutorial_gbr": (0.796, 0.796),
    "tutorial_search": (0.786, 0.797),
    "tutorial_pipeline_gbr": (0.791, 0.794),
    "tutorial_pipeline_rf": (0.792, 0.798),
}


@pytest.mark.slow
@pytest.mark.parametrize("recipe", [file.stem for file in sorted((config_dir() / "experiment").glob("*.yaml"))])
def test_every_recipe_runs_and_gives_the_tutorials_figure_where_it_has_one(recipe):
    small = {"tutorial_grid": ["model.grid.n_estimators=[3,5]"], "auto": ["model=ridge"]}.get(recipe, [])
    r2 = bikeml.run(*FAST, f"experiment={recipe}", *small, "hydra.run.dir=out").metrics["test_r2"]
    low, high = PUBLISHED_R2.get(recipe, (0, 1))
    assert low <= round(r2, 3) <= high


@pytest.mark.slow
def test_the_same_command_twice_gives_the_same_to_the_last_bit():
    first, second = (bikeml.run(*FAST, "model=rf", f"hydra.run.dir=run{i}", *SMALL["rf"]) for i in range(2))
    assert first.metrics == second.metrics
    assert first.record.intervals == second.record.intervals
    assert first.fingerprint == second.fingerprint
    assert first.record.cv == second.record.cv


@pytest.mark.long
@pytest.mark.slow
def test_working_folder_and_thread_count_change_nothing(workdir):
    outcomes = []
    for threads, n_jobs in (("1", "null"), ("2", "2")):
        folder = workdir / threads
        folder.mkdir()
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": threads,
            "OPENBLAS_NUM_THREADS": threads,
            "PYTHONHASHSEED": threads,
        }
        jobs = f"model.estimator.n_jobs={n_jobs}"
        subprocess.run(
            [sys.executable, "-m", "bikeml", "-m", *FAST, "model=linear,rf", jobs, "hydra.sweep.dir=out"],
            cwd=folder,
            env=environment,
            check=True,
            capture_output=True,
        )
        summaries = [json.loads((folder / "out" / cell / "result.json").read_text()) for cell in "01"]
        outcomes.append([(s["metrics"], s["intervals"], s["fingerprint"]) for s in summaries])
    assert outcomes[0] == outcomes[1]


@pytest.mark.slow
def test_python_gets_everything_about_the_run(workdir):
    result = bikeml.run(*FAST, "model=tree", "hydra.run.dir=out")
    assert isinstance(result.pipeline, Pipeline)
    assert set(result.figures) == {"evaluate.png", "residuals.png", "importance.png"}
    assert result.run_id is None
    assert result.folder == workdir / "out"
    assert result.pipeline.predict(pd.read_csv(DAILY)).shape == (731,)


@pytest.mark.slow
def test_the_run_folder_holds_the_whole_record(workdir):
    result = bikeml.run(*FAST, "model=tree", "search=grid", "hydra.run.dir=out")
    out = workdir / "out"
    assert {file.name for file in out.iterdir()} - {"code.diff"} == {
        "config.yaml", "cv_results.csv", "evaluate.png", "folds.csv", "importance.png", "model",
        "predictions.csv", "report.html", "residuals.png", "result.json", "scale.skops", "search.png", "tree.txt",
    }  # fmt: skip
    summary = json.loads((out / "result.json").read_text())
    assert {"test_mse", "test_rmse", "test_mae", "test_r2", "cv_r2_mean", "cv_r2_std"} <= set(summary["metrics"])
    assert summary["metrics"] == result.metrics
    assert summary["fingerprint"] == result.record.fingerprint
    assert summary["search"]["best_params"] == dict(result.record.search.best_params)
    assert len(summary["search"]["candidates"]) == 16
    assert yaml.safe_load((out / "config.yaml").read_text())["model"]["estimator"]["random_state"] == 0
    assert len(pd.read_csv(out / "cv_results.csv")) == 16
    assert "|--- " in (out / "tree.txt").read_text()
    assert summary["environment"]["packages"]["scikit-learn"]
    assert summary["environment"]["blas"][0]["architecture"]
    loaded = load_pipeline(out / "model")
    table = pd.read_csv(DAILY)
    np.testing.assert_array_equal(loaded.predict(table), result.pipeline.predict(table))
    predictions = pd.read_csv(out / "predictions.csv")
    np.testing.assert_array_equal(predictions["actual"], table["rentals"].iloc[predictions["row"] - 1])


@pytest.mark.slow
def test_the_predictions_of_the_folds_give_their_scores(workdir):
    result = bikeml.run(*FAST, "model=tree", "split.repeats=2", "hydra.run.dir=out")
    folds = pd.read_csv(workdir / "out" / "folds.csv", converters={"actual": float, "predicted": float})
    assert list(folds.columns) == ["row", "fold", "actual", "predicted"]
    scores = [r2_score(each["actual"], each["predicted"]) for _, each in folds.groupby("fold")]
    assert tuple(scores) == result.record.cv.scores["r2"]
    np.testing.assert_array_equal(folds["actual"], pd.read_csv(DAILY)["rentals"].iloc[folds["row"] - 1])
    assert not set(folds["row"]) & set(result.predictions["row"])


@pytest.mark.slow
def test_nested_cross_validation_judges_the_search_itself():
    overrides = ["model=tree", "search=grid", "hydra.run.dir=out"]
    tuned, nested = (bikeml.run(*FAST, *overrides, f"evaluation.nested={flag}") for flag in ("false", "true"))
    assert (tuned.record.cv.tuned_on_these_rows, nested.record.cv.tuned_on_these_rows) == (True, False)
    assert tuned.metrics["test_r2"] == nested.metrics["test_r2"]
    assert tuned.record.cv != nested.record.cv


@pytest.mark.slow
def test_a_table_of_text_categories_fits_with_standard_preprocessing(workdir):
    rows = [f"{i},{['red', 'blue', 'green'][i % 3]},{i * 2 + i % 3}" for i in range(60)]
    (workdir / "my.csv").write_text("size,colour,price\n" + "\n".join(rows))
    columns = ["data.target=price", "data.numeric=[size]", "data.categorical=[colour]"]
    result = bikeml.run(*FAST, "data=csv", "data.path=my.csv", *columns, "preprocessing=standard", "hydra.run.dir=out")
    assert result.metrics["test_r2"] > 0.99
    assert result.record.dataset.name == "my"


COLOURS = ("data.categorical=[colour]", "data.categories=inferred")


def write_gappy_table(folder):
    """Sizes, colours and prices of 90 things, some sizes and colours missing, both in the first row."""
    rows = [
        f"{'' if i % 7 == 0 else i},{'' if i % 11 == 0 else ['red', 'blue', 'NA'][i % 3]},{i * 2 + i % 3}"
        for i in range(90)
    ]
    (folder / "my.csv").write_text("size,colour,price\n" + "\n".join(rows))
    return ["data=csv", "data.path=my.csv", "data.target=price", "data.numeric=[size]", *COLOURS]


@pytest.mark.slow
@pytest.mark.parametrize(
    "choice",
    [
        ["preprocessing=imputed", "model=linear"],
        ["preprocessing=imputed", "model=gbr", "search=grid", "model.grid.learning_rate=[0.1,0.2]"],
        ["preprocessing=standard", "model=hist_gbr"],
        ["preprocessing=ordinal", "model=rf"],
    ],
)
def test_a_table_with_gaps_fits_and_the_run_counts_them(choice, workdir):
    result = bikeml.run(*FAST, *write_gappy_table(workdir), *choice, "hydra.run.dir=out")
    assert result.metrics["test_r2"] > 0.5
    summary = json.loads((workdir / "out" / "result.json").read_text())
    assert summary["dataset"]["gaps"] == {"size": 13, "colour": 9}
    example = json.loads((workdir / "out/model/input_example.json").read_text())
    assert not any(value is None for row in example["data"] for value in row)
    loaded = load_pipeline(workdir / "out" / "model")
    table = pd.read_csv(workdir / "my.csv")
    np.testing.assert_array_equal(loaded.predict(table), result.pipeline.predict(table))


def test_gaps_that_nothing_fills_are_refused_with_the_way_out(workdir):
    with pytest.raises(DataError, match=r"'size' is missing in row 1, row 8, .*choose preprocessing=auto"):
        bikeml.run(*FAST, *write_gappy_table(workdir), "preprocessing=standard")


@pytest.mark.slow
def test_the_same_table_from_a_file_is_the_same_experiment():
    other = bikeml.run(*FAST, f"data.path={DAILY}", "hydra.run.dir=out")
    assert other.fingerprint == bikeml.run(*FAST, "hydra.run.dir=out").fingerprint


def test_wrong_estimators_are_refused_before_the_table_is_read():
    with pytest.raises(ConfigError, match="Got -1 instead"):
        bikeml.run(*FAST, "model=rf", "model.estimator.n_estimators=-1", "data=csv", "data.path=none.csv")


def test_a_wrong_table_leaves_nothing_behind(workdir):
    with pytest.raises(DataError, match="there is no table"):
        bikeml.run(*FAST, "data=csv", "data.path=none.csv")
    assert list(workdir.iterdir()) == []


def test_arguments_that_contradict_each_other_are_a_fit_error(workdir):
    with pytest.raises(FitError, match="the pipeline could not be fitted: ValueError: .*oob_score|bootstrap"):
        bikeml.run(*FAST, "model=rf", "model.estimator.oob_score=true", "model.estimator.bootstrap=false")
    assert list(workdir.iterdir()) == []


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_predictions_that_are_not_finite_are_a_fit_error(workdir):
    arguments = ("model=gbr", "model.estimator.learning_rate=1e300", "model.estimator.n_estimators=5")
    with pytest.raises(FitError, match="the pipeline could not be fitted: ValueError: Input .*contains"):
        bikeml.run(*FAST, *arguments)
    assert list(workdir.iterdir()) == []


def test_an_unknown_scorer_is_named_before_the_table_is_read():
    with pytest.raises(ConfigError, match=r"search.scoring='r3' is not a scorer.*'r2'"):
        bikeml.run(*FAST, "search=grid", "search.scoring=r3", "data=csv", "data.path=none.csv")


def test_a_run_folder_below_a_file_is_named(workdir):
    (workdir / "file").write_text("")
    with pytest.raises(RunFolderError, match=r"cannot write the run folder .*; choose another with hydra.run.dir"):
        bikeml.run(*FAST, "hydra.run.dir=file/out")


def test_of_a_large_tree_the_first_levels_are_written():
    from sklearn.compose import make_column_transformer
    from sklearn.preprocessing import StandardScaler
    from sklearn.tree import DecisionTreeRegressor

    X = pd.DataFrame({"x": np.arange(3000.0)})

    def rules(**limits):
        preprocessor = make_column_transformer((StandardScaler(), ["x"]))
        steps = [("preprocessor", preprocessor), ("regressor", DecisionTreeRegressor(random_state=0, **limits))]
        return summary._explain_tree(SimpleNamespace(pipeline=Pipeline(steps).fit(X, X["x"] % 1000)))

    whole, first_levels = rules(max_leaf_nodes=summary.MANY_LEAVES), rules()
    assert "truncated" not in whole
    assert whole.count("value:") == summary.MANY_LEAVES
    assert "truncated branch of depth" in first_levels
    assert len(first_levels.splitlines()) < 2 ** (summary.LEVELS_OF_A_LARGE_TREE + 3)


@pytest.mark.slow
@pytest.mark.parametrize(("rows", "threads"), [(731, {1}), (1, {1, 3})])
def test_openmp_has_threads_where_there_are_rows_for_them(monkeypatch, rows, threads):
    seen = set()

    def look(*arguments):
        seen.update(pool["num_threads"] for pool in threadpool_info())
        return fit(*arguments)

    fit = experiment.fit
    monkeypatch.setattr(experiment, "fit", look)
    monkeypatch.setattr(experiment, "ROWS_FOR_THREADS", rows)
    with threadpool_limits(limits=3, user_api="openmp"):
        bikeml.run(*FAST, "model=linear")
    assert seen == threads
